"""Tables: metrics of runs beside published numbers, as CSV to read and plot, Markdown and LaTeX to look at."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from actionbytes.evaluation.metrics import read_cell, read_videos
from actionbytes.papers.tables import Cell, Column, Row, Table
from actionbytes.reporting.inputs import Facts

COLUMNS = (
    "dataset", "method", "metric", "tiou", "mean", "std", "n_seeds", "paper", "protocol", "features", "tier", "videos",
)  # fmt: skip
DIGITS = 2


@dataclass(frozen=True)
class Value:
    """What a cell of a table shows.

    Attributes:
        mean: Over seeds, in percent; None where nothing was run.
        std: Sample standard deviation over seeds, in percent; None where there are fewer than two.
        n_seeds: Number of seeds.
        paper: What the paper prints; None where it prints nothing.
        videos: Videos that the runs rest on, evaluated/listed.
    """

    mean: float | None
    std: float | None
    n_seeds: int
    paper: float | None
    videos: str

    @classmethod
    def over_seeds(cls, values: Sequence[float], paper: float | None, videos: str) -> "Value":
        """The value of a cell from that of each seed."""
        spread = stdev(values) if len(values) > 1 else None
        return cls(mean(values) if values else None, spread, len(values), paper, videos)


Cells = dict[tuple[int, str, Cell], Value]  # row number, column name, cell of the column


def fill(table: Table, metrics: Mapping[tuple[int, str], Sequence[Mapping[str, Any]]]) -> Cells:
    """All cells of a table.

    Args:
        table: As declared.
        metrics: (row number, column name) -> the metrics of each seed; what was not run is absent.

    Raises:
        UserError: The metrics do not hold a cell.
    """
    cells: Cells = {}
    for number, row in enumerate(table.rows):
        for column in table.columns:
            of_seeds = metrics.get((number, column.name), [])
            metric = column.metric or table.metric
            videos = _videos(of_seeds, table.protocol, metric)
            published = row.published.get(column.name) or [None] * len(column.cells)
            for cell, paper in zip(column.cells, published, strict=True):
                values = [
                    read_cell(metrics_of_seed, table.protocol, metric, cell, column.average_over)
                    for metrics_of_seed in of_seeds
                ]
                cells[number, column.name, cell] = Value.over_seeds(values, paper, videos)
    return cells


def _videos(of_seeds: Sequence[Mapping[str, Any]], protocol: str, metric: str) -> str:
    """Videos evaluated and listed; seeds that differ in them one after another."""
    counts = {read_videos(metrics, protocol, metric) for metrics in of_seeds}
    return " ".join(f"{evaluated}/{listed}" for evaluated, listed in sorted(counts))


def as_csv(table: Table, cells: Cells, features: Mapping[tuple[int, str], str], tier: str) -> str:
    """A table as CSV, one line per cell, under the columns of COLUMNS.

    Args:
        table: As declared.
        cells: Its cells.
        features: (row number, column name) -> features in words, where something was run.
        tier: How far its numbers are comparable.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, column, cell, row in _lines(table):
        value = cells[number, column.name, cell]
        if value.mean is None and value.paper is None:
            continue
        ran = value.mean is not None
        writer.writerow(
            [
                column.title,
                row.method,
                column.metric or table.metric,
                cell,
                _number(value.mean),
                _number(value.std),
                value.n_seeds,
                "" if value.paper is None else value.paper,
                table.protocol,
                features[number, column.name] if ran else row.features or "",
                tier if ran else "published",
                value.videos,
            ]
        )
    return text.getvalue()


def _lines(table: Table) -> list[tuple[int, Column, Cell, Row]]:
    return [
        (number, column, cell, row)
        for number, row in enumerate(table.rows)
        for column in table.columns
        for cell in column.cells
    ]


def as_markdown(table: Table, cells: Cells, facts: Facts) -> str:
    """The table as the paper lays it out; each row as run here, and below it as published."""
    head = ["", *(f"{column.title} {cell}" for column in table.columns for cell in column.cells)]
    lines = [f"**{table.number}** ({facts['paper']}). {table.caption}", "", _row(head), _row(["---"] * len(head))]
    for number, row in enumerate(table.rows):
        values = [cells[number, column.name, cell] for column in table.columns for cell in column.cells]
        if any(v.mean is not None for v in values):
            lines.append(_row([f"**{row.method}**", *(plus_minus(v, " ± ") for v in values)]))
        if any(v.paper is not None for v in values):
            lines.append(_row([f"{row.method}, published", *("" if v.paper is None else str(v.paper) for v in values)]))
    return "\n".join([*lines, "", *footnotes(table, cells, facts)]) + "\n"


def as_latex(table: Table, cells: Cells, facts: Facts) -> str:
    """The same as a `tabular` with booktabs rules."""
    widths = [len(column.cells) for column in table.columns]
    names = [_tex(column.title) for column in table.columns]
    groups = " & ".join(rf"\multicolumn{{{w}}}{{c}}{{{name}}}" for w, name in zip(widths, names, strict=True))
    lines = [
        rf"% {facts['paper']}, {table.number}; needs \usepackage{{booktabs}}",
        *(f"% {line}" for line in footnotes(table, cells, facts)),
        rf"\begin{{tabular}}{{l{'c' * sum(widths)}}}",
        r"\toprule",
        rf" & {groups} \\",
        rf"Method & {' & '.join(str(cell) for column in table.columns for cell in column.cells)} \\",
        r"\midrule",
    ]
    for number, row in enumerate(table.rows):
        values = [cells[number, column.name, cell] for column in table.columns for cell in column.cells]
        if any(v.mean is not None for v in values):
            ours = " & ".join(plus_minus(v, r" $\pm$ ") for v in values)
            lines.append(rf"{_tex(row.method)} & {ours} \\")
        if any(v.paper is not None for v in values):
            printed = " & ".join("" if v.paper is None else str(v.paper) for v in values)
            lines.append(rf"\quad published & {printed} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def footnotes(table: Table, cells: Cells, facts: Facts) -> list[str]:
    """Lines below a table: protocol, tier, seeds, videos set aside."""
    ran = [value for value in cells.values() if value.mean is not None]
    seeds = sorted({value.n_seeds for value in ran})
    notes = [
        f"{table.metric} in percent, protocol {table.protocol}, mean ± standard deviation over "
        f"{', '.join(map(str, seeds)) or 'no'} seeds; suite {facts['suite']}, tier {facts['tier']}: {facts['meaning']}."
    ]
    short = sorted({v.videos for v in ran if len(set(v.videos.split("/"))) > 1})
    if short:
        notes.append(f"Videos evaluated/listed: {', '.join(short)}; the others were set aside (videos.csv says why).")
    return notes


def plus_minus(value: Value, sign: str) -> str:
    """Mean and standard deviation to one digit; empty where nothing was run."""
    if value.mean is None:
        return ""
    return _number(value.mean, 1) + (f"{sign}{_number(value.std, 1)}" if value.std is not None else "")


def _number(value: float | None, digits: int = DIGITS) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _row(fields: Sequence[str]) -> str:
    return "| " + " | ".join(fields) + " |"


def _tex(text: str) -> str:
    return text.replace("&", r"\&").replace("_", r"\_").replace("%", r"\%")
