"""Draw one figure as PNG and PDF, with its numbers as CSV, and say where they come from."""

from pathlib import Path

from actionbytes.files import write_text
from actionbytes.reporting.figures.draw import draw
from actionbytes.reporting.provenance import provenance
from actionbytes.steps.job import job

with job(snakemake):
    drawing, out = snakemake.params.drawing, snakemake.output
    sources = draw(drawing, Path(out.png), Path(out.pdf), Path(out.csv))
    write_text(
        Path(out.provenance),
        provenance(sources, snakemake.params.key, figure=snakemake.wildcards.figure, **drawing["facts"]),
    )
