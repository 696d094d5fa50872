"""Optical flow of the decoded videos of one shard."""

from pathlib import Path

from actionbytes.features.shards import flow_shard
from actionbytes.progress import in_log
from actionbytes.steps.job import job

with job(snakemake):
    flow_shard(
        frames=Path(snakemake.input[0]),
        out=Path(snakemake.output[0]),
        flow=snakemake.params.flow,
        threads=snakemake.threads,
        progress=in_log(),
    )
