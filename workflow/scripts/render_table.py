"""Render one table as CSV, Markdown, LaTeX and HTML, say where its numbers come from, and what DVC shows of it."""

import json
from pathlib import Path

from actionbytes.data.manifests import read_csv, write_csv
from actionbytes.files import write_text
from actionbytes.reporting.pages import as_html
from actionbytes.reporting.provenance import provenance
from actionbytes.reporting.tables import as_csv, as_latex, as_markdown, fill
from actionbytes.reporting.tracking import curve, headlines
from actionbytes.steps.job import job

with job(snakemake):
    declared = snakemake.params.declared
    table, facts, runs, sources, curves = declared["table"], declared["facts"], {}, [], {}
    for (number, experiment, dataset, seed), path in zip(declared["cells"], snakemake.input.metrics, strict=True):
        runs.setdefault((number, dataset), []).append(json.loads(Path(path).read_text()))
        row, log = table.rows[number].method, Path(path).parents[2] / "log.csv"
        sources.append({"row": row, "experiment": experiment, "dataset": dataset, "seed": seed, "metrics": path})
        if log not in curves and log.exists():
            curves[log] = curve(read_csv(log, ("round", "step", "total")), run=f"{row}, seed {seed}")
    cells, out = fill(table, runs), snakemake.output
    write_text(Path(out.csv), as_csv(table, cells, declared["features"], facts["tier"]))
    write_text(Path(out.md), as_markdown(table, cells, facts))
    write_text(Path(out.tex), as_latex(table, cells, facts))
    write_text(Path(out.html), as_html(table, cells, facts))
    write_csv(Path(out.curves), [row for rows in curves.values() for row in rows], ("run", "step", "loss"))
    for name, values in headlines(table, cells).items():
        write_text(Path(out.metrics) / f"{name}.json", json.dumps(values, indent=1) + "\n")
    facts = {"table": snakemake.wildcards.table, **facts}
    # last: it says that all is there
    write_text(Path(out.provenance), provenance(sources, snakemake.params.key, **facts))
