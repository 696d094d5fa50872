"""What `metrics.json` holds, and how a cell of a table is read from it."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from actionbytes.errors import UserError
from actionbytes.papers.tables import Cell


def value_at(metrics: Mapping[str, Any], protocol: str, cell: Cell, average_over: Sequence[float]) -> float:
    """mAP (percent) of one metrics file under `protocol`, at a tIoU or averaged."""
    found = metrics[protocol]
    by_tiou = {round(t, 6): value for t, value in zip(found["tiou"], found["map"], strict=True)}
    wanted = [round(t, 6) for t in (average_over if cell == "average" else [cell])]
    missing = [t for t in wanted if t not in by_tiou]
    if missing:
        raise UserError(f"metrics were not computed at tIoU {missing[0]}; add it to evaluation.tiou and evaluate again")
    return mean(by_tiou[t] for t in wanted)
