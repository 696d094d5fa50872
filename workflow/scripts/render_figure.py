"""Draw one figure as PNG and PDF, with its numbers as CSV, and say where they come from."""

from pathlib import Path

from actionbytes.reporting.rendering import FigureFiles, render_figure
from actionbytes.steps.job import job

with job(snakemake):
    files = {name: Path(path) for name, path in snakemake.output.items()}
    render_figure(
        name=snakemake.wildcards.figure,
        inputs=snakemake.params.inputs,
        key=snakemake.params.key,
        out=FigureFiles(**files),
    )
