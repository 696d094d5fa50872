"""Render one table as CSV, Markdown and LaTeX, and say where its numbers come from."""

import json
from pathlib import Path

from actionbytes.bridge import job
from actionbytes.recipes import write_text
from actionbytes.reporting.provenance import provenance
from actionbytes.reporting.tables import as_csv, as_latex, as_markdown, fill

with job(snakemake):
    declared = snakemake.params.declared
    table, facts, runs, sources = declared["table"], declared["facts"], {}, []
    for (number, experiment, dataset, seed), path in zip(declared["cells"], snakemake.input.metrics, strict=True):
        runs.setdefault((number, dataset), []).append(json.loads(Path(path).read_text()))
        row = table.rows[number].method
        sources.append({"row": row, "experiment": experiment, "dataset": dataset, "seed": seed, "metrics": path})
    cells = fill(table, runs)
    write_text(Path(snakemake.output.csv), as_csv(table, cells, declared["features"], facts["tier"]))
    write_text(Path(snakemake.output.md), as_markdown(table, cells, facts))
    write_text(Path(snakemake.output.tex), as_latex(table, cells, facts))
    write_text(Path(snakemake.output.provenance), provenance(sources, table=snakemake.wildcards.table, **facts))
