"""Curves: a metric over a parameter, mean and standard deviation over seeds, one line for each dataset and tIoU."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from actionbytes.evaluation.metric_files import read_metrics
from actionbytes.evaluation.metrics import read_cell
from actionbytes.files import csv_text, read_csv, write_text
from actionbytes.papers.figures import Curve
from actionbytes.reporting.figures.style import STYLE, colour, save
from actionbytes.reporting.inputs import Facts, FigureInputs, Shown

MARKERS = ("o", "s", "^", "D", "v", "P")
WIDTH_IN, HEIGHT_IN = 3.4, 2.5  # one column of a paper
LOSS = "clustering loss"


def draw(inputs: FigureInputs, paths: Sequence[Path], table: Path) -> list[dict[str, Any]]:
    """Draw a metric over a parameter and, where the figure says so, the clustering loss of each mining round.

    Args:
        inputs: Metrics of every run, and the logs of rounds.
        paths: The pictures.
        table: The numbers that are drawn, CSV.

    Returns:
        Which runs it shows.
    """
    figure = inputs.figure
    assert isinstance(figure, Curve)
    metrics: dict[tuple[int, str], list[Mapping[str, Any]]] = {}
    for entry, path in zip(inputs.shown, inputs.metrics, strict=True):
        metrics.setdefault((entry.place, entry.dataset), []).append(read_metrics(path))
    drawn = places(figure, metrics)
    drawn += losses([read_csv(log, ("round", "objective")) for log in inputs.rounds if log.exists()])
    write_text(table, as_csv(drawn))
    draw_curve(figure, drawn, inputs.facts, paths)
    return [_facts(entry, path) for entry, path in zip(inputs.shown, inputs.metrics, strict=True)]


def _facts(entry: Shown, metrics: Path) -> dict[str, Any]:
    return {"experiment": entry.experiment, "dataset": entry.dataset, "seed": entry.seed, "metrics": str(metrics)}


class Place(NamedTuple):
    """One value of one line: over seeds, at place `x` of the horizontal axis; std is None for one seed."""

    line: str
    x: float | str
    mean: float
    std: float | None
    n_seeds: int


def places(figure: Curve, metrics: Mapping[tuple[int, str], Sequence[Mapping[str, Any]]]) -> list[Place]:
    """The values of a curve; `metrics` maps (number of the point, dataset) to the metrics of each seed."""
    drawn = []
    for column in figure.columns:
        for cell in column.cells:
            for number, point in enumerate(figure.points):
                of_seeds = metrics.get((number, column.dataset), [])
                metric = column.metric or figure.metric
                values = [read_cell(m, figure.protocol, metric, cell, column.average_over) for m in of_seeds]
                if values:
                    drawn.append(_place(f"{column.dataset}, tIoU {cell}", point.x, values))
    return drawn


def losses(logs: Sequence[Sequence[Mapping[str, str]]]) -> list[Place]:
    """Clustering loss of each mining round; `logs` holds the lines of each seed's log of rounds."""
    by_round: dict[int, list[float]] = {}
    for lines in logs:
        for line in lines:
            by_round.setdefault(int(line["round"]), []).append(float(line["objective"]))
    return [_place(LOSS, number, values) for number, values in sorted(by_round.items())]


def _place(line: str, x: float | str, values: Sequence[float]) -> Place:
    return Place(line, x, mean(values), stdev(values) if len(values) > 1 else None, len(values))


def as_csv(drawn: Sequence[Place]) -> str:
    """The numbers that are drawn."""
    rows = [[p.line, p.x, f"{p.mean:.4f}", "" if p.std is None else f"{p.std:.4f}", p.n_seeds] for p in drawn]
    return csv_text([["line", "x", "mean", "std", "n_seeds"], *rows])


def draw_curve(figure: Curve, drawn: Sequence[Place], facts: Facts, paths: Sequence[Path]) -> None:
    """Draw into every path: lines with bands of one standard deviation, the loss in a panel of its own."""
    groups = [[p for p in drawn if p.line != LOSS], [p for p in drawn if p.line == LOSS]]
    groups = [group for group in groups if group]
    for path in paths:
        with plt.rc_context(STYLE):
            size = (WIDTH_IN * len(groups), HEIGHT_IN)
            sheet, panels = plt.subplots(1, len(groups), figsize=size, layout="constrained", squeeze=False)
            for axes, group in zip(panels[0], groups, strict=True):
                _draw(axes, figure, group)
            seeds = sorted({p.n_seeds for p in drawn})
            sheet.suptitle(
                f"suite {facts['suite']}, tier {facts['tier']}; mean and standard deviation over "
                f"{', '.join(map(str, seeds))} seeds",
                fontsize=6,
                color="#555555",
            )
            save(sheet, path)


def _draw(axes: plt.Axes, figure: Curve, group: Sequence[Place]) -> None:
    names = list(dict.fromkeys(p.x for p in group))
    numeric = all(isinstance(x, int | float) for x in names)
    for i, line in enumerate(dict.fromkeys(p.line for p in group)):
        of_line = [p for p in group if p.line == line]
        x = np.array([p.x if numeric else names.index(p.x) for p in of_line], float)
        y, spread = np.array([p.mean for p in of_line]), np.array([p.std or 0 for p in of_line])
        axes.plot(x, y, color=colour(i), marker=MARKERS[i % len(MARKERS)], markersize=4, linewidth=1.2, label=line)
        axes.fill_between(x, y - spread, y + spread, color=colour(i), alpha=0.18, linewidth=0)
    loss = group[0].line == LOSS
    axes.set_xlabel(figure.x_label)
    axes.set_ylabel(f"{LOSS} (k-means objective)" if loss else f"{figure.metric} (%), protocol {figure.protocol}")
    axes.set_xticks(names if numeric else range(len(names)), [str(x) for x in names])
    if not numeric:
        axes.margins(x=0.14)  # words under the outer points stay below the axes
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    if not loss:
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, fontsize=7)
