"""Submissions to the test server of the ActivityNet challenge, which alone has the truth; checked before writing."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from actionbytes.data.annotations import Video, nearest
from actionbytes.data.detections import Detections
from actionbytes.errors import UserError
from actionbytes.files import write_text

VERSION = "VERSION 1.3"
SLACK = 0.2  # seconds: features count whole frames, so a video may seem longer than its annotated duration


def submission(detections: Detections, videos: Mapping[str, Video], labels: Collection[str]) -> Detections:
    """The detections in the form that may be sent: ends up to SLACK after the video's end are moved onto it.

    Args:
        detections: Detections of one run.
        videos: The videos of the subset, with their durations.
        labels: The classes of the challenge.

    Raises:
        UserError: The first detection that the challenge does not allow: an unknown video or label, a score or time
            that is not finite, a start before 0, an end not after the start, or an end after the video's end.
    """
    for noun, names, allowed in (("video", detections.videos, videos), ("label", detections.labels, labels)):
        unknown = [name for name in names if name not in allowed]
        if unknown:
            hint = nearest(unknown[0], sorted(allowed))
            raise UserError(f"{noun} {unknown[0]!r} is not one of the challenge's ({len(unknown)} such); {hint}")
    if endless := [name for name in detections.videos if videos[name].duration is None]:
        raise UserError(f"video {endless[0]!r} has no duration in the annotations ({len(endless)} such)")
    durations = np.array([videos[name].duration for name in detections.videos], dtype=np.float64)
    durations = durations[detections.video] if len(detections) else np.zeros(0)  # (N,)
    problems = {
        "the score is not finite": ~np.isfinite(detections.score),
        "a time is not finite": ~np.isfinite(detections.start + detections.end),
        "it starts before the video": detections.start < 0,
        "it ends after the video": detections.end > durations + SLACK,
        "it does not end after its start": np.minimum(detections.end, durations) <= detections.start,
    }
    for problem, wrong in problems.items():
        if wrong.any():
            i = int(np.flatnonzero(wrong)[0])
            raise UserError(
                f"video {detections.videos[detections.video[i]]!r} of {durations[i]:.2f} s: segment "
                f"[{detections.start[i]:g}, {detections.end[i]:g}], score {detections.score[i]:g}: {problem} "
                f"({int(wrong.sum())} such)"
            )
    return replace(detections, end=np.minimum(detections.end, durations))


def write_submission(
    path: Path, detections: Detections, videos: Mapping[str, Video], labels: Collection[str], details: str
) -> None:
    """Write the JSON of the challenge: every video of the subset, even without detections; best scores first.

    Args:
        path: The file.
        detections: Detections of one run.
        videos: The videos of the subset, with their durations.
        labels: The classes of the challenge.
        details: The external data that was used, in words, which the format asks for.

    Raises:
        UserError: As `submission` does.
    """
    sent = submission(detections, videos, labels)
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in sorted(videos)}
    order = np.lexsort((sent.start, -sent.score))
    columns = (column[order].tolist() for column in (sent.video, sent.label, sent.start, sent.end, sent.score))
    for video, label, start, end, score in zip(*columns, strict=True):
        entry = {"label": sent.labels[label], "score": score, "segment": [start, end]}
        results[sent.videos[video]].append(entry)
    content = {"version": VERSION, "results": results, "external_data": {"used": True, "details": details}}
    write_text(path, json.dumps(content, allow_nan=False) + "\n")
