"""Train one stream of a narrow network on trimmed clips."""

from pathlib import Path

from actionbytes.progress import in_log
from actionbytes.steps.job import job
from actionbytes.steps.pretrain import pretrain_stream

with job(snakemake):
    pretrained, out = snakemake.params.pretrained, Path(snakemake.output[0])
    pretrained.recipe.write(out.parent)
    pretrain_stream(
        stream=snakemake.wildcards.stream,
        folders=[Path(path) for path in snakemake.input],
        annotations=pretrained.annotations,
        width=pretrained.width,
        pretraining=pretrained.pretraining,
        seed=pretrained.seed,
        out=out,
        progress=in_log("epoch"),
    )
