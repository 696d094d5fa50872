"""What figures over the frames of videos share: stills and truth of the videos, titles, the run that is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionbytes.data.annotations import Video, read_annotations
from actionbytes.files import csv_text, write_text
from actionbytes.reporting.inputs import FigureInputs
from actionbytes.video.stills import read_stills


@dataclass(frozen=True)
class Videos:
    """The videos of a picture.

    Attributes:
        stills: Video -> frames (T, S, S, 3).
        hop_s: Seconds from one still to the next.
        truth: Video -> its annotations.
        parts: Video -> the parts of its actions; empty where nobody annotated them.
    """

    stills: dict[str, NDArray[np.uint8]]
    hop_s: float
    truth: dict[str, Video]
    parts: dict[str, Video]

    @classmethod
    def read(cls, inputs: FigureInputs) -> "Videos":
        """Read the files of a picture."""
        assert inputs.stills is not None
        stills, hop_s = read_stills(inputs.stills)
        truth, *parts = (read_annotations(path) for path in inputs.truth)
        return cls(stills, hop_s, truth, parts[0] if parts else {})


def title(video: Video) -> str:
    """What stands above a video: its id and what it shows."""
    return f"{video.id} ({', '.join(video.labels)})"


def note(inputs: FigureInputs) -> str:
    """What stands above all videos: suite, tier, how they were picked, and the seed."""
    suite, tier = inputs.facts["suite"], inputs.facts["tier"]
    return f"suite {suite}, tier {tier}; videos picked by a hash of their ids; seed {inputs.seed}"


def run_shown(inputs: FigureInputs) -> dict[str, Any]:
    """The one run whose model a picture shows, for its provenance."""
    experiment, model = inputs.figure.points[0].experiment, inputs.models[0]
    return {"experiment": experiment, "seed": inputs.seed, "model": str(model)}


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write the numbers of a picture as CSV, whole or not at all."""
    write_text(path, csv_text([columns, *rows]))
