"""TV-L1 flow of the decoded videos of one shard."""

from pathlib import Path

from actionbytes.features.shards import flow_shard
from actionbytes.steps.job import job, lines

with job(snakemake):
    flow_shard(Path(snakemake.input[0]), Path(snakemake.output[0]), snakemake.params.flow, snakemake.threads, lines)
