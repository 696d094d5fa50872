"""Detections: scored segments in columns, read and written as ActivityNet submission JSON or THUMOS text.

Columns, not objects: five million detections are seven arrays. Times are seconds, real-valued, as in the file.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from actionbytes.data.annotations import MAX_SECONDS, nearest
from actionbytes.errors import UserError
from actionbytes.files import read_json, read_text, write_text

THUMOS14_NUMBERS = {  # number of a class in the THUMOS14 challenge; sorted by number is sorted by name
    **{7: "BaseballPitch", 9: "BasketballDunk", 12: "Billiards", 21: "CleanAndJerk", 22: "CliffDiving"},
    **{23: "CricketBowling", 24: "CricketShot", 26: "Diving", 31: "FrisbeeCatch", 33: "GolfSwing"},
    **{36: "HammerThrow", 40: "HighJump", 45: "JavelinThrow", 51: "LongJump", 68: "PoleVault", 79: "Shotput"},
    **{85: "SoccerPenalty", 92: "TennisSwing", 93: "ThrowDiscus", 97: "VolleyballSpiking"},
}
COLUMNS = ("video", "label", "start", "end", "score")


@dataclass(frozen=True, eq=False)
class Detections:
    """N detections in the order of the file.

    `videos` and `labels` are the names; `video` and `label` (N,) int64 index them; `start`, `end` (s) and `score`
    (N,) float64. Videos without a detection may be listed. `excluded` counts what reading left out, by reason.
    """

    videos: list[str]
    labels: list[str]
    video: np.ndarray
    label: np.ndarray
    start: np.ndarray
    end: np.ndarray
    score: np.ndarray
    excluded: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in COLUMNS:
            column = np.asarray(getattr(self, name), np.int64 if name in ("video", "label") else np.float64)
            object.__setattr__(self, name, column)
            if column.shape != self.video.shape or column.ndim != 1:
                raise ValueError(f"Detections: column {name} has shape {column.shape}, video has {self.video.shape}")

    def __len__(self) -> int:
        return len(self.score)

    def take(self, rows: np.ndarray) -> "Detections":
        """The detections that a mask or an index array chooses; names and `excluded` stay."""
        return replace(self, **{name: getattr(self, name)[rows] for name in COLUMNS})

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[str, str, float, float, float]]) -> "Detections":
        """From `(video, label, start, end, score)` rows."""
        columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [(), (), (), (), ()]
        return _columns(columns)


def read_detections(
    path: Path | str,
    *,
    drop_invalid: bool = False,
    reversed_segments: Literal["refuse", "drop", "swap", "count"] = "refuse",
) -> Detections:
    """Detections of ActivityNet submission JSON or of THUMOS text (`video start end class score`), plain or gzip.

    `.txt` and `.csv` are text, any other name is JSON. The rows keep the order of the file. A zero-length detection and
    a negative start are kept: they are valid answers that match badly.

    Args:
        path: the file.
        drop_invalid: leave out and count in `excluded` what has a time or score that is no finite number, and, unless
            `reversed_segments` says otherwise, an end before its start.
        reversed_segments: detections that end before they start: an error; left out and counted; start and end
            exchanged, as the THUMOS14 kit does; or kept as they are, false positives that nothing matches.

    Raises:
        UserError: the file cannot be read or is no such file, or a detection is refused.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name one file of detections")
    text = path.suffix.lower() in (".txt", ".csv") or path.name.lower().endswith((".txt.gz", ".csv.gz"))
    read = _read_thumos(path) if text else _read_activitynet(path)
    return _checked(
        path, read, drop_invalid, "drop" if drop_invalid and reversed_segments == "refuse" else reversed_segments
    )


def write_detections(path: Path | str, detections: Detections, *, digits: int | None = None) -> None:
    """Write THUMOS text if the name ends in `.txt` or `.txt.gz`, else ActivityNet JSON; atomic, repeatable.

    `digits` rounds times and scores; None keeps every bit (reading gives the same numbers back).
    """
    rows = zip(*(_plain(detections, name, digits) for name in COLUMNS), strict=True)
    if str(path).lower().endswith((".txt", ".txt.gz")):
        for name in detections.videos:
            if len(name.split()) != 1:
                raise UserError(f"{path}: video {name!r} has blanks, which text cannot hold; write .json")
        write_text(path, "".join(f"{v}\t{s!r}\t{e!r}\t{label}\t{score!r}\n" for v, label, s, e, score in rows))
        return
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in detections.videos}
    for video, label, start, end, score in rows:
        results[video].append({"label": label, "score": score, "segment": [start, end]})
    content = {"version": "VERSION 1.3", "results": results, "external_data": {"used": True, "details": "features"}}
    write_text(path, json.dumps(content, allow_nan=False) + "\n")


