"""Sources: which videos a run learns from, with what is known of them, and which classes."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Literal

import numpy as np

from actionbytes.data.annotations import Video, classes_of, labels_of, of_subset, read_annotations
from actionbytes.errors import UserError
from actionbytes.features.store import PackedFeatures, load_features, stored_columns
from actionbytes.methods.parameters import MethodParameters
from actionbytes.methods.sets import Bools, Spans, TrainingSet

Supervision = Literal["labels", "segments"]


@dataclass(frozen=True)
class SourceFiles:
    """One source of videos to learn from.

    Attributes:
        shards: Feature shards, or the folder that holds them.
        annotations: ActivityNet JSON, or a folder of THUMOS text files.
        subset: Subset of the annotations.
        supervision: labels: only which classes a video shows is used; segments: when they happen, too.
        exclude: Videos that show one of these classes are left out.
        classes: Only instances of these classes count; None: of all.
        annotated: Share of each class's videos that is used, 0 to 1. A smaller share is part of a larger one.
    """

    shards: list[Path] | Path
    annotations: Path
    subset: str
    supervision: Supervision = "labels"
    exclude: frozenset[str] = frozenset()
    classes: frozenset[str] | None = None
    annotated: float = 1.0

    def videos(self) -> dict[str, Video]:
        """The videos to learn from, with the instances that count.

        Raises:
            UserError: If no video is left.
        """
        chosen = {}
        for name, video in of_subset(read_annotations(self.annotations), self.subset).items():
            if self.exclude.intersection(video.labels):
                continue
            instances = video.instances
            if self.classes is not None:
                instances = tuple(i for i in instances if i.label in self.classes)
            if instances:
                chosen[name] = replace(video, instances=instances)
        if not chosen:
            raise UserError(f"{self.annotations}: no video of subset {self.subset!r} has a label to learn from")
        return annotated_share(chosen, self.annotated)


def annotated_share(videos: Mapping[str, Video], share: float) -> dict[str, Video]:
    """The videos that a share of the annotation covers, in the order given.

    Of each class the first videos by a hash of their ids, at least one. So a smaller share is part of a larger one,
    every class stays, and other videos coming or going move few.

    Args:
        videos: Videos by id.
        share: Above 0, at most 1.

    Raises:
        UserError: If `share` is out of range.
    """
    if not 0 < share <= 1:
        raise UserError(f"annotated: {share:g} is no share; give one above 0, at most 1")
    order = sorted(videos, key=lambda name: hashlib.sha256(name.encode()).digest())
    covered: set[str] = set()
    for label in classes_of(videos):
        members = [name for name in order if label in videos[name].labels]
        covered.update(members[: ceil(share * len(members))])
    return {name: video for name, video in videos.items() if name in covered}


def read_sources(
    sources: Mapping[str, SourceFiles], parameters: MethodParameters
) -> tuple[dict[str, TrainingSet], dict[str, PackedFeatures]]:
    """Read what a method learns from.

    Args:
        sources: Files of each source of the method.
        parameters: Says which sources there are, whose classes are outputs and which feature streams are seen.

    Returns:
        The training set and the features of each source, in the method's order. Videos that the features set aside are
        left out.

    Raises:
        UserError: If a source is missing or unknown, or nothing is left to learn from.
    """
    if set(sources) != set(parameters.sources):
        needed = ", ".join(parameters.sources)
        raise UserError(f"the method learns from the sources {needed}; given: {', '.join(sources) or 'none'}")
    chosen = {name: sources[name].videos() for name in parameters.sources}
    output_sources = parameters.classes_from or parameters.sources
    outputs = sorted({label for name in output_sources for label in classes_of(chosen[name])})
    sets, features = {}, {}
    for name, videos in chosen.items():
        available = tuple(stored_columns(sources[name].shards, videos))
        streams = parameters.streams_of(available) if available else None  # `load_features` says that there are none
        features[name] = load_features(sources[name].shards, videos, streams)
        classes = outputs if name in output_sources else classes_of(videos)
        labels = labels_of(features[name].names, videos, classes)
        timed = sources[name].supervision == "segments"
        segments = segments_of(features[name], videos, classes) if timed else None
        sets[name] = training_set(features[name], labels, classes, segments)
    return sets, features


def training_set(
    features: PackedFeatures, labels: Bools, classes: Sequence[str], segments: tuple[Spans, ...] | None = None
) -> TrainingSet:
    """A training set from features and labels.

    Args:
        features: Of N videos.
        labels: (N, C) multi-hot.
        classes: Names of the C columns.
        segments: For each video (n, 3): start and end in snippets, column of `labels`.
    """
    labels = np.asarray(labels).astype(bool)
    return TrainingSet(
        names=features.names,
        rows=features.rows,
        offsets=np.asarray(features.offsets, dtype=np.int64),
        labels=labels,
        classes=tuple(classes),
        hop_s=features.hop_s,
        streams=tuple(features.streams),
        segments=segments,
        targets=labels,
    )


def segments_of(features: PackedFeatures, videos: Mapping[str, Video], classes: Sequence[str]) -> tuple[Spans, ...]:
    """When each class happens: for each video (n, 3) of start and end in snippets, inside the video, and class."""
    column = {label: c for c, label in enumerate(classes)}
    segments = []
    for name, length in zip(features.names, np.diff(features.offsets).tolist(), strict=True):
        spans = np.array([[i.start, i.end, column[i.label]] for i in videos[name].instances]).reshape(-1, 3)
        spans[:, :2] = (spans[:, :2] / features.hop_s).clip(0, length)
        segments.append(spans[spans[:, 1] > spans[:, 0]])
    return tuple(segments)
