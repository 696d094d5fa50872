"""Error analysis as files: CSV for every number, PNG for every view of them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from actionbytes.errors import UserError
from actionbytes.evaluation.diagnosis import KINDS, Curve, Diagnosis
from actionbytes.files import csv_text, write_text
from actionbytes.reporting.figures.style import COLOURS as PALETTE
from actionbytes.reporting.figures.style import GREY, save

COLOURS = dict(zip(KINDS, (*(PALETTE[i] for i in (2, 4, 3, 0, 5)), GREY), strict=True))
INK = PALETTE[0]
RECALL = np.linspace(0, 1, 101)
MOST_CLASSES = 40  # more bars or curves cannot be read in a picture; the CSV has all


def write_analysis(diagnosis: Diagnosis, folder: Path | str) -> list[Path]:
    """Write all CSV files and pictures of a diagnosis.

    Args:
        diagnosis: Where detections fail.
        folder: Where to write; made if needed.

    Returns:
        The paths of the files.

    Raises:
        UserError: A file cannot be written.
    """
    folder = Path(folder)
    tables = {
        "false_positives.csv": _false_positives(diagnosis),
        "cost.csv": _cost(diagnosis),
        "per_class.csv": _per_class(diagnosis),
        "lengths.csv": _lengths(diagnosis),
        "precision_recall.csv": _precision_recall(diagnosis),
        "detections.csv": _detections(diagnosis),
    }
    for name, rows in tables.items():
        write_text(folder / name, csv_text([[_cell(value) for value in row] for row in rows]))
    pictures = {
        "false_positives.png": draw_false_positives(diagnosis),
        "lengths.png": draw_lengths(diagnosis),
        "per_class.png": draw_per_class(diagnosis),
        "precision_recall.png": draw_precision_recall(diagnosis),
    }
    for name, figure in pictures.items():
        try:
            save(figure, folder / name)
        except OSError as error:
            raise UserError(f"{folder / name}: cannot be written: {error.strerror}") from None
    return [folder / name for name in (*tables, *pictures)]


def draw_false_positives(d: Diagnosis) -> Figure:
    """Shares of kinds of errors among the first G, second G ... detections of a class, and what each kind costs."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), width_ratios=(3, 2), layout="constrained")
    total = d.profile.sum(axis=1)
    share = 100 * d.profile / np.maximum(total, 1)[:, None]
    places = np.arange(1, len(total) + 1)
    bottom = np.zeros(len(total))
    for k, kind in enumerate(KINDS):
        left.bar(places, share[:, k], bottom=bottom, color=COLOURS[kind], width=0.85, label=kind)
        bottom += share[:, k]
    for place, n in zip(places, total, strict=True):
        left.text(place, 101, f"{n}", ha="center", va="bottom", fontsize=8)
    left.set(ylim=(0, 109), xticks=places, xticklabels=[f"{k}G" for k in places], ylabel="detections (%)")
    left.set_xlabel("detections by score, in groups of G = number of instances of the class (count above)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=6, fontsize=9, frameon=False)
    kinds, gains = KINDS[1:], 100 * d.cost[1:]
    bars = right.barh(range(len(kinds)), gains, color=[COLOURS[kind] for kind in kinds])
    right.bar_label(bars, fmt="%.1f", padding=4, fontsize=9)
    right.set(
        yticks=range(len(kinds)), yticklabels=kinds, xlabel=f"mAP gained without them at tIoU {d.tiou:g} (points)"
    )
    right.invert_yaxis()
    right.margins(x=0.15)
    return _plain(figure)


def draw_lengths(d: Diagnosis) -> Figure:
    """Recall and normalised AP by length of the instances."""
    figure, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
    places = np.arange(len(d.lengths))
    for shift, values, colour, label in (
        (-0.2, [g.recall for g in d.lengths], "#E69F00", "recall"),
        (0.2, [g.normalised_ap for g in d.lengths], INK, "AP, normalised"),
    ):
        bars = axis.bar(places + shift, 100 * np.array(values), 0.38, color=colour, label=label)
        axis.bar_label(bars, fmt="%.1f", fontsize=8)
    names = [f"{g.low:g} to {g.high:g}" if np.isfinite(g.high) else f"{g.low:g} and more" for g in d.lengths]
    axis.set_xticks(places, [f"{name}\n({g.instances})" for name, g in zip(names, d.lengths, strict=True)])
    axis.set(xlabel="length of the instance (s), with the number of instances", ylabel=f"% at tIoU {d.tiou:g}")
    axis.margins(y=0.12)
    axis.legend(frameon=False)
    return _plain(figure)


def draw_per_class(d: Diagnosis) -> Figure:
    """AP of each class, from the best down."""
    best = np.argsort(-d.ap, kind="stable")
    shown = best if len(best) <= MOST_CLASSES else np.append(best[: MOST_CLASSES // 2], best[-MOST_CLASSES // 2 :])
    names = [d.truth.labels[c] for c in shown]
    figure, axis = plt.subplots(figsize=(7, 1.3 + 0.24 * len(names)), layout="constrained")
    bars = axis.barh(range(len(names)), 100 * d.ap[shown], color=INK)
    axis.bar_label(bars, fmt="%.1f", padding=4, fontsize=8, bbox={"color": "white", "pad": 0.5})
    axis.axvline(100 * d.ap.mean(), color="black", linestyle="--", linewidth=1, zorder=0)
    title = f"mAP {100 * d.ap.mean():.1f} % (dashed), {len(best)} classes"
    axis.set_title(title + (f", the best and the last {MOST_CLASSES // 2} shown" if len(shown) < len(best) else ""))
    axis.set(yticks=range(len(names)), yticklabels=names, xlabel=f"AP at tIoU {d.tiou:g} (%)")
    axis.invert_yaxis()
    axis.margins(x=0.1, y=0.01)
    return _plain(figure)


def draw_precision_recall(d: Diagnosis) -> Figure:
    """Interpolated precision over recall: the mean over classes in front of each class."""
    figure, axis = plt.subplots(figsize=(6.4, 4.6), layout="constrained")
    curves = np.array([100 * interpolated(curve, RECALL) for curve in d.curves.values()])  # (C, 101)
    for i, curve in enumerate(curves):
        axis.plot(100 * RECALL, curve, color="#999999", linewidth=0.7, alpha=0.7, label="" if i else "each class")
    axis.plot(100 * RECALL, curves.mean(axis=0), color=INK, linewidth=2.5, label="mean over classes")
    axis.set(
        xlim=(0, 100), ylim=(0, 102), xlabel="recall (%)", ylabel=f"precision at tIoU {d.tiou:g} (%), interpolated"
    )
    axis.legend(frameon=False)
    return _plain(figure)


def interpolated(curve: Curve, recall: np.ndarray) -> np.ndarray:
    """The highest precision at `recall` or more, 0 beyond the curve's end."""
    best_from_here = np.append(np.maximum.accumulate(curve.precision[::-1])[::-1], 0.0)
    return best_from_here[np.searchsorted(curve.recall, recall - 1e-12)]


def _false_positives(d: Diagnosis) -> Iterable[Sequence[Any]]:
    yield "first_detections", "kind", "detections", "share_percent"
    for group, counts in enumerate(d.profile, 1):
        for kind, n in zip(KINDS, counts, strict=True):
            yield f"{group}G", kind, int(n), 100 * n / max(counts.sum(), 1)


def _cost(d: Diagnosis) -> Iterable[Sequence[Any]]:
    yield "kind", "detections", "map_gain_points"
    for k, (kind, gain) in enumerate(zip(KINDS, d.cost, strict=True)):
        yield kind, int((d.kind == k).sum()), 100 * gain


def _per_class(d: Diagnosis) -> Iterable[Sequence[Any]]:
    yield "class", "instances", "detections", *(f"ap_{t:g}" for t in d.tious)
    instances = np.bincount(d.truth.label, minlength=len(d.truth.labels))
    detections = np.bincount(d.detections.label, minlength=len(d.truth.labels))
    for c, label in enumerate(d.truth.labels):
        yield label, int(instances[c]), int(detections[c]), *(100 * d.ap_by_tiou[:, c])
    yield "mean", int(instances.sum()), int(detections.sum()), *(100 * d.ap_by_tiou.mean(axis=1))


def _lengths(d: Diagnosis) -> Iterable[Sequence[Any]]:
    yield "length_from_s", "length_below_s", "instances", "classes", "recall_percent", "normalised_ap_percent"
    for g in d.lengths:
        yield g.low, g.high, g.instances, g.classes, 100 * g.recall, 100 * g.normalised_ap


def _precision_recall(d: Diagnosis) -> Iterable[Sequence[Any]]:
    yield "class", "score", "recall", "precision"
    for label, curve in d.curves.items():
        for row in zip(curve.score, curve.recall, curve.precision, strict=True):
            yield label, *row


def _detections(d: Diagnosis) -> Iterable[Sequence[Any]]:
    yield "video", "class", "start_s", "end_s", "score", "kind"
    names = d.truth.videos, d.truth.labels
    columns = (d.detections.video, d.detections.label, d.detections.start, d.detections.end, d.detections.score, d.kind)
    for video, label, start, end, score, kind in zip(*(column.tolist() for column in columns), strict=True):
        yield names[0][video], names[1][label], start, end, score, KINDS[kind]


def _cell(value: object) -> str:
    """One CSV cell; numbers to 6 digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _plain(figure: Figure) -> Figure:
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure
