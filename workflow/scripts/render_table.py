"""Render one table as CSV, Markdown, LaTeX and HTML, say where its numbers come from, and what DVC shows of it."""

from pathlib import Path

from actionbytes.reporting.rendering import TableFiles, render_table
from actionbytes.steps.job import job

with job(snakemake):
    files = {name: Path(path) for name, path in snakemake.output.items()}
    render_table(
        name=snakemake.wildcards.table,
        inputs=snakemake.params.inputs,
        key=snakemake.params.key,
        out=TableFiles(**files),
    )
