"""List the source classes that name the same action as a target class, so that zero-shot leaves them out."""

from pathlib import Path

from actionbytes.steps.job import job
from actionbytes.steps.list_exclusions import list_exclusions

with job(snakemake):
    list_exclusions(
        source=Path(snakemake.input.source),
        subset=snakemake.params.exclusions.subset,
        target=Path(snakemake.input.target),
        rule=snakemake.params.rule,
        aliases=snakemake.params.aliases,
        out=Path(snakemake.output[0]),
    )