def with_class_names(
    detections: Detections, classes: Sequence[str], numbering: Literal["position", "challenge"] | None = None
) -> Detections:
    """`detections` with THUMOS class numbers turned into names; unchanged where labels are names already.

    `position` counts the 20 classes from 1 in alphabetical order; `challenge` is the number of the class among the
    101 of THUMOS14 (7 BaseballPitch ... 97 VolleyballSpiking). None decides by the numbers that occur, and refuses
    to guess where both fit.
    """
    if not detections.labels or set(detections.labels) & set(classes):
        return detections
    if not all(label.isdecimal() for label in detections.labels):
        return detections
    names = sorted(THUMOS14_NUMBERS.values())
    if not set(classes) <= set(names):
        raise UserError("classes are numbers, and the truth is not THUMOS14's 20 classes: write class names")
    maps = {"position": dict(enumerate(names, 1)), "challenge": THUMOS14_NUMBERS}
    maps = {key: map_ for key, map_ in maps.items() if numbering in (None, key)}
    numbers = [int(label) for label in detections.labels]
    fitting = [key for key, map_ in maps.items() if all(number in map_ for number in numbers)]
    if not fitting:
        raise UserError(f"class numbers {numbers}: THUMOS14 has 1-20 by position, or 7, 9 ... 97 as in the challenge")
    if len(fitting) == 2:
        raise UserError(f"class numbers {numbers}: by position or as in the challenge? Say --class-numbers")
    return replace(detections, labels=[maps[fitting[0]][n] for n in numbers])


def _read_activitynet(path: Path) -> Detections:
    content = read_json(path)
    results = content.get("results") if isinstance(content, dict) else None
    if not isinstance(results, dict):
        raise UserError(f"{path}: no detections: the file must be an object with the key 'results'")
    columns: tuple[list[Any], ...] = ([], [], [], [], [])
    videos, labels, starts, ends, scores = columns
    for name, entries in results.items():
        try:
            if not isinstance(entries, list):
                raise TypeError
            labels += [entry["label"] for entry in entries]
            scores += [entry["score"] for entry in entries]
            segments = [entry["segment"] for entry in entries]
            if any(type(segment) is not list or len(segment) != 2 for segment in segments):
                raise TypeError
        except (KeyError, TypeError):
            raise UserError(f"{path}: video {name!r}: {_flaw(entries)}") from None
        starts += [segment[0] for segment in segments]
        ends += [segment[1] for segment in segments]
        videos += [name] * len(entries)
    return _columns(columns, path, results)


def _flaw(entries: Any) -> str:
    """What is wrong with the detections of one video."""
    if not isinstance(entries, list):
        return "must hold a list of detections"
    for position, entry in enumerate(entries):
        if not isinstance(entry, dict):
            return f"detection {position} must be an object with 'label', 'score' and 'segment'"
        for key in ("label", "score", "segment"):
            if key not in entry:
                return f"detection {position} has no {key!r}"
        if not isinstance(entry["segment"], list) or len(entry["segment"]) != 2:
            return f"detection {position}: 'segment' must be [start, end], not {entry['segment']!r:.60}"
    raise AssertionError("called without a flaw")


def _read_thumos(path: Path) -> Detections:
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        fields = line.replace(",", " ").split()
        if not fields:
            continue
        if len(fields) < 5:
            raise UserError(f"{path}, line {number}: must be 'video start end class score', not {line.strip()!r:.80}")
        rows.append((fields[0], " ".join(fields[3:-1]), fields[1], fields[2], fields[-1]))
    return _columns(list(zip(*rows, strict=True)) or [(), (), (), (), ()], path)


def _columns(
    columns: Sequence[Sequence[Any]], source: Path | str = "detections", names: Iterable[str] = ()
) -> Detections:
    """Detections from equally long lists of video, label, start, end, score.

    Args:
        columns: the five lists; numbers may be text.
        source: the file, for errors.
        names: all videos, with or without detections.
    """
    video, label, start, end, score = columns
    if not set(map(type, label)) <= {str}:
        raise UserError(f"{source}: labels must be text, not {next(x for x in label if type(x) is not str)!r:.60}")
    videos = list(dict.fromkeys([*names, *video]))
    labels = sorted(set(label))
    to_video, to_label = ({name: i for i, name in enumerate(known)} for known in (videos, labels))
    return Detections(
        videos,
        labels,
        np.fromiter((to_video[name] for name in video), np.int64, len(video)),
        np.fromiter((to_label[name] for name in label), np.int64, len(label)),
        _numbers(start),
        _numbers(end),
        _numbers(score),
    )


