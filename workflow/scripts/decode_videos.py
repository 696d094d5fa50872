"""Decode the videos of one shard to frames at constant rate and size."""

from dataclasses import replace
from pathlib import Path

from actionbytes.data.manifests import entries_of_shard, read_manifest
from actionbytes.features.shards import decode_shard
from actionbytes.steps.job import job, lines

with job(snakemake):
    clips = snakemake.params.features
    entries = entries_of_shard(read_manifest(clips.home / "videos.csv"), snakemake.wildcards.shard, clips.shards)
    if own := snakemake.params.own:
        entries = [replace(entry, file=str(own.unchanged(entry).resolve())) for entry in entries]
    decode_shard(entries, clips.home, Path(snakemake.output[0]), clips.decoding, lines)
