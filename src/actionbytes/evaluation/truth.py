"""Truth in columns, and the known quirks of public annotations: each changed only by name, all off by default."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from pydantic import Field

from actionbytes.data.annotations import Instance, Video
from actionbytes.errors import UserError
from actionbytes.parameters import Parameters

VIDEO_LISTS = {  # THUMOS14 test: which of the 213 annotated files a list leaves out
    "213": (),
    "212": ("video_test_0001292",),  # Ambiguous segments only
    "211": ("video_test_0000270", "video_test_0001496"),  # annotations outside the video; CricketShot wrongly annotated
    "210": ("video_test_0000270", "video_test_0001292", "video_test_0001496"),  # G-TAD, AFSD, BaSNet, STPN
}


class Quirks(Parameters):
    """What to do about known flaws of the truth. The defaults change nothing: every instance counts as annotated."""

    video_list: Literal["all", "213", "212", "211", "210"] = Field(
        "all", description="THUMOS14 test list; 212 drops 1292 (no instance), 211 drops 270 and 1496, 210 all three"
    )
    duplicates: Literal["keep", "drop"] = Field(
        "keep", description="instances of one class with equal times: each needs its own detection, or only one counts"
    )
    zero_length: Literal["keep", "drop"] = Field(
        "keep", description="instances that do not end after their start: never found, but counted, or left out"
    )
    past_end: Literal["keep", "drop", "clip"] = Field(
        "keep",
        description="instances that end more than 0.5 s after the video: keep, leave out, or cut to the duration",
    )
    diving: Literal["keep", "single"] = Field(
        "keep", description="'single' leaves out the Diving copy that THUMOS14 has of every CliffDiving instance"
    )

    def changed(self) -> dict[str, str]:
        """The options that are not at their defaults."""
        return {
            name: value for name, value in self.model_dump().items() if value != type(self).model_fields[name].default
        }


@dataclass(frozen=True, eq=False)
class Truth:
    """M instances in file order: `videos`, `labels` are sorted names, `video`, `label` (M,) index them, times in s.

    `labels` holds only classes with an instance. `ambiguous_*` (A,) are THUMOS14's Ambiguous segments.
    """

    videos: list[str]
    labels: list[str]
    video: np.ndarray
    label: np.ndarray
    start: np.ndarray
    end: np.ndarray
    ambiguous_video: np.ndarray
    ambiguous_start: np.ndarray
    ambiguous_end: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    @classmethod
    def of(cls, videos: Mapping[str, Video]) -> "Truth":
        """Columns of annotated videos. Raises UserError if none has an instance."""
        names = sorted(videos)
        rows = [(i, *_columns(instance)) for i, name in enumerate(names) for instance in videos[name].instances]
        if not rows:
            raise UserError(f"truth: none of the {len(videos)} videos has an annotated instance: nothing to evaluate")
        video, label, start, end = (list(column) for column in zip(*rows, strict=True))
        labels = sorted(set(label))
        index = {name: i for i, name in enumerate(labels)}
        unsure = [(i, *segment) for i, name in enumerate(names) for segment in videos[name].ambiguous]
        unsure_columns = np.array(unsure, np.float64).reshape(-1, 3)
        return cls(
            names,
            labels,
            np.array(video, np.int64),
            np.array([index[name] for name in label], np.int64),
            np.array(start, np.float64),
            np.array(end, np.float64),
            unsure_columns[:, 0].astype(np.int64),
            unsure_columns[:, 1],
            unsure_columns[:, 2],
        )


def apply_quirks(videos: Mapping[str, Video], quirks: Quirks) -> tuple[dict[str, Video], dict[str, int]]:
    """The truth as `quirks` wants it, and how many videos or instances each named change took away or cut."""
    counts: dict[str, int] = {}
    if quirks.video_list != "all":
        left_out = VIDEO_LISTS[quirks.video_list]
        counts[f"videos not in the list of {quirks.video_list}"] = len(videos.keys() & set(left_out))
        videos = {name: video for name, video in videos.items() if name not in left_out}
    return {name: _mended(video, quirks, counts) for name, video in videos.items()}, counts


def without(videos: Mapping[str, Video], names: Collection[str]) -> dict[str, Video]:
    """`videos` without those in `names`."""
    return {name: video for name, video in videos.items() if name not in names}


def _mended(video: Video, quirks: Quirks, counts: dict[str, int]) -> Video:
    def count(what: str) -> None:
        counts[what] = counts.get(what, 0) + 1

    cliff_diving = {(i.start, i.end) for i in video.instances if i.label == "CliffDiving"}
    seen: set[Instance] = set()
    kept = []
    for instance in video.instances:
        duration = math.inf if video.duration is None else video.duration
        late = instance.end > duration + 0.5
        if quirks.duplicates == "drop" and instance in seen:
            count("duplicate instances left out")
        elif quirks.zero_length == "drop" and instance.end <= instance.start:
            count("instances without length left out")
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
    return replace(video, instances=tuple(kept))


def _columns(instance: Instance) -> tuple[str, float, float]:
    return instance.label, instance.start, instance.end
