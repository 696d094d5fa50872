"""Train one stream of the narrow I3D on the trimmed clips of kinetics400."""

from pathlib import Path

from actionbytes.steps.job import job
from actionbytes.steps.pretrain import pretrain_stream

with job(snakemake):
    what, out = snakemake.params.weights, Path(snakemake.output[0])
    what.recipe.write(out.parent)
    pretrain_stream(
        stream=snakemake.wildcards.stream,
        folders=[Path(path) for path in snakemake.input],
        annotations=what.clips.home / "annotations.json",
        width=what.width,
        pretraining=what.pretraining,
        seed=what.seed,
        out=out,
        progress=print,
    )
