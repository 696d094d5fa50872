"""Decode the videos of one shard to frames at constant rate and size."""

from pathlib import Path

from actionbytes.data.manifests import entries_of_shard, read_manifest
from actionbytes.features.shards import decode_shard
from actionbytes.progress import in_log
from actionbytes.steps.job import job

with job(snakemake):
    frames, dataset = snakemake.params.frames, snakemake.params.dataset
    listed = read_manifest(frames.home / "videos.csv")
    decode_shard(
        entries=dataset.located(entries_of_shard(listed, snakemake.wildcards.shard, frames.shards)),
        folder=frames.home,
        out=Path(snakemake.output[0]),
        decoding=frames.decoding,
        progress=in_log(),
    )
