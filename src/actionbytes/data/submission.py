"""Submissions to the ActivityNet challenge's test server, checked before they are written: the truth is there alone."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from actionbytes.data.annotations import Video, nearest
from actionbytes.data.detections import Detections
from actionbytes.errors import UserError
from actionbytes.files import write_text

VERSION = "VERSION 1.3"
SLACK = 0.2  # seconds: features count whole frames, so that a video may seem that much longer than its annotation says


def submission(detections: Detections, videos: Mapping[str, Video], labels: Collection[str]) -> Detections:
    """The detections as they may be sent; ends up to SLACK behind the video's end are moved onto it.

    videos: of the subset, with their durations; labels: the challenge's classes. Raises UserError in one line, with the
    first detection that the challenge does not allow: of an unknown video or label, a score or time that is not
    finite, a start before 0, an end not after the start, or behind the video's end.
    """
    for what, names, known in (("video", detections.videos, videos), ("label", detections.labels, labels)):
        unknown = [name for name in names if name not in known]
        if unknown:
            hint = nearest(unknown[0], sorted(known))
            raise UserError(f"{what} {unknown[0]!r} is not one of the challenge's ({len(unknown)} such); {hint}")
    if endless := [name for name in detections.videos if videos[name].duration is None]:
        raise UserError(f"video {endless[0]!r} has no duration in the annotations ({len(endless)} such)")
    lasts = np.array([videos[name].duration for name in detections.videos], dtype=np.float64)
    lasts = lasts[detections.video] if len(detections) else np.zeros(0)  # (N,)
    problems = {
        "the score is not finite": ~np.isfinite(detections.score),
        "a time is not finite": ~np.isfinite(detections.start + detections.end),
        "it starts before the video": detections.start < 0,
        "it ends behind the video": detections.end > lasts + SLACK,
        "it does not end after its start": np.minimum(detections.end, lasts) <= detections.start,
    }
    for problem, wrong in problems.items():
        if wrong.any():
            i = int(np.flatnonzero(wrong)[0])
            raise UserError(
                f"video {detections.videos[detections.video[i]]!r} of {lasts[i]:.2f} s: segment "
                f"[{detections.start[i]:g}, {detections.end[i]:g}], score {detections.score[i]:g}: {problem} "
                f"({int(wrong.sum())} such)"
            )
    return replace(detections, end=np.minimum(detections.end, lasts))


def write_submission(
    path: Path, detections: Detections, videos: Mapping[str, Video], labels: Collection[str], details: str
) -> None:
    """Write the challenge's JSON: every video of the subset, also without detections; best scores first.

    details: what external data was used, which the format asks for. Raises UserError as `submission` does.
    """
    sent = submission(detections, videos, labels)
    results: dict[str, list[dict]] = {name: [] for name in sorted(videos)}
    order = np.lexsort((sent.start, -sent.score))
    columns = (x[order].tolist() for x in (sent.video, sent.label, sent.start, sent.end, sent.score))
    for video, label, start, end, score in zip(*columns, strict=True):
        entry = {"label": sent.labels[label], "score": score, "segment": [start, end]}
        results[sent.videos[video]].append(entry)
    content = {"version": VERSION, "results": results, "external_data": {"used": True, "details": details}}
    write_text(path, json.dumps(content, allow_nan=False) + "\n")
