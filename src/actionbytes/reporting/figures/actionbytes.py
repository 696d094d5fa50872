"""ActionBytes over the frames of a few videos."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actionbytes.errors import UserError
from actionbytes.features.store import load_features
from actionbytes.localization.thresholds import Localization
from actionbytes.reporting.figures.material import Videos, note, run_shown, title, write_rows
from actionbytes.reporting.figures.strips import Bars, Strip, draw_strips, truth_bars
from actionbytes.reporting.inputs import FigureInputs


def draw(inputs: FigureInputs, paths: Sequence[Path], table: Path) -> list[dict[str, Any]]:
    """Draw where the latent of a few videos changes, and the bytes between the cuts.

    Args:
        inputs: A model with a latent, features, stills and truth of the videos.
        paths: The pictures.
        table: Start and end of each byte in seconds, CSV.

    Returns:
        Which run it shows.

    Raises:
        UserError: The method cuts no videos.
    """
    from actionbytes.localization.bytes import bytes_of
    from actionbytes.methods.base import ActivationMethod
    from actionbytes.training.runs import load_run

    method, run = load_run(inputs.models[0].parent)
    if not isinstance(method, ActivationMethod) or not isinstance(inputs.localization, Localization):
        raise UserError(f"{run.method} cuts no videos; a figure of kind actionbytes needs a method that does")
    videos = Videos.read(inputs)
    features = load_features(list(inputs.features), list(videos.stills), run.streams)
    strips, rows = [], []
    for i, name in enumerate(features.names):
        latent = method.predict(features.video(i)).latent
        if latent is None:
            raise UserError(f"{run.method} has no latent to cut; a figure of kind actionbytes needs a method that has")
        change = np.append(0, np.abs(np.diff(latent, axis=0)).sum(1))  # (T,)
        duration = float(features.durations[i])
        cuts = bytes_of(latent, inputs.localization.cut).tolist()
        spans = [(start * features.hop_s, min(end * features.hop_s, duration)) for start, end in cuts]
        rows += [[name, f"{start:.2f}", f"{end:.2f}"] for start, end in spans]
        bars = [Bars("ActionBytes", [(*span, 1.0, "") for span in spans], plain=True, alternate=True)]
        if name in videos.parts:
            bars.append(truth_bars("sub-actions", videos.parts[name].instances, text=True))
        curves = [("change of the latent", change / max(1e-9, change.max()))]
        frames, heading = videos.stills[name], title(videos.truth[name])
        label, hop_s = "change of\nthe latent", features.hop_s
        strips.append(Strip(heading, frames, videos.hop_s, duration, bars, curves, label, hop_s))
    write_rows(table, ["video", "start", "end"], rows)
    draw_strips(strips, note(inputs), paths)
    return [run_shown(inputs)]
