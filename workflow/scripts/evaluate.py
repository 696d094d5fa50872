"""Everything that is measured of one set of detections."""

import json
from pathlib import Path

from actionbytes.data.manifests import read_status
from actionbytes.files import write_text
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
    write_text(Path(snakemake.output[0]), json.dumps(metrics, indent=1) + "\n")
