"""Detections as the challenge's test server takes them, checked."""

from pathlib import Path

from actionbytes.data.annotations import classes_of, of_subset, read_annotations
from actionbytes.data.detections import read_detections
from actionbytes.data.submission import write_submission
from actionbytes.steps.job import job

with job(snakemake):
    everything = read_annotations(snakemake.params.annotations)
    videos = of_subset(everything, snakemake.params.subset)
    detections, out = read_detections(Path(snakemake.input.detections)), Path(snakemake.output[0])
    write_submission(out, detections, videos, classes_of(everything), snakemake.params.details)
