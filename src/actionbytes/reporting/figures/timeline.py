"""The timeline of one video: what was detected, how sure, and what is true, over seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from actionbytes.data.annotations import Instance
from actionbytes.reporting.figures.style import STYLE, TRUTH, colour, hatch, save

WIDTH_IN = 7.0


@dataclass(frozen=True)
class Timeline:
    """What a timeline shows of one video.

    Attributes:
        video: Its id.
        duration: Its seconds.
        hop_s: Seconds from one snippet to the next.
        classes: Names of the columns of `scores`.
        scores: Class activations (T, C); no columns where the method has none.
        detections: Label, start and end in seconds, score; the best first.
        truth: True instances; None if they are unknown.
    """

    video: str
    duration: float
    hop_s: float
    classes: Sequence[str]
    scores: np.ndarray
    detections: Sequence[tuple[str, float, float, float]]
    truth: Sequence[Instance] | None = None


def shown_classes(timeline: Timeline, most: int) -> list[str]:
    """Classes worth a row: those of the truth, then those with the best detections, at most `most`."""
    labels = [instance.label for instance in timeline.truth or ()]
    labels += [label for label, *_ in sorted(timeline.detections, key=lambda d: -d[3])]
    return list(dict.fromkeys(labels))[:most]


def draw_timeline(timeline: Timeline, path: Path, most_classes: int = 5, per_class: int = 30) -> None:
    """Draw bars for detections (the surer, the darker), the truth below them, and the score curve of each class."""
    names = shown_classes(timeline, most_classes)
    with plt.rc_context(STYLE):
        rows = max(1, len(names))
        figure, (bars, curves) = plt.subplots(
            2, 1, sharex=True, figsize=(WIDTH_IN, 1.6 + 0.42 * rows), height_ratios=[rows, 2.2], layout="constrained"
        )
        _draw_bars(bars, timeline, names, per_class)
        _draw_curves(curves, timeline, names)
        curves.set_xlim(0, timeline.duration)
        curves.set_xlabel("time (s)")
        beside = " over truth (grey)" if timeline.truth is not None else ""
        bars.set_title(f"{timeline.video}: detections{beside}", loc="left")
        save(figure, path)


def _draw_bars(axes: plt.Axes, timeline: Timeline, names: Sequence[str], per_class: int) -> None:
    for row, name in enumerate(names):
        best = sorted((d for d in timeline.detections if d[0] == name), key=lambda d: -d[3])[:per_class]
        scores = np.array([d[3] for d in best])
        span = np.ptp(scores) if len(scores) else 0
        strength = (scores - scores.min()) / span if span > 0 else np.ones(len(scores))
        for (_, start, end, _), dark in reversed(list(zip(best, strength, strict=True))):
            axes.barh(
                row - 0.14, end - start, left=start, height=0.4, color=colour(row), alpha=0.15 + 0.85 * dark,
                hatch=hatch(row), linewidth=0.4, edgecolor="white",
            )  # fmt: skip
        for instance in timeline.truth or ():
            if instance.label == name:
                length = instance.end - instance.start
                axes.barh(row + 0.24, length, left=instance.start, height=0.2, color=TRUTH, linewidth=0)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(max(1, len(names)) - 0.45, -0.6)
    axes.tick_params(axis="y", length=0)
    if not names:
        axes.text(0.5, 0.5, "nothing detected", transform=axes.transAxes, ha="center", va="center")


def _draw_curves(axes: plt.Axes, timeline: Timeline, names: Sequence[str]) -> None:
    edges = np.minimum(np.arange(len(timeline.scores) + 1) * timeline.hop_s, timeline.duration)
    column = {name: c for c, name in enumerate(timeline.classes)}
    for row, name in enumerate(names):
        if name in column:
            axes.stairs(
                timeline.scores[:, column[name]], edges, color=colour(row), baseline=None, linewidth=1.1,
                linestyle=("-", "--", ":")[row // 6 % 3], label=name,
            )  # fmt: skip
    axes.set_ylabel("activation")
