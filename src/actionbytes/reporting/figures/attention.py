"""What a method attends to in a few videos."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from actionbytes.errors import UserError
from actionbytes.features.store import load_features
from actionbytes.reporting.figures.material import Drawing, Sources, _note, _title, _videos, _write
from actionbytes.reporting.figures.strips import Strip, draw_strips, truth_bars


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
