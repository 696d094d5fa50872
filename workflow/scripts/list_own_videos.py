"""List a dataset of own videos with their hashes, and write its annotations in one file."""

from pathlib import Path

from actionbytes.files import write_text
from actionbytes.progress import in_log
from actionbytes.steps.job import job
from actionbytes.steps.list_own import write_own

with job(snakemake):
    own = snakemake.params.own
    write_own(own, in_log())
    write_text(Path(snakemake.output.labels), (own.home / "annotations.json").read_text(encoding="utf-8"))
