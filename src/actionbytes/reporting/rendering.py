"""Tables and figures from the files that the workflow has made: the rules `render_table`, `render_figure`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actionbytes.evaluation.metric_files import read_metrics
from actionbytes.files import read_csv, write_csv, write_text
from actionbytes.reporting.inputs import FigureInputs, Shown, TableInputs
from actionbytes.reporting.pages import as_html
from actionbytes.reporting.provenance import provenance
from actionbytes.reporting.tables import as_csv, as_latex, as_markdown, fill
from actionbytes.reporting.tracking import curve, headlines


@dataclass(frozen=True)
class TableFiles:
    """Where a table goes.

    Attributes:
        csv: The numbers.
        md: To read as text.
        tex: To print.
        html: To read in a browser.
        metrics: Folder of one JSON per row, for `dvc metrics`.
        curves: Losses of the runs, for `dvc plots`.
        provenance: Where the numbers come from.
    """

    csv: Path
    md: Path
    tex: Path
    html: Path
    metrics: Path
    curves: Path
    provenance: Path


@dataclass(frozen=True)
class FigureFiles:
    """Where a figure goes.

    Attributes:
        png: To look at.
        pdf: To print.
        csv: The numbers that are drawn.
        provenance: Where they come from.
    """

    png: Path
    pdf: Path
    csv: Path
    provenance: Path


def render_table(*, name: str, inputs: TableInputs, key: str, out: TableFiles) -> None:
    """Render a table in every form; the provenance is written last and says that all is there.

    Args:
        name: Of the table.
        inputs: What it shows.
        key: Digest of all that decides it.
        out: The files.

    Raises:
        UserError: The metrics do not hold a cell.
    """
    metrics: dict[tuple[int, str], list[Mapping[str, Any]]] = {}
    runs = []
    for entry, path, run in zip(inputs.shown, inputs.metrics, inputs.runs, strict=True):
        metrics.setdefault((entry.place, entry.column), []).append(read_metrics(path))
        row = inputs.table.rows[entry.place].method
        runs.append({"row": row, **_facts(entry), "run": str(run), "metrics": str(path)})
    cells = fill(inputs.table, metrics)
    write_text(out.csv, as_csv(inputs.table, cells, inputs.features, inputs.facts["tier"]))
    write_text(out.md, as_markdown(inputs.table, cells, inputs.facts))
    write_text(out.tex, as_latex(inputs.table, cells, inputs.facts))
    write_text(out.html, as_html(inputs.table, cells, inputs.facts))
    write_csv(out.curves, _losses(inputs), ("run", "step", "loss"))
    for slug, values in headlines(inputs.table, cells).items():
        write_text(out.metrics / f"{slug}.json", json.dumps(values, indent=1) + "\n")
    write_text(out.provenance, provenance(runs, key, table=name, **inputs.facts))


def _facts(entry: Shown) -> dict[str, Any]:
    return {key: value for key, value in entry._asdict().items() if key != "place"}


def _losses(inputs: TableInputs) -> list[dict[str, Any]]:
    """The training losses of each run that a table shows, each once, under its first row."""
    curves: dict[Path, list[dict[str, Any]]] = {}
    for entry, log in zip(inputs.shown, inputs.logs, strict=True):
        if log not in curves and log.exists():
            title = f"{inputs.table.rows[entry.place].method}, seed {entry.seed}"
            curves[log] = curve(read_csv(log, ("round", "step", "total")), run=title)
    return [row for rows in curves.values() for row in rows]


def render_figure(*, name: str, inputs: FigureInputs, key: str, out: FigureFiles) -> None:
    """Draw a figure; the provenance is written last and says that all is there.

    Args:
        name: Of the figure.
        inputs: What it shows.
        key: Digest of all that decides it.
        out: The files.
    """
    from actionbytes.reporting.figures.draw import draw

    runs = draw(inputs, out.png, out.pdf, out.csv)
    write_text(out.provenance, provenance(runs, key, figure=name, **inputs.facts))
