"""What DVC shows of a table: one small JSON per row for `dvc metrics`, the losses of its runs for `dvc plots`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from actionbytes.papers.tables import Cell, Column, Table
from actionbytes.reporting.tables import DIGITS, Cells

POINTS = 100  # of a curve; more cannot be seen
HEADLINE = 0.5  # the tIoU that the field compares at


def headlines(table: Table, cells: Cells) -> dict[str, dict[str, float]]:
    """One cell per column of each row that was run; all cells are in the CSV, too many for a terminal.

    Returns:
        Row's slug -> {"<column>@<cell>": mean over seeds, in percent}.
    """
    by_row: dict[str, dict[str, float]] = {}
    for number, row in enumerate(table.rows):
        values = {
            (column.name, _headline(column)): cells[number, column.name, _headline(column)] for column in table.columns
        }
        shown = {f"{name}@{cell}": round(v.mean, DIGITS) for (name, cell), v in values.items() if v.mean is not None}
        if shown:
            name = slug(row.method)
            by_row[name if name not in by_row else f"{name}-{number + 1}"] = shown
    return by_row


def _headline(column: Column) -> Cell:
    return HEADLINE if HEADLINE in column.cells else column.cells[0]


def slug(text: str) -> str:
    """`text` as a file name: lower case letters, digits and underscores."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "row"


def curve(log: Sequence[Mapping[str, str]], **facts: Any) -> list[dict[str, Any]]:
    """A run's losses, thinned to at most POINTS rows.

    Args:
        log: Lines of the run's log: round, step in the round, total loss.
        facts: What each row says beside.

    Returns:
        Rows `{**facts, step, loss}`; steps go on counting from round to round.
    """
    before, last, rows = 0, 0, []
    current = None
    for line in log:
        if line["round"] != current:
            current, before = line["round"], before + last
        last = int(line["step"])
        rows.append({**facts, "step": before + last, "loss": round(float(line["total"]), 4)})
    every = -(-len(rows) // POINTS) or 1
    return rows[every - 1 :: every]
