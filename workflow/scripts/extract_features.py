"""I3D features of one shard from its frames and flow."""

from pathlib import Path

from actionbytes.bridge import job, lines
from actionbytes.features.extract import load_streams
from actionbytes.features.stages import extract_shard

with job(snakemake):
    features = snakemake.params.features
    clips, extraction = features.clips, features.extraction
    frames, flows, out = Path(snakemake.input.frames), Path(snakemake.input.flow), Path(snakemake.output[0])
    streams = load_streams(*features.weights, clips.flow.bound, extraction)
    extract_shard(frames, flows, out, streams, clips.decoding.fps, extraction, features.recipe, lines)
    features.recipe.write(out.parent)
