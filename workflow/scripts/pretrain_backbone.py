"""Train one stream of the narrow I3D on the trimmed clips of kinetics400."""

from pathlib import Path

from actionbytes.bridge import job
from actionbytes.pipeline import pretrain_stream

with job(snakemake):
    what, out = snakemake.params.weights, Path(snakemake.output[0])
    what.recipe.write(out.parent)
    pretrain_stream(
        snakemake.wildcards.stream,
        [Path(path) for path in snakemake.input],
        what.clips.home / "annotations.json",
        what.width,
        what.pretraining,
        what.seed,
        out,
        print,
    )
