"""I3D features of one shard from its frames and flow."""

from pathlib import Path

from actionbytes.features.made_with import MadeWith, WeightFile
from actionbytes.features.shards import extract_shard
from actionbytes.steps.job import job, lines

with job(snakemake):
    features = snakemake.params.features
    clips, out = features.clips, Path(snakemake.output[0])
    features.recipe.write(out.parent)
    weights = {stream: WeightFile.of(path) for stream, path in zip(("rgb", "flow"), features.weights, strict=True)}
    made_with = MadeWith(decoding=clips.decoding, flow=clips.flow, features=features.kind, weights=weights)
    extract_shard(Path(snakemake.input.frames), Path(snakemake.input.flow), out, made_with, features.recipe, lines)
