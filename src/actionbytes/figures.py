"""Figures of the papers from the files that the workflow has made: what `render_figure` calls, by kind of figure."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actionbytes.data.annotations import Video, read_annotations
from actionbytes.data.detections import read_detections
from actionbytes.data.manifests import read_csv
from actionbytes.errors import UserError
from actionbytes.features.store import load_features
from actionbytes.methods.parameters import Proposals
from actionbytes.recipes import write_text
from actionbytes.reporting.curves import as_csv, draw_curve, losses, places
from actionbytes.reporting.papers import Figure
from actionbytes.reporting.strips import Bars, Strip, draw_strips, truth_bars
from actionbytes.video.stills import read_stills

Drawing = Mapping[str, Any]  # what `Plan.drawing` says
Sources = list[dict[str, Any]]  # which runs a figure shows, for its provenance


def draw(drawing: Drawing, png: Path, pdf: Path, table: Path) -> Sources:
    """Draw a figure as PNG and PDF, write the numbers in it as CSV; returns what it was drawn from."""
    return KINDS[drawing["figure"].kind](drawing, [png, pdf], table)


def curve(drawing: Drawing, paths: Sequence[Path], table: Path) -> Sources:
    """mAP over a parameter; with `loss`, the clustering loss of each stage of the runs."""
    figure: Figure = drawing["figure"]
    metrics: dict[tuple[int, str], list] = {}
    sources = []
    for (number, experiment, dataset, seed), path in zip(drawing["cells"], drawing["metrics"], strict=True):
        metrics.setdefault((number, dataset), []).append(json.loads(Path(path).read_text(encoding="utf-8")))
        sources.append({"experiment": experiment, "dataset": dataset, "seed": seed, "metrics": str(path)})
    found = places(figure, metrics)
    if figure.loss:
        logs = [model.parent / "stages.csv" for model in drawing["models"]]
        found += losses([read_csv(log, ("stage", "objective")) for log in logs if log.exists()])
    write_text(table, as_csv(found))
    draw_curve(figure, found, drawing["facts"], paths)
    return sources


def actionbytes(drawing: Drawing, paths: Sequence[Path], table: Path) -> Sources:
    """ActionBytes over the frames of a few videos: where the latent changes, and the bytes between the cuts."""
    from actionbytes.methods.bytes import bytes_of
    from actionbytes.training.runs import load_run

    model = drawing["models"][0]
    method, run = load_run(model.parent)
    cutting = Proposals(**drawing["cutting"])
    stills, hop_s, truth, parts = _videos(drawing)
    features = load_features(drawing["features"], list(stills), run.streams)
    strips, rows = [], []
    for i, name in enumerate(features.names):
        latent = method.predict(features.video(i)).latent
        change = np.append(0, np.abs(np.diff(latent, axis=0)).sum(1))  # (T,)
        cut = bytes_of(latent, cutting)
        duration = float(features.durations[i])
        spans = [(start * hop_s, min(end * hop_s, duration)) for start, end in cut.tolist()]
        rows += [[name, f"{start:.2f}", f"{end:.2f}"] for start, end in spans]
        bars = [Bars("ActionBytes", [(*span, 1.0, "") for span in spans], plain=True, alternate=True)]
        if name in parts:
            bars.append(truth_bars("sub-actions", parts[name].instances, text=True))
        curves = [("change of the latent", change / max(1e-9, change.max()))]
        strips.append(Strip(_title(truth[name]), stills[name], hop_s, duration, bars, curves, "change of\nthe latent"))
    _write(table, ["video", "start", "end"], rows)
    draw_strips(strips, _note(drawing), paths)
    return [{"experiment": drawing["figure"].points[0].experiment, "seed": drawing["seed"], "model": str(model)}]


def attention(drawing: Drawing, paths: Sequence[Path], table: Path) -> Sources:
    """What a method attends to in a few videos, and the activation of the classes that they show, above the truth."""
    from actionbytes.training.runs import load_run

    model = drawing["models"][0]
    method, run = load_run(model.parent)
    stills, _, truth, _ = _videos(drawing)
    features = load_features(drawing["features"], list(stills), run.streams)
    strips, rows = [], []
    for i, name in enumerate(features.names):
        found, video = method.predict(features.video(i)), truth[name]
        if found.attention is None:
            raise UserError(f"{run.method} attends to nothing; a figure of kind attention needs a method that does")
        curves = [("attention", found.attention)]
        for label in (label for label in video.labels if label in run.classes):
            cas = found.cas[:, run.classes.index(label)]
            curves.append((f"T-CAM of {label}", (cas - cas.min()) / max(1e-9, float(np.ptp(cas)))))
        rows += [[name, curve, t, f"{value:.4f}"] for curve, values in curves for t, value in enumerate(values)]
        bars = [truth_bars("truth", video.instances, text=True)]
        duration = float(features.durations[i])
        strips.append(Strip(_title(video), stills[name], features.hop_s, duration, bars, curves, "0 to 1"))
    _write(table, ["video", "curve", "snippet", "value"], rows)
    draw_strips(strips, _note(drawing), paths)
    return [{"experiment": drawing["figure"].points[0].experiment, "seed": drawing["seed"], "model": str(model)}]


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


def _videos(drawing: Drawing) -> tuple[dict[str, np.ndarray], float, dict[str, Video], dict[str, Video]]:
    """Stills, seconds between two, truth, and (in the mini world) the sub-actions."""
    stills, hop_s = read_stills(drawing["stills"].file)
    truth, *parts = (read_annotations(path) for path in drawing["truth"])
    return stills, hop_s, truth, parts[0] if parts else {}


def _title(video: Video) -> str:
    return f"{video.id} ({', '.join(video.labels)})"


def _note(drawing: Drawing) -> str:
    facts = drawing["facts"]
    return f"suite {facts['suite']}, tier {facts['tier']}; videos picked by a hash of their ids; seed {drawing['seed']}"


def _write(path: Path, columns: Sequence[str], rows: Sequence[Sequence]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


KINDS: dict[str, Callable[[Drawing, Sequence[Path], Path], Sources]] = {
    "curve": curve,
    "bytes": actionbytes,
    "qualitative": qualitative,
    "attention": attention,
}
