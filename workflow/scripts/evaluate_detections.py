"""Metrics of one detections file under every protocol."""

import json
from pathlib import Path

from actionbytes.data.manifests import read_status
from actionbytes.files import write_text
from actionbytes.steps.evaluate import evaluate
from actionbytes.steps.job import job

with job(snakemake):
    set_aside = [s.video for s in read_status(Path(snakemake.input.videos)) if s.status == "set aside"]
    wanted = snakemake.params.metrics
    metrics = evaluate(
        Path(snakemake.input.detections),
        Path(snakemake.input.annotations),
        snakemake.params.subset,
        wanted.tiou,
        set_aside=set_aside,
        **wanted.options.model_dump(),
    )
    write_text(Path(snakemake.output[0]), json.dumps(metrics, indent=1) + "\n")
