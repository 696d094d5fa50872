"""Detections of one run in one target dataset."""

from pathlib import Path

from actionbytes.data.annotations import classes_of, of_subset, read_annotations
from actionbytes.data.words import ALIASES
from actionbytes.steps.detect import Localizer, localize_run, save_detections
from actionbytes.steps.job import job, lines

with job(snakemake):
    what, out = snakemake.params.localized, Path(snakemake.output[0])
    videos = of_subset(read_annotations(snakemake.input.annotations), what.subset)
    words = [Path(path) for path in snakemake.input.words]
    localizer = Localizer.of(
        Path(snakemake.input.model).parent,
        what.localization,
        what.proposals,
        what.transfer,
        classes_of(videos),
        words[0] if words else None,
        {**ALIASES, **snakemake.params.aliases},
        what.stage,
    )
    shards = [Path(path) for path in snakemake.input.features]
    detections = localize_run(localizer, shards, videos, lines)
    what.recipe.write(out.parent)
    save_detections(out, detections)
