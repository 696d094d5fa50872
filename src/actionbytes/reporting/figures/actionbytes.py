"""ActionBytes over the frames of a few videos."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from actionbytes.features.store import load_features
from actionbytes.localization.bytes import Proposals
from actionbytes.reporting.figures.material import Drawing, Sources, _note, _title, _videos, _write
from actionbytes.reporting.figures.strips import Bars, Strip, draw_strips, truth_bars


def actionbytes(drawing: Drawing, paths: Sequence[Path], table: Path) -> Sources:
    """ActionBytes over the frames of a few videos: where the latent changes, and the bytes between the cuts."""
    from actionbytes.localization.bytes import bytes_of
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
