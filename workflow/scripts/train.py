"""Train one method with one seed."""

from pathlib import Path

from actionbytes.data.exclusions import read_excluded
from actionbytes.progress import in_log
from actionbytes.steps.job import job
from actionbytes.steps.train import train
from actionbytes.training.sources import SourceFiles

with job(snakemake):
    run, out = snakemake.params.run, Path(snakemake.output[0]).parent
    seed = int(snakemake.wildcards.seed)
    run.recipe.write(out.parent)
    sources = {
        name: SourceFiles(
            shards=source.inputs,
            annotations=source.labels,
            subset=source.source.subset,
            supervision=source.source.supervision,
            exclude=frozenset(read_excluded(source.exclusions.file) if source.exclusions else ()),
            classes=None if source.classes is None else frozenset(source.classes),
            annotated=source.source.annotated,
        )
        for name, source in run.sources.items()
    }
    train(
        method=run.method,
        parameters=run.parameters,
        training=run.training,
        sources=sources,
        seed=seed,
        out=out,
        starts={name: start.seed(seed) for name, start in run.starts.items()},
        progress=in_log("step"),
    )
