"""Train one method with one seed."""

from pathlib import Path

from actionbytes.data.exclusions import read_excluded
from actionbytes.steps.job import job
from actionbytes.steps.train import train_run

with job(snakemake):
    run, out = snakemake.params.run, Path(snakemake.output[0]).parent
    run.recipe.write(out.parent)
    init = [Path(path).parent for path in snakemake.input.init]
    train_run(
        run.method,
        run.parameters,
        run.training,
        [Path(path) for path in snakemake.input.features],
        Path(snakemake.input.annotations),
        run.subset,
        int(snakemake.wildcards.seed),
        out,
        init[0] if init else None,
        lambda done, total, losses: print(f"step {done}/{total} {losses}") if done % 100 == 0 else None,
        [name for path in snakemake.input.excluded for name in read_excluded(Path(path))],
    )
