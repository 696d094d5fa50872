"""Train one method with one seed."""

from pathlib import Path

from actionbytes.data.exclusions import read_excluded
from actionbytes.methods.registry import method_parameters
from actionbytes.steps.job import job
from actionbytes.steps.train import train
from actionbytes.training.sources import SourceFiles

with job(snakemake):
    run, out = snakemake.params.run, Path(snakemake.output[0]).parent
    run.recipe.write(out.parent)
    group = method_parameters(run.method)
    excluded = [name for path in snakemake.input.excluded for name in read_excluded(Path(path))]
    source = SourceFiles(
        [Path(path) for path in snakemake.input.features],
        Path(snakemake.input.annotations),
        run.subset,
        exclude=frozenset(excluded),
    )
    train(
        run.method,
        run.parameters,
        run.training,
        {group.sources[0]: source},
        seed=int(snakemake.wildcards.seed),
        out=out,
        starts=dict(zip(group.starts_from, (Path(path).parent for path in snakemake.input.init), strict=False)),
        progress=lambda done, total, losses: print(f"step {done}/{total} {losses}") if done % 100 == 0 else None,
    )
