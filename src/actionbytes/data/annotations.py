"""Annotations: which action happens when in which video, in seconds (design contract: ActivityNet JSON, THUMOS text).

Truth is read as it is. Quirks that real files have (zero-length instances, ends behind the video, duplicates) are kept;
`actionbytes.evaluation.quirks` changes them by name. What cannot be understood at all is a UserError.
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

from actionbytes.errors import UserError
from actionbytes.files import read_json, read_text, write_text

SUBSETS = {"train": "training", "val": "validation", "valid": "validation", "testing": "test"}
MAX_SECONDS = 1e9  # beyond is a broken number, and sums of such times would overflow
THUMOS_FILE = re.compile(r"(?P<label>.+)_(?P<subset>val|validation|test)\.txt(\.gz)?")


@dataclass(frozen=True, slots=True)
class Instance:
    """One action: a class label and `[start, end)` in seconds."""

    label: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Video:
    """One annotated video. `duration` (s) and `fps` are None where the file does not tell; instances keep file order.

    `ambiguous` holds the segments of THUMOS14's Ambiguous class, which is no class: protocols ignore or excuse it.
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

    Raises UserError for anything that is not understood: no such file, not JSON, a missing key, a time that is no
    finite number, a video listed twice.
    """
    path = Path(path)
    videos = _read_thumos_folder(path) if path.is_dir() else _read_activitynet(path)
    if not videos:
        raise UserError(f"{path}: holds no annotated video")
    return videos


def write_annotations(path: Path | str, videos: Mapping[str, Video] | Iterable[Video]) -> None:
    """Write ActivityNet JSON (gzip if the name ends in `.gz`), at once or not at all; same videos, same bytes."""
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
    """The videos of one subset; train/training, val/validation and test/testing are the same, in any case of letters.

    Raises UserError with the nearest spelling if no video is in `subset`.
    """
    chosen = {name: video for name, video in videos.items() if same_subset(video.subset) == same_subset(subset)}
    if not chosen:
        known = sorted({video.subset for video in videos.values()})
        raise UserError(f"subset {subset!r}: no video is in it; {nearest(subset, known)}")
    return chosen


def same_subset(name: str) -> str:
    """The one spelling that stands for all spellings of a subset."""
    return SUBSETS.get(name.strip().lower(), name.strip().lower())


def nearest(name: str, known: Iterable[str]) -> str:
    """What an error says after an unknown name: the nearest known one, or what there is."""
    known = list(known)
    match = difflib.get_close_matches(name, known, n=1, cutoff=0.0 if len(known) < 50 else 0.3)
    few = f"there are: {', '.join(known)}" if len(known) <= 6 else f"{len(known)} are known"
    return f"nearest is {match[0]!r}; {few}" if match else few


def _read_activitynet(path: Path) -> dict[str, Video]:
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("database"), dict):
        raise UserError(f"{path}: no ActivityNet annotations: the file must be an object with the key 'database'")
    return {name: _video(f"{path}: video {name!r}", name, entry) for name, entry in content["database"].items()}


def _video(where: str, name: str, entry: Any) -> Video:
    """One entry of `database`; `where` opens every error."""
    if not isinstance(entry, dict):
        raise UserError(f"{where}: must be an object with 'subset' and 'annotations'")
    for key, kind in (("subset", str), ("annotations", list)):
        if not isinstance(entry.get(key), kind):
            raise UserError(f"{where}: {key!r} is missing or not a {'text' if kind is str else 'list'}")
    instances = []
    for position, annotation in enumerate(entry["annotations"]):
        here = f"{where}, annotation {position}"
        if not isinstance(annotation, dict) or not {"label", "segment"} <= annotation.keys():
            raise UserError(f"{here}: must be an object with 'label' and 'segment'")
        label = annotation["label"]
        if not isinstance(label, str) or not label.strip():
            raise UserError(f"{here}: 'label' must be text, not {label!r}")
        instances.append(Instance(label, *_segment(here, annotation["segment"])))
    ambiguous = entry.get("ambiguous") or []
    if not isinstance(ambiguous, list):
        raise UserError(f"{where}: 'ambiguous' must be a list of segments")
    return Video(
        id=name,
        subset=entry["subset"],
        duration=_positive(where, entry, "duration"),
        fps=_positive(where, entry, "fps"),
        instances=tuple(instances),
        ambiguous=tuple(_segment(f"{where}, ambiguous segment {i}", s) for i, s in enumerate(ambiguous)),
    )


def _segment(where: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise UserError(f"{where}: 'segment' must be [start, end], not {value!r}")
    return _number(where, value[0]), _number(where, value[1])


def _number(where: str, value: Any) -> float:
    """A finite number, also one that is written as text (as two public THUMOS files do)."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not abs(number) <= MAX_SECONDS:  # NaN is not
        raise UserError(f"{where}: {value!r:.60} is not a finite number within {MAX_SECONDS:g}")
    return number


def _positive(where: str, entry: dict[str, Any], key: str) -> float | None:
    if entry.get(key) is None:
        return None
    number = _number(f"{where}: {key!r}", entry[key])
    if number <= 0:
        raise UserError(f"{where}: {key!r} must be above 0, not {number:g}")
    return number


def _read_thumos_folder(folder: Path) -> dict[str, Video]:
    found = sorted(((p, m) for p in folder.rglob("*.txt*") if (m := THUMOS_FILE.fullmatch(p.name))), key=lambda f: f[0])
    if not found:
        raise UserError(f"{folder}: no THUMOS text files such as Diving_test.txt in this folder")
    rows: dict[str, tuple[str, list[Instance], list[tuple[float, float]]]] = {}
    seen: dict[tuple[str, str], Path] = {}
    for path, match in found:
        label, subset = match["label"], same_subset(match["subset"])
        if (first := seen.setdefault((label, subset), path)) != path:
            raise UserError(
                f"{folder}: {first.name} is there twice ({first.parent} and {path.parent}): name one folder"
            )
        for number, line in enumerate(read_text(path).splitlines(), 1):
            if not (fields := line.split()):
                continue
            where = f"{path}, line {number}"
            if len(fields) != 3:
                raise UserError(f"{where}: must be 'video start end', not {line.strip()!r:.80}")
            segment = _segment(where, fields[1:])
            home, instances, ambiguous = rows.setdefault(fields[0], (subset, [], []))
            if home != subset:
                raise UserError(f"{where}: {fields[0]} is in subset {home} and in {subset}")
            if label == "Ambiguous":
                ambiguous.append(segment)
            else:
                instances.append(Instance(label, *segment))
    return {
        name: Video(name, subset, instances=tuple(instances), ambiguous=tuple(ambiguous))
        for name, (subset, instances, ambiguous) in sorted(rows.items())
    }


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
