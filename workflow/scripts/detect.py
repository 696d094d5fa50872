"""Detections and class scores of one run in one target dataset."""

from pathlib import Path

from actionbytes.data.annotations import classes_of, of_subset, read_annotations
from actionbytes.data.splits import of_classes
from actionbytes.data.words import ALIASES
from actionbytes.progress import in_log
from actionbytes.steps.detect import Localizer, detect
from actionbytes.steps.job import job

with job(snakemake):
    planned, out = snakemake.params.detections, Path(snakemake.output.detections)
    videos = of_subset(read_annotations(snakemake.input.annotations), planned.subset)
    if planned.classes is not None:
        videos = of_classes(videos, planned.classes)
    words = [Path(path) for path in snakemake.input.words]
    localizer = Localizer.of(
        Path(snakemake.input.model).parent,
        planned.localization,
        transfer=planned.transfer,
        classes=classes_of(videos),
        words=words[0] if words else None,
        aliases={**ALIASES, **snakemake.params.aliases},
        round=planned.round,
    )
    planned.recipe.write(out.parent)
    detect(
        localizer,
        shards=[Path(path) for path in snakemake.input.features],
        detections=out,
        scores=Path(snakemake.output.scores),
        names=videos,
        progress=in_log(),
    )
