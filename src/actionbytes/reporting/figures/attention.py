"""What a method attends to in a few videos."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actionbytes.errors import UserError
from actionbytes.features.store import load_features
from actionbytes.reporting.figures.material import Videos, note, run_shown, title, write_rows
from actionbytes.reporting.figures.strips import Strip, draw_strips, truth_bars
from actionbytes.reporting.inputs import FigureInputs


def draw(inputs: FigureInputs, paths: Sequence[Path], table: Path) -> list[dict[str, Any]]:
    """Draw what a method attends to in a few videos, and the activations of the classes that they show.

    Args:
        inputs: A model that attends, features, stills and truth of the videos.
        paths: The pictures.
        table: Each curve by snippet, CSV.

    Returns:
        Which run it shows.

    Raises:
        UserError: The method attends to nothing.
    """
    from actionbytes.training.runs import load_run

    assert inputs.localization is not None
    method, run = load_run(inputs.models[0].parent)
    videos = Videos.read(inputs)
    features = load_features(list(inputs.features), list(videos.stills), run.streams)
    strips, rows = [], []
    for i, name in enumerate(features.names):
        detected, video = method.detect(features.video(i), inputs.localization), videos.truth[name]
        if "attention" not in detected.curves or detected.activations is None:
            raise UserError(f"{run.method} attends to nothing; a figure of kind attention needs a method that does")
        curves = [("attention", detected.curves["attention"])]
        for label in (label for label in video.labels if label in run.classes):
            cas = detected.activations[:, run.classes.index(label)]
            curves.append((f"T-CAM of {label}", (cas - cas.min()) / max(1e-9, float(np.ptp(cas)))))
        rows += [[name, curve, t, f"{value:.4f}"] for curve, values in curves for t, value in enumerate(values)]
        bars = [truth_bars("truth", video.instances, text=True)]
        duration = float(features.durations[i])
        frames, hop_s = videos.stills[name], features.hop_s
        strips.append(Strip(title(video), frames, videos.hop_s, duration, bars, curves, "0 to 1", hop_s))
    write_rows(table, ["video", "curve", "snippet", "value"], rows)
    draw_strips(strips, note(inputs), paths)
    return [run_shown(inputs)]
