"""Detections of one run in one target dataset."""

from pathlib import Path

from actionbytes.bridge import job
from actionbytes.data.annotations import of_subset, read_annotations
from actionbytes.pipeline import classes_of, localize_run, save_detections

with job(snakemake):
    what, out = snakemake.params.localized, Path(snakemake.output[0])
    videos = of_subset(read_annotations(snakemake.params.annotations), what.subset)
    detections = localize_run(
        Path(snakemake.input.model).parent,
        [Path(path) for path in snakemake.input.features],
        what.localization,
        what.proposals,
        what.transfer,
        videos,
        classes_of(videos),
        *[Path(path) for path in snakemake.input.words],
        **({"aliases": snakemake.params.aliases} if snakemake.params.aliases else {}),
    )
    what.recipe.write(out.parent)
    save_detections(out, detections)
