"""TV-L1 flow of the decoded videos of one shard."""

from pathlib import Path

from actionbytes.bridge import job, lines
from actionbytes.features.stages import flow_shard

with job(snakemake):
    flow_shard(Path(snakemake.input[0]), Path(snakemake.output[0]), snakemake.params.flow, snakemake.threads, lines)
