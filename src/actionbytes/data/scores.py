"""Class scores of whole videos: what a method thinks each video shows, in one CSV file.

The file has the columns `video`, `part` and one for each class, and a row for each video and part. A part is what the
scores are from: "fusion" for the method as a whole, and a stream ("rgb", "flow") where each has a network of its own.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actionbytes.errors import UserError
from actionbytes.files import read_text, write_text

HEAD = ["video", "part"]


@dataclass(frozen=True, eq=False)
class VideoScores:
    """Scores of N videos for C classes.

    Attributes:
        videos: N names, each once.
        classes: C names, each once.
        parts: name of a part -> scores (N, C), float32, finite; a higher score is more likely.
    """

    videos: list[str]
    classes: list[str]
    parts: dict[str, NDArray[np.float32]]

    def __post_init__(self) -> None:
        """Check names and shapes.

        Raises:
            ValueError: a name is there twice, a shape does not fit, a score is not finite.
        """
        for title, names in (("videos", self.videos), ("classes", self.classes)):
            if len(set(names)) < len(names):
                raise ValueError(f"VideoScores: {title} has one name twice")
        shape = (len(self.videos), len(self.classes))
        for part, scores in self.parts.items():
            if scores.shape != shape or scores.dtype != np.float32:
                raise ValueError(f"VideoScores: part {part!r} is {scores.dtype} {scores.shape}, not float32 {shape}")
            if not np.isfinite(scores).all():
                raise ValueError(f"VideoScores: part {part!r} has a score that is not finite")


def write_scores(path: Path | str, scores: VideoScores) -> None:
    """Write scores as CSV, whole or not at all; reading gives every bit of the float32 numbers back.

    Args:
        path: the file; a name that ends in `.gz` is compressed.
        scores: what to write. The rows of a video stand together, its parts in the order of `scores.parts`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*HEAD, *scores.classes])
    for i, video in enumerate(scores.videos):
        for part, values in scores.parts.items():
            writer.writerow([video, part, *map(str, values[i])])  # the shortest text that gives the float32 back
    write_text(path, text.getvalue())


def read_scores(path: Path | str) -> VideoScores:
    """Read what `write_scores` wrote.

    Args:
        path: a CSV file, plain or gzip.

    Returns:
        The scores; videos and parts in the order of their first rows.

    Raises:
        UserError: the file is not such a table, a number is not finite, a row is missing or there twice.
    """
    try:
        lines = list(csv.reader(io.StringIO(read_text(path))))
    except csv.Error as error:
        raise UserError(f"{path}: not CSV: {error}") from None
    if not lines or lines[0][:2] != HEAD or len(lines[0]) < 3:
        raise UserError(f"{path}: no class scores: the first line must be 'video,part,' and the names of the classes")
    classes = lines[0][2:]
    if len(set(classes)) < len(classes):
        raise UserError(f"{path}: a class has two columns")
    rows: dict[tuple[str, str], NDArray[np.float32]] = {}
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(lines[0]):
            raise UserError(f"{path}, line {number}: has {len(line)} fields, the first line has {len(lines[0])}")
        if (line[0], line[1]) in rows:
            raise UserError(f"{path}, line {number}: video {line[0]!r}, part {line[1]!r} is there twice")
        rows[line[0], line[1]] = _numbers(line[2:], f"{path}, line {number}")
    videos = list(dict.fromkeys(video for video, _ in rows))
    parts = list(dict.fromkeys(part for _, part in rows))
    for video in videos:
        for part in parts:
            if (video, part) not in rows:
                raise UserError(f"{path}: video {video!r} has no row for part {part!r}")
    stacked = {
        part: np.array([rows[video, part] for video in videos], np.float32).reshape(-1, len(classes)) for part in parts
    }
    return VideoScores(videos, classes, stacked)


def _numbers(fields: Sequence[str], place: str) -> NDArray[np.float32]:
    """The numbers (C,) of one line, finite as float32."""
    try:
        with np.errstate(over="ignore"):
            values = np.array([float(field) for field in fields]).astype(np.float32)
    except ValueError:
        values = np.full(len(fields), np.nan, np.float32)
    if not np.isfinite(values).all():
        raise UserError(f"{place}: scores must be finite numbers")
    return values
