"""Draw one figure as PNG and PDF, with its numbers as CSV, and say where they come from."""

from pathlib import Path

from actionbytes.bridge import job
from actionbytes.figures import draw
from actionbytes.recipes import write_text
from actionbytes.reporting.provenance import provenance

with job(snakemake):
    drawing, out = snakemake.params.drawing, snakemake.output
    sources = draw(drawing, Path(out.png), Path(out.pdf), Path(out.csv))
    write_text(
        Path(out.provenance),
        provenance(sources, snakemake.params.key, figure=snakemake.wildcards.figure, **drawing["facts"]),
    )
