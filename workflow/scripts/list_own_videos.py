"""List a dataset of own videos with their hashes, and write its annotations in one file."""

from actionbytes.bridge import job, lines
from actionbytes.pipeline import write_own

with job(snakemake):
    write_own(snakemake.params.own, lines)
