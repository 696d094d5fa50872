"""List a dataset of own videos with their hashes, and write its annotations in one file."""

from pathlib import Path

from actionbytes.progress import in_log
from actionbytes.steps.job import job
from actionbytes.steps.list_own import list_own

with job(snakemake):
    list_own(own=snakemake.params.own, labels=Path(snakemake.output.labels), progress=in_log())
