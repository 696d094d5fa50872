"""What the kinds of figures share: stills and truth of the videos, titles, the table beside a picture."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actionbytes.data.annotations import Video, read_annotations
from actionbytes.video.stills import read_stills

Drawing = Mapping[str, Any]  # what `Plan.drawing` says


Sources = list[dict[str, Any]]  # which runs a figure shows, for its provenance


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
