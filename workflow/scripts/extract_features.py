"""I3D features of one shard from its frames and flow."""

from pathlib import Path

from actionbytes.features.made_with import MadeWith, WeightFile
from actionbytes.features.shards import extract_shard
from actionbytes.steps.job import job, lines

with job(snakemake):
    features = snakemake.params.features
    clips, out = features.clips, Path(snakemake.output[0])
    features.recipe.write(out.parent)
    rgb, flow = (WeightFile.of(path) for path in features.weights)
    made_with = MadeWith(
        decoding=clips.decoding, flow=clips.flow, extraction=features.extraction, rgb=rgb, flow_weights=flow
    )
    extract_shard(Path(snakemake.input.frames), Path(snakemake.input.flow), out, made_with, features.recipe, lines)
