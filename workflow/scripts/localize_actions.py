"""Detections of one run in one target dataset."""

from pathlib import Path

from actionbytes.data.annotations import classes_of, of_subset, read_annotations
from actionbytes.data.words import ALIASES
from actionbytes.steps.detect import Localizer, detect
from actionbytes.steps.job import job, lines

with job(snakemake):
    what, out = snakemake.params.localized, Path(snakemake.output[0])
    videos = of_subset(read_annotations(snakemake.input.annotations), what.subset)
    words = [Path(path) for path in snakemake.input.words]
    localizer = Localizer.of(
        Path(snakemake.input.model).parent,
        what.localization,
        transfer=what.transfer,
        classes=classes_of(videos),
        words=words[0] if words else None,
        aliases={**ALIASES, **snakemake.params.aliases},
        round=what.stage,
    )
    what.recipe.write(out.parent)
    detect(
        localizer,
        [Path(path) for path in snakemake.input.features],
        detections=out,
        scores=out.with_name("scores.csv"),
        names=videos,
        progress=lines,
    )
