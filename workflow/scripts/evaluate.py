"""Everything that is measured of one set of detections."""

from pathlib import Path

from actionbytes.data.manifests import read_status
from actionbytes.evaluation.metric_files import write_metrics
from actionbytes.steps.evaluate import evaluate
from actionbytes.steps.job import job

with job(snakemake):
    planned, measured = snakemake.params.detections, snakemake.params.metrics
    statuses = read_status(Path(snakemake.input.videos))
    metrics = evaluate(
        detections=Path(snakemake.input.detections),
        annotations=Path(snakemake.input.annotations),
        subset=planned.subset,
        tiou=measured.tiou,
        scores=Path(snakemake.input.scores),
        set_aside=[status.video for status in statuses if status.status == "set aside"],
        only=planned.classes,
        **measured.options.model_dump(),
    )
    write_metrics(Path(snakemake.output[0]), metrics)