def _numbers(values: Sequence[Any]) -> np.ndarray:
    """(N,) float64; what is no number becomes NaN, which `_checked` reports."""
    if set(map(type, values)) <= {float, int}:
        try:
            return np.array(values, np.float64)
        except OverflowError:  # an integer beyond 1e308
            pass
    return np.array([_number(value) for value in values], np.float64)


def _number(value: Any) -> float:
    try:
        return np.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan


def _checked(path: Path, detections: Detections, drop_invalid: bool, reversed_segments: str) -> Detections:
    """The detections without those that cannot be evaluated, as `read_detections` has it."""
    start, end = detections.start, detections.end
    odd = ~((np.abs(start) <= MAX_SECONDS) & (np.abs(end) <= MAX_SECONDS) & np.isfinite(detections.score))
    reversed_ = ~odd & (end < start)
    refused = (odd & (not drop_invalid)) | (reversed_ & (reversed_segments == "refuse"))
    if refused.any():
        i = int(np.flatnonzero(refused)[0])
        problem, remedy = "not finite numbers", "--drop-invalid leaves them out and counts them"
        if not odd[i]:
            problem = "the end is before the start"
            remedy += "; evaluate --reversed swap exchanges start and end, count takes them as false positives"
        raise UserError(
            f"{path}: video {detections.videos[detections.video[i]]!r}, class "
            f"{detections.labels[detections.label[i]]!r}: segment [{start[i]:g}, {end[i]:g}], score "
            f"{detections.score[i]:g}: {problem} ({int(refused.sum())} such; {remedy})"
        )
    if reversed_segments == "swap" and reversed_.any():
        exchanged = np.where(reversed_, end, start), np.where(reversed_, start, end)
        detections = replace(detections, start=exchanged[0], end=exchanged[1])
    bad = odd | (reversed_ & (reversed_segments == "drop"))
    if not bad.any():
        return detections
    counts = {"time or score is no finite number": int(odd.sum()), "end before start": int((bad & ~odd).sum())}
    return replace(detections.take(~bad), excluded={reason: n for reason, n in counts.items() if n})


def _plain(detections: Detections, name: str, digits: int | None) -> list[Any]:
    """One column as Python values, names instead of indices."""
    column = getattr(detections, name)
    if name in ("video", "label"):
        names = detections.videos if name == "video" else detections.labels
        return [names[i] for i in column.tolist()]
    return (column if digits is None else np.round(column, digits)).tolist()


def select(
    detections: Detections,
    videos: Collection[str] | None,
    classes: Collection[str] | None,
    unknown_videos: Literal["refuse", "leave-out", "count"] = "refuse",
    unknown_classes: Literal["refuse", "leave-out"] = "refuse",
) -> Detections:
    """The detections whose video and class are known.

    Args:
        detections: to choose from.
        videos: known videos; None: any.
        classes: known classes; None: any.
        unknown_videos: detections in other videos: an error with the nearest spelling, left out and counted in
            `excluded`, or kept.
        unknown_classes: detections of other classes: the same, but they cannot be kept.

    Raises:
        UserError: something is unknown and refused.
    """
    keep = np.ones(len(detections), bool)
    excluded = dict(detections.excluded)
    for title, names, column, known, rule in (
        ("video", detections.videos, detections.video, videos, unknown_videos),
        ("class", detections.labels, detections.label, classes, unknown_classes),
    ):
        if known is None or rule == "count":
            continue
        known_names = set(known)
        unknown = [name for name in names if name not in known_names]
        if not unknown:
            continue
        if rule == "refuse":
            remedy = "--ignore-unknown leaves them out and counts them"
            if title == "video":
                remedy += "; evaluate --unknown-videos count takes them as false positives"
            raise UserError(
                f"{title} {unknown[0]!r} is not in the truth ({len(unknown)} such); "
                f"{nearest(unknown[0], sorted(known_names))}; {remedy}"
            )
        strange = np.isin(column, [i for i, name in enumerate(names) if name not in known_names])
        if strange.any():
            excluded[f"{title} not in the truth"] = int((strange & keep).sum())
        keep &= ~strange
    return replace(detections if keep.all() else detections.take(keep), excluded=excluded)


def without_suffixes(detections: Detections, suffixes: Collection[str], videos: Collection[str]) -> Detections:
    """`detections` whose videos are named without the `suffixes`, where `videos` has such a name and not the other."""
    names = list(detections.videos)
    for i, name in enumerate(names):
        if name not in videos:
            bare = name
            for suffix in suffixes:
                bare = bare.replace(suffix, "")
            names[i] = bare if bare in videos else name
    return detections if names == detections.videos else replace(detections, videos=names)
