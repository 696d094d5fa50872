"""Train one stream of the narrow I3D on the trimmed clips of kinetics400."""

from pathlib import Path

from actionbytes.steps.job import job
from actionbytes.steps.pretrain import pretrain_stream

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
