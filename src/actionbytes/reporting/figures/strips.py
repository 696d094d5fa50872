"""Pictures over frames: ActionBytes of a video, and what methods detect in it, below the frames themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from actionbytes.data.annotations import Instance
from actionbytes.reporting.figures.style import STYLE, TRUTH, colour, hatch, save

WIDTH_IN, MOST_FRAMES = 7.0, 16
FRAME_HEIGHT, CURVE_HEIGHT, BAR_HEIGHT = 0.5, 0.55, 0.16  # inches


@dataclass(frozen=True)
class Bars:
    """One row of segments.

    Attributes:
        name: What stands beside the row.
        segments: Start and end in seconds, strength from 0 to 1, text.
        plain: Draw them in the grey of truth.
        alternate: Draw neighbours in two shades, so that one sees where a piece ends.
    """

    name: str
    segments: Sequence[tuple[float, float, float, str]]
    plain: bool = False
    alternate: bool = False


@dataclass(frozen=True)
class Strip:
    """One video: frames, rows of bars and curves over one axis of time.

    Attributes:
        video: What stands above it.
        frames: (N, H, W, 3) uint8.
        hop_s: Seconds from one frame to the next.
        duration: Seconds of the video.
        bars: Rows of segments.
        curves: Name and values (T,) of each curve.
        curve_label: What the curves' axis is called.
        curve_hop_s: Seconds from one value of a curve to the next; None: those of the frames.
    """

    video: str
    frames: NDArray[np.uint8]
    hop_s: float
    duration: float
    bars: Sequence[Bars]
    curves: Sequence[tuple[str, NDArray[np.floating]]] = ()
    curve_label: str = ""
    curve_hop_s: float | None = None


def truth_bars(name: str, instances: Sequence[Instance], label: str | None = None, text: bool = False) -> Bars:
    """A row of true instances, of one class or of all."""
    chosen = [i for i in instances if label is None or i.label == label]
    return Bars(name, [(i.start, i.end, 1.0, i.label if text else "") for i in chosen], plain=True)


def draw_strips(strips: Sequence[Strip], note: str, paths: Sequence[Path]) -> None:
    """Draw the videos below one another into every path; time in seconds runs to the right."""
    heights = [h for strip in strips for h in _heights(strip)]
    for path in paths:
        with plt.rc_context(STYLE):
            sheet = plt.figure(figsize=(WIDTH_IN, sum(heights) + 0.35 * len(strips) + 0.3), layout="constrained")
            panels = list(sheet.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
            for strip in strips:
                _draw_strip(strip, panels)
            sheet.suptitle(note, fontsize=6, color="#555555")
            save(sheet, path)


def _heights(strip: Strip) -> list[float]:
    bars = BAR_HEIGHT * max(len(strip.bars), 1.6) if strip.bars else 0  # a single row has to hold its letters
    rows = [FRAME_HEIGHT, *([CURVE_HEIGHT] if strip.curves else []), bars]
    return [h for h in rows if h]


def _draw_strip(strip: Strip, panels: list[plt.Axes]) -> None:
    """Draw into the first of the panels, and take those that are used from the list."""
    axes = panels.pop(0)
    _draw_frames(axes, strip)
    axes.set_title(strip.video, loc="left", pad=2)
    if strip.curves:
        axes = panels.pop(0)
        edges = np.arange(len(strip.curves[0][1]) + 1) * (strip.curve_hop_s or strip.hop_s)
        edges = np.minimum(edges, strip.duration)
        for i, (name, values) in enumerate(strip.curves):
            axes.stairs(values, edges, color=colour(i), baseline=None, linewidth=1.0, label=name)
        axes.set_xlim(0, strip.duration)
        axes.set_ylabel(strip.curve_label, fontsize=7)
        axes.tick_params(labelbottom=False)
        if len(strip.curves) > 1:
            axes.legend(frameon=False, fontsize=6, loc="lower right", bbox_to_anchor=(1, 0.95), ncols=len(strip.curves))
    if strip.bars:
        axes = panels.pop(0)
        axes.set_xlim(0, strip.duration)
        _draw_bars(axes, strip.bars)
    axes.tick_params(labelbottom=True)
    axes.set_xlabel("time (s)", labelpad=1)


def _draw_frames(axes: plt.Axes, strip: Strip) -> None:
    count = min(MOST_FRAMES, len(strip.frames))
    edges = np.linspace(0, strip.duration, count + 1)
    for start, end in pairwise(edges):
        nearest = min(len(strip.frames) - 1, int((start + end) / 2 / strip.hop_s))
        axes.imshow(strip.frames[nearest], extent=(start, end, 0, 1), aspect="auto", interpolation="lanczos")
    axes.set_xlim(0, strip.duration)
    axes.set_ylim(0, 1)
    axes.axis("off")


def _draw_bars(axes: plt.Axes, rows: Sequence[Bars]) -> None:
    names = list(dict.fromkeys(text for row in rows for *_, text in row.segments if text))
    letter = 0.0095 * axes.get_xlim()[1]  # width of a letter, in seconds
    for number, row in enumerate(rows):
        written: list[tuple[float, float]] = []  # centre and width of the texts of this row: none over another
        for k, (start, end, strength, text) in enumerate(row.segments):
            shade = 0.35 + 0.65 * strength if not row.alternate else (0.95, 0.45)[k % 2]
            fill = TRUTH if row.plain and not text else colour(names.index(text) if text else number)
            axes.barh(
                number, end - start, left=start, height=0.72, color=fill, alpha=shade, edgecolor="white", linewidth=0.6,
                hatch=hatch(names.index(text)) if text else "",
            )  # fmt: skip
            centre, width = (start + end) / 2, letter * len(text)
            if text and width < end - start and all(abs(centre - c) > (width + w) / 2 for c, w in written):
                written.append((centre, width))
                dark = sum(to_rgb(fill)) < 1.5 and shade > 0.6  # white letters on dark bars
                axes.text(
                    centre, number, text, ha="center", va="center", fontsize=5.5, clip_on=True,
                    color="white" if dark else "black",
                )  # fmt: skip
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=6.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
