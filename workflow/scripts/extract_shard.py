"""Features of one shard from its frames and flow."""

from pathlib import Path

from actionbytes.backbones.published import check_declared
from actionbytes.features.made_with import MadeWith, WeightFile
from actionbytes.features.shards import extract_shard
from actionbytes.progress import in_log
from actionbytes.steps.job import job

with job(snakemake):
    features = snakemake.params.features
    seen = features.seen(snakemake.wildcards.shard)
    check_declared(features.weights, features.published)
    out = Path(snakemake.output[0])
    features.recipe.write(out.parent)
    extract_shard(
        frames=seen.get("frames"),
        flows=seen.get("flow"),
        out=out,
        made_with=MadeWith(
            decoding=features.frames.decoding,
            flow=features.frames.flow,
            features=features.kind,
            weights={stream: WeightFile.of(path) for stream, path in features.weights.items()},
        ),
        recipe=features.recipe,
        progress=in_log(),
    )
