"""Truth and detections of several methods over the frames of a few videos."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actionbytes.data.annotations import Video
from actionbytes.data.detections import read_detections
from actionbytes.papers.declared import Figure
from actionbytes.reporting.figures.material import Drawing, Sources, _note, _title, _videos, _write
from actionbytes.reporting.figures.strips import Bars, Strip, draw_strips, truth_bars


def qualitative(drawing: Drawing, paths: Sequence[Path], table: Path) -> Sources:
    """Truth, and the detections of each experiment, over frames.

    Of each class that the video shows, as many detections as there are true instances, the best-scored: a reader sees
    what a method would answer if it knew how often.
    """
    figure: Figure = drawing["figure"]
    stills, hop_s, truth, _ = _videos(drawing)
    found = [read_detections(path) for path in drawing["detections"]]
    strips, rows = [], []
    for name, frames in stills.items():
        video = truth[name]
        bars = [truth_bars("truth", video.instances, text=True)]
        for point, detections in zip(figure.points, found, strict=True):
            best = [d for label in video.labels for d in _best(detections, name, label, video)]
            bars.append(Bars(str(point.x), [(start, end, 1.0, label) for label, start, end, _ in best]))
            rows += [[name, point.x, label, f"{s:.2f}", f"{e:.2f}", f"{score:.4f}"] for label, s, e, score in best]
        strips.append(Strip(_title(video), frames, hop_s, video.duration, bars))
    _write(table, ["video", "method", "label", "start", "end", "score"], rows)
    draw_strips(strips, _note(drawing), paths)
    return [
        {"experiment": point.experiment, "seed": drawing["seed"], "detections": str(path)}
        for point, path in zip(figure.points, drawing["detections"], strict=True)
    ]


def _best(detections: Any, name: str, label: str, video: Video) -> list[tuple[str, float, float, float]]:
    """The best-scored detections of a class in a video, as many as it has instances."""
    if name not in detections.videos or label not in detections.labels:
        return []
    mine = (detections.video == detections.videos.index(name)) & (detections.label == detections.labels.index(label))
    count = sum(instance.label == label for instance in video.instances)
    order = np.flatnonzero(mine)[np.argsort(-detections.score[mine], kind="stable")][:count]
    return [(label, float(detections.start[k]), float(detections.end[k]), float(detections.score[k])) for k in order]
