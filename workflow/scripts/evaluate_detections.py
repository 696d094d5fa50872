"""Metrics of one detections file under every protocol."""

import json
from pathlib import Path

from actionbytes.bridge import job
from actionbytes.data.manifests import read_status
from actionbytes.pipeline import evaluate_files
from actionbytes.recipes import write_text

with job(snakemake):
    set_aside = [s.video for s in read_status(Path(snakemake.input.videos)) if s.status == "set aside"]
    wanted = snakemake.params.metrics
    metrics = evaluate_files(
        Path(snakemake.input.detections),
        Path(snakemake.input.annotations),
        snakemake.params.subset,
        wanted.tiou,
        set_aside,
        **wanted.options.model_dump(),
    )
    write_text(Path(snakemake.output[0]), json.dumps(metrics, indent=1) + "\n")
