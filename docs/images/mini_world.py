"""Draw mini_world.png: sub-actions, some classes as walks, and the timeline of an untrimmed video.

Run it from anywhere: python docs/images/mini_world.py
"""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from PIL import Image

from actionbytes.mini.render import frames_of
from actionbytes.mini.script import FIXED, TICKS, Look, Script, Stretch, scripts
from actionbytes.mini.world import ACTIONS, SUB_ACTIONS, MiniWorld

STRIP, WIDTH, HEIGHT = 9, 72, 64
SHOWN = ("clean and jerk", "pole vault", "hammer throw", "shot put", "playing tennis", "cartwheeling")
COLOURS = dict(
    zip(
        SUB_ACTIONS,
        ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#edc948", "#76b7b2", "#ff9da7", "#9c755f", "#86bc4a"),
        strict=True,
    )
)
QUIET = "#d4d4d4"


def draw(parameters: MiniWorld, path: Path) -> None:
    """Draw the world into the picture `path`."""
    figure = Figure(figsize=(15, 13.2), dpi=100, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        3, 1, height_ratios=[5.5, 3.7, 3.2], hspace=0.12, left=0.015, right=0.985, top=0.965, bottom=0.045
    )
    _sub_actions(figure, grid[0])
    _classes(figure, grid[1], parameters)
    _timeline(figure, grid[2], parameters)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    Image.fromarray(pixels).quantize(160, dither=Image.Dither.NONE).save(path, optimize=True)


def _sub_actions(figure: Figure, place: SubplotSpec) -> None:
    """Ten film strips, 0.1 s from picture to picture."""
    grid = place.subgridspec(5, 2, wspace=0.02, hspace=0.3)
    actions = list(ACTIONS.values())
    for index, motion in enumerate(SUB_ACTIONS):
        action = next(action for action in actions[index * 2 :] + actions if motion in action.walk and action.scene)
        look = Look(action.prop, action.outfit, action.scene, "hall", 1, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0)
        ticks = tuple(range(0, (STRIP + 1) * TICKS // 10, TICKS // 10))
        stretch = Stretch(motion, 0.0, STRIP / 10, "", STRIP / 10, 0.0, 1.0)
        script = Script("", "", WIDTH, HEIGHT, "10", False, ticks, look, (FIXED,), (stretch,), (), (index,))
        axes = figure.add_subplot(grid[index // 2, index % 2])
        _strip(axes, list(frames_of(script)))
        axes.set_title(motion, loc="left", fontsize=12, fontweight="bold", color=COLOURS[motion], pad=3)
    figure.text(0.015, 0.985, "Sub-actions, shared by all classes (0.1 s from picture to picture)", fontsize=14)


def _classes(figure: Figure, place: SubplotSpec, parameters: MiniWorld) -> None:
    """Trimmed clips of some classes: twelve pictures, with the sub-actions of the walk below."""
    grid = place.subgridspec(len(SHOWN) // 2, 2, wspace=0.02, hspace=0.3)
    clips: dict[str, Script] = {}
    for script in scripts(parameters.model_copy(update={"pretraining_clips": 0, "clips": 60}), "kinetics400"):
        clips.setdefault(script.instances[0].label, script)
    for index, name in enumerate(SHOWN):
        axes = figure.add_subplot(grid[index // 2, index % 2])
        script = replace(clips[name], width=WIDTH, height=HEIGHT)
        _strip(axes, _sampled(script, 9))
        for stretch in script.stretches:
            _bar(axes, stretch, script.duration, 9 * WIDTH, HEIGHT + 4, 11)
        axes.set_ylim(HEIGHT + 16, 0)
        axes.set_title(f"{name}: {', '.join(ACTIONS[name].walk)}", loc="left", fontsize=12, pad=3)


def _timeline(figure: Figure, place: SubplotSpec, parameters: MiniWorld) -> None:
    """One untrimmed test video: pictures, class instances, sub-actions and background in between."""
    tests = (script for script in scripts(parameters, "thumos14") if script.subset == "test" and not script.broken)
    script = max(islice(tests, 12), key=lambda script: 20 * len({i.label for i in script.instances}) - script.duration)
    grid = place.subgridspec(2, 1, height_ratios=[1, 1.5], hspace=0.08)
    axes = figure.add_subplot(grid[0])
    _strip(axes, _sampled(replace(script, width=WIDTH, height=HEIGHT), 18))
    title = f"An untrimmed video, {script.duration:.0f} s: instances of classes above, what the figure does below"
    axes.set_title(title, loc="left", fontsize=14, pad=5)
    axes = figure.add_subplot(grid[1])
    shades = dict(zip(sorted({i.label for i in script.instances}), ("#1f3a5f", "#a63d40", "#3b7a57"), strict=False))
    named: dict[str, float] = {}  # where each name was last written; the colour says it again
    for instance in script.instances:
        axes.barh(0, instance.end - instance.start, left=instance.start, height=0.5, color=shades[instance.label])
        x = (instance.start + instance.end) / 2
        if x - named.get(instance.label, -script.duration) > script.duration / 11:
            axes.text(x, -0.32, instance.label, ha="center", va="bottom", fontsize=11, color=shades[instance.label])
            named[instance.label] = x
    for stretch in script.stretches:
        motion = stretch.motion if stretch.motion in COLOURS else "background"
        axes.barh(1, stretch.end - stretch.start, left=stretch.start, height=0.7, color=COLOURS.get(motion, QUIET))
        if stretch.end - stretch.start > script.duration / 45:
            x = (stretch.start + stretch.end) / 2
            axes.text(x, 1, stretch.motion, rotation=90, ha="center", va="center", fontsize=8)
    axes.set_xlim(0, script.duration)
    axes.set_ylim(1.4, -0.65)
    axes.set_yticks([])
    axes.set_xlabel("seconds", fontsize=11)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)


def _bar(axes: Axes, stretch: Stretch, duration: float, width: float, y: float, height: float) -> None:
    """The span of a stretch below a film strip."""
    start, end = max(0.0, stretch.start) / duration * width, min(duration, stretch.end) / duration * width
    axes.barh(
        y, end - start, left=start, height=height, align="edge", color=COLOURS.get(stretch.motion, QUIET), clip_on=False
    )
    if end - start > 0.07 * width:
        axes.text((start + end) / 2, y + height / 2, stretch.motion, ha="center", va="center", fontsize=9)


def _sampled(script: Script, count: int) -> list[np.ndarray]:
    """`count` frames (H, W, 3), evenly spaced in time."""
    numbers = np.searchsorted(script.ticks, (np.arange(count) + 0.5) / count * script.ticks[-1]) - 1
    chosen = set(numbers.tolist())
    kept = {k: frame for k, frame in enumerate(frames_of(script)) if k in chosen}
    return [kept[k] for k in numbers.tolist()]


def _strip(axes: Axes, frames: list[np.ndarray]) -> None:
    """Frames side by side."""
    white = np.full((frames[0].shape[0], 2, 3), 255, np.uint8)
    axes.imshow(np.concatenate([part for frame in frames for part in (frame[:, :-2], white)], 1), interpolation="none")
    axes.axis("off")


if __name__ == "__main__":
    draw(MiniWorld(), Path(__file__).with_suffix(".png"))
