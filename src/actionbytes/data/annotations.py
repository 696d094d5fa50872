"""Annotations: which action happens when in which video, in seconds, as ActivityNet JSON or THUMOS text.

Truth is read as it is. Flaws of real files (instances without length, ends after the video's end, duplicates) are kept;
`actionbytes.evaluation.truth` corrects them if asked to. What cannot be understood at all is a UserError. So is an id,
subset or label that cannot name anything (see `actionbytes.data.names`): the rest of the program relies on that.
"""

import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actionbytes.data.names import check_id, check_label, check_subset
from actionbytes.errors import UserError
from actionbytes.files import read_json, read_text, write_text

SUBSETS = {"train": "training", "val": "validation", "valid": "validation", "testing": "test"}
MAX_SECONDS = 1e9  # beyond is a broken number, and sums of such times would overflow
THUMOS_FILE = re.compile(r"(?P<label>[^.].*)_(?P<subset>val|validation|test)\.txt(\.gz)?")


@dataclass(frozen=True, slots=True)
class Instance:
    """One action: a class label and `[start, end)` in seconds."""

    label: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Video:
    """One annotated video.

    Attributes:
        id: Its name.
        subset: The subset it belongs to, as the file spells it.
        duration: Length in seconds; None if the file does not tell.
        fps: Frames per second; None if the file does not tell.
        instances: The actions, in the order of the file.
        ambiguous: `(start, end)` of what THUMOS14 calls Ambiguous. It is not a class: evaluation ignores or excuses
            detections there.
    """

    id: str
    subset: str
    duration: float | None = None
    fps: float | None = None
    instances: tuple[Instance, ...] = ()
    ambiguous: tuple[tuple[float, float], ...] = ()

    @property
    def labels(self) -> list[str]:
        """Classes of this video, sorted, each once."""
        return sorted({instance.label for instance in self.instances})


def read_annotations(path: Path | str) -> dict[str, Video]:
    """Annotations of ActivityNet JSON (`.json`, `.json.gz`) or of a folder of THUMOS text files, by video id.

    A THUMOS folder holds `<Class>_val.txt` / `<Class>_test.txt` (also in subfolders), lines `video start end`, and
    `Ambiguous_*.txt`; instances of a video are ordered by class name, then as in the file.

    Raises:
        UserError: No such file, not JSON, a missing key, a time that is not a finite number, a video listed twice,
            or a video, subset or class that cannot go by its name.
    """
    path = Path(path)
    videos = _read_thumos_folder(path) if path.is_dir() else _read_activitynet(path)
    if not videos:
        raise UserError(f"{path}: holds no annotated video")
    return videos


def write_annotations(path: Path | str, videos: Mapping[str, Video] | Iterable[Video]) -> None:
    """Write ActivityNet JSON (gzip if the name ends in `.gz`), whole or not at all; same videos, same bytes."""
    listed = videos.values() if isinstance(videos, Mapping) else videos
    database = {}
    for video in listed:
        entry: dict[str, Any] = {"subset": video.subset, "duration": video.duration, "fps": video.fps}
        entry = {key: value for key, value in entry.items() if value is not None}
        entry["annotations"] = [{"label": i.label, "segment": [i.start, i.end]} for i in video.instances]
        if video.ambiguous:
            entry["ambiguous"] = [list(segment) for segment in video.ambiguous]
        database[video.id] = entry
    write_text(path, json.dumps({"database": database}, indent=1, allow_nan=False) + "\n")


def of_subset(videos: Mapping[str, Video], subset: str) -> dict[str, Video]:
    """The videos of one subset, in any of its spellings (see `same_subset`).

    Raises:
        UserError: No video is in `subset`; the message names the nearest subset.
    """
    chosen = {name: video for name, video in videos.items() if same_subset(video.subset) == same_subset(subset)}
    if not chosen:
        subsets = sorted({video.subset for video in videos.values()})
        raise UserError(f"subset {subset!r}: no video is in it; {nearest(subset, subsets)}")
    return chosen


