"""Detections as the challenge's test server takes them, checked."""

from pathlib import Path

from actionbytes.data.annotations import classes_of, of_subset, read_annotations
from actionbytes.data.detections import read_detections
from actionbytes.data.submission import write_submission
from actionbytes.steps.job import job

with job(snakemake):
    annotated = read_annotations(snakemake.params.annotations)
    write_submission(
        Path(snakemake.output[0]),
        read_detections(Path(snakemake.input.detections)),
        of_subset(annotated, snakemake.params.subset),
        classes_of(annotated),
        snakemake.params.details,
    )
