"""List a dataset of own videos with their hashes, and write its annotations in one file."""

from pathlib import Path

from actionbytes.bridge import job, lines
from actionbytes.pipeline import write_own
from actionbytes.recipes import write_text

with job(snakemake):
    own = snakemake.params.own
    write_own(own, lines)
    write_text(Path(snakemake.output.labels), (own.home / "annotations.json").read_text(encoding="utf-8"))
