"""Truth and detections of several methods over the frames of a few videos."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actionbytes.data.annotations import Video
from actionbytes.data.detections import Detections, read_detections
from actionbytes.reporting.figures.material import Videos, note, title, write_rows
from actionbytes.reporting.figures.strips import Bars, Strip, draw_strips, truth_bars
from actionbytes.reporting.inputs import FigureInputs


def draw(inputs: FigureInputs, paths: Sequence[Path], table: Path) -> list[dict[str, Any]]:
    """Draw truth, and the detections of each experiment, over frames.

    Of each class that the video shows, as many detections as there are true instances, the best-scored: a reader sees
    what a method would answer if it knew how often.

    Args:
        inputs: Detections, stills and truth of the videos.
        paths: The pictures.
        table: The detections that are drawn, CSV.

    Returns:
        Which detections it shows.
    """
    videos = Videos.read(inputs)
    rows_of_bars = [
        (str(inputs.figure.points[entry.place].x), read_detections(path))
        for entry, path in zip(inputs.shown, inputs.detections, strict=True)
    ]
    strips, rows = [], []
    for name, frames in videos.stills.items():
        video = videos.truth[name]
        bars = [truth_bars("truth", video.instances, text=True)]
        for method, detections in rows_of_bars:
            best = [d for label in video.labels for d in _best(detections, name, label, video)]
            bars.append(Bars(method, [(start, end, 1.0, label) for label, start, end, _ in best]))
            rows += [[name, method, label, f"{s:.2f}", f"{e:.2f}", f"{score:.4f}"] for label, s, e, score in best]
        duration = video.duration or len(frames) * videos.hop_s
        strips.append(Strip(title(video), frames, videos.hop_s, duration, bars))
    write_rows(table, ["video", "method", "label", "start", "end", "score"], rows)
    draw_strips(strips, note(inputs), paths)
    return [
        {"experiment": entry.experiment, "seed": entry.seed, "detections": str(path)}
        for entry, path in zip(inputs.shown, inputs.detections, strict=True)
    ]


def _best(detections: Detections, name: str, label: str, video: Video) -> list[tuple[str, float, float, float]]:
    """The best-scored detections of a class in a video, as many as it has instances."""
    if name not in detections.videos or label not in detections.labels:
        return []
    chosen = (detections.video == detections.videos.index(name)) & (detections.label == detections.labels.index(label))
    count = sum(instance.label == label for instance in video.instances)
    order = np.flatnonzero(chosen)[np.argsort(-detections.score[chosen], kind="stable")][:count]
    return [(label, float(detections.start[k]), float(detections.end[k]), float(detections.score[k])) for k in order]