def same_subset(name: str) -> str:
    """The canonical name of a subset: training for train, validation for val, test for testing; lower case."""
    return SUBSETS.get(name.strip().lower(), name.strip().lower())


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint of an error message about an unknown name: the nearest known name, and what else there is."""
    names = list(known)
    match = difflib.get_close_matches(name, names, n=1, cutoff=0.0 if len(names) < 50 else 0.3)
    choice = f"there are: {', '.join(names)}" if len(names) <= 6 else f"{len(names)} are known"
    return f"nearest is {match[0]!r}; {choice}" if match else choice


def _read_activitynet(path: Path) -> dict[str, Video]:
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("database"), dict):
        raise UserError(f"{path}: no ActivityNet annotations: the file must be an object with the key 'database'")
    return {name: _video(path, name, entry) for name, entry in content["database"].items()}


def _video(path: Path, name: str, entry: Any) -> Video:
    """One entry of `database`; `path` and `name` open every error."""
    check_id(str(path), name)
    place = f"{path}: video {name!r}"
    if not isinstance(entry, dict):
        raise UserError(f"{place}: must be an object with 'subset' and 'annotations'")
    for key, type_, noun in (("subset", str, "text"), ("annotations", list, "list")):
        if not isinstance(entry.get(key), type_):
            raise UserError(f"{place}: {key!r} is missing or not a {noun}")
    check_subset(place, entry["subset"])
    instances = []
    for position, annotation in enumerate(entry["annotations"]):
        entry_place = f"{place}, annotation {position}"
        if not isinstance(annotation, dict) or not {"label", "segment"} <= annotation.keys():
            raise UserError(f"{entry_place}: must be an object with 'label' and 'segment'")
        label = annotation["label"]
        if not isinstance(label, str):
            raise UserError(f"{entry_place}: 'label' must be text, not {label!r:.80}")
        check_label(entry_place, label)
        instances.append(Instance(label, *_segment(entry_place, annotation["segment"])))
    ambiguous = entry.get("ambiguous") or []
    if not isinstance(ambiguous, list):
        raise UserError(f"{place}: 'ambiguous' must be a list of segments")
    return Video(
        id=name,
        subset=entry["subset"],
        duration=_positive(place, entry, "duration"),
        fps=_positive(place, entry, "fps"),
        instances=tuple(instances),
        ambiguous=tuple(_segment(f"{place}, ambiguous segment {i}", s) for i, s in enumerate(ambiguous)),
    )


def _segment(place: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise UserError(f"{place}: 'segment' must be [start, end], not {value!r:.80}")
    return _number(place, value[0]), _number(place, value[1])


def _number(place: str, value: Any) -> float:
    """A finite number, also one that is written as text (as two public THUMOS files do)."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not abs(number) <= MAX_SECONDS:  # NaN is not
        raise UserError(f"{place}: {value!r:.60} is not a finite number within {MAX_SECONDS:g}")
    return number


def _positive(place: str, entry: dict[str, Any], key: str) -> float | None:
    if entry.get(key) is None:
        return None
    number = _number(f"{place}: {key!r}", entry[key])
    if number <= 0:
        raise UserError(f"{place}: {key!r} must be above 0, not {number:g}")
    return number


def _read_thumos_folder(folder: Path) -> dict[str, Video]:
    matches = ((path, THUMOS_FILE.fullmatch(path.name)) for path in sorted(folder.rglob("*.txt*")))
    files = [(path, match) for path, match in matches if match and not _hidden(path.relative_to(folder))]
    if not files:
        raise UserError(f"{folder}: no THUMOS text files such as Diving_test.txt in this folder")
    rows: dict[str, tuple[str, list[Instance], list[tuple[float, float]]]] = {}
    seen: dict[tuple[str, str], Path] = {}
    for path, match in files:
        label, subset = match["label"], same_subset(match["subset"])
        check_label(str(path), label)
        if (first := seen.setdefault((label, subset), path)) != path:
            raise UserError(
                f"{folder}: {first.name} is there twice ({first.parent} and {path.parent}): name one folder"
            )
        for number, line in enumerate(read_text(path).splitlines(), 1):
            if not (fields := line.split()):
                continue
            place = f"{path}, line {number}"
            if len(fields) != 3:
                raise UserError(f"{place}: must be 'video start end', not {line.strip()!r:.80}")
            check_id(place, fields[0])
            segment = _segment(place, fields[1:])
            first_subset, instances, ambiguous = rows.setdefault(fields[0], (subset, [], []))
            if first_subset != subset:
                raise UserError(f"{place}: {fields[0]} is in subset {first_subset} and in {subset}")
            if label == "Ambiguous":
                ambiguous.append(segment)
            else:
                instances.append(Instance(label, *segment))
    return {
        name: Video(name, subset, instances=tuple(instances), ambiguous=tuple(ambiguous))
        for name, (subset, instances, ambiguous) in sorted(rows.items())
    }


def _hidden(path: Path) -> bool:
    """Whether a path leads through a hidden name, as copies from a Mac (`._Diving_test.txt`) have it."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def classes_of(videos: Mapping[str, Video]) -> list[str]:
    """The class names of annotated videos, sorted."""
    return sorted({label for video in videos.values() for label in video.labels})


def labels_of(names: Sequence[str], videos: Mapping[str, Video], classes: Sequence[str]) -> np.ndarray:
    """(N, C) multi-hot video labels: which classes have an instance in which video."""
    column = {label: c for c, label in enumerate(classes)}
    labels = np.zeros((len(names), len(classes)), bool)
    for i, name in enumerate(names):
        labels[i, [column[label] for label in videos[name].labels]] = True
    return labels
