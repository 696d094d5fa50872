"""Truth in columns, and the known flaws of public annotations: each changed only by name, all off by default."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from actionbytes.data.annotations import Instance, Video
from actionbytes.errors import UserError
from actionbytes.evaluation.parameters import Quirks

LATE = 0.5  # s after the end of a video, from which on an instance is past the end
NEAR = 1e-3  # s, within which OpenTAD and ActionFormer take two times for one
VIDEO_LISTS = {  # THUMOS14 test: which of the 213 annotated files a list leaves out
    "213": (),
    "212": ("video_test_0001292",),  # Ambiguous segments only
    "211": ("video_test_0000270", "video_test_0001496"),  # annotations outside the video; CricketShot wrongly annotated
    "210": ("video_test_0000270", "video_test_0001292", "video_test_0001496"),  # G-TAD, AFSD, BaSNet, STPN
}


@dataclass(frozen=True, eq=False)
class Truth:
    """M instances in columns, video by video and within one in the order of the file.

    Attributes:
        videos: names, sorted, with or without an instance.
        labels: names of the classes with an instance, sorted.
        video: (M,) index into `videos`, rising.
        label: (M,) index into `labels`.
        start: (M,) s.
        end: (M,) s.
        ambiguous_video: (A,) video of each of THUMOS14's Ambiguous segments.
        ambiguous_start: (A,) s.
        ambiguous_end: (A,) s.
    """

    videos: list[str]
    labels: list[str]
    video: NDArray[np.int64]
    label: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    ambiguous_video: NDArray[np.int64]
    ambiguous_start: NDArray[np.float64]
    ambiguous_end: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.start)

    @classmethod
    def of(cls, videos: Mapping[str, Video]) -> "Truth":
        """Columns of annotated videos.

        Raises:
            UserError: none has an instance.
        """
        names = sorted(videos)
        rows = [(i, *_columns(instance)) for i, name in enumerate(names) for instance in videos[name].instances]
        if not rows:
            raise UserError(f"truth: none of the {len(videos)} videos has an annotated instance: nothing to evaluate")
        video, label, start, end = (list(column) for column in zip(*rows, strict=True))
        labels = sorted(set(label))
        index = {name: i for i, name in enumerate(labels)}
        segments = [(i, *segment) for i, name in enumerate(names) for segment in videos[name].ambiguous]
        ambiguous = np.array(segments, np.float64).reshape(-1, 3)
        return cls(
            names,
            labels,
            np.array(video, np.int64),
            np.array([index[name] for name in label], np.int64),
            np.array(start, np.float64),
            np.array(end, np.float64),
            ambiguous[:, 0].astype(np.int64),
            ambiguous[:, 1],
            ambiguous[:, 2],
        )


def apply_quirks(videos: Mapping[str, Video], quirks: Quirks) -> tuple[dict[str, Video], dict[str, int]]:
    """The truth as `quirks` wants it, and how many videos or instances each named change took away or cut."""
    counts: dict[str, int] = {}
    if quirks.video_list != "all":
        left_out = VIDEO_LISTS[quirks.video_list]
        counts[f"videos not in the list of {quirks.video_list}"] = len(videos.keys() & set(left_out))
        videos = {name: video for name, video in videos.items() if name not in left_out}
    return {name: _mended(video, quirks, counts) for name, video in videos.items()}, counts


def oddities(videos: Mapping[str, Video]) -> dict[str, int]:
    """How many instances cannot be as they are, by what is odd about them; nothing is changed.

    Many of one kind say that the times are in another unit than seconds, or that the durations are of other videos.
    """
    counts = {"end before they start": 0, "have no length": 0, "begin before 0 s": 0, "end after their video": 0}
    for video in videos.values():
        for instance in video.instances:
            counts["end before they start"] += instance.end < instance.start
            counts["have no length"] += instance.end == instance.start
            counts["begin before 0 s"] += instance.start < 0
            counts["end after their video"] += video.duration is not None and instance.end > video.duration + LATE
    return {oddity: n for oddity, n in counts.items() if n}


def without(videos: Mapping[str, Video], names: Collection[str]) -> dict[str, Video]:
    """`videos` without those in `names`."""
    return {name: video for name, video in videos.items() if name not in names}


def _mended(video: Video, quirks: Quirks, counts: dict[str, int]) -> Video:
    """The video as `quirks` wants it; every change is added to `counts`."""

    def count(change: str) -> None:
        counts[change] = counts.get(change, 0) + 1

    cliff_diving = {(i.start, i.end) for i in video.instances if i.label == "CliffDiving"}
    duration = math.inf if video.duration is None else video.duration
    seen: set[Instance] = set()
    distinct: list[Instance] = []  # what near duplicates are compared with
    kept = []
    for instance in video.instances:
        late = instance.end > duration + LATE
        if quirks.duplicates == "drop" and instance in seen:
            count("duplicate instances left out")
        elif quirks.zero_length != "keep" and _too_short(instance, quirks):
            count("instances without length left out")
            seen.add(instance)
            continue
        elif quirks.duplicates == "near" and any(_near(instance, other) for other in distinct):
            count("near duplicates left out")
            continue
        elif quirks.past_end == "drop" and late:
            count("instances past the end left out")
        elif (
            quirks.diving == "single" and instance.label == "Diving" and (instance.start, instance.end) in cliff_diving
        ):
            count("Diving copies of CliffDiving left out")
        elif quirks.past_end == "clip" and late:
            count("instances cut to the duration")
            kept.append(replace(instance, end=duration))
        else:
            kept.append(instance)
        seen.add(instance)
        distinct.append(instance)
    return replace(video, instances=tuple(kept))


def _too_short(instance: Instance, quirks: Quirks) -> bool:
    """Whether `zero_length` leaves the instance out."""
    length = instance.end - instance.start
    return length < NEAR if quirks.zero_length == "short" else length <= 0


def _near(a: Instance, b: Instance) -> bool:
    """Whether two instances have one class and the same times but for `NEAR`."""
    return a.label == b.label and abs(a.start - b.start) <= NEAR and abs(a.end - b.end) <= NEAR


def _columns(instance: Instance) -> tuple[str, float, float]:
    return instance.label, instance.start, instance.end
