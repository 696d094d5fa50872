"""Video classification: mAP over classes (as W-TALC and others report) and top-1 accuracy (TSRNet)."""

from collections.abc import Collection, Mapping
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from actionbytes.data.annotations import Video
from actionbytes.data.scores import VideoScores
from actionbytes.errors import UserError
from actionbytes.evaluation.precision import average_precision
from actionbytes.evaluation.ties import portable_argsort
from actionbytes.evaluation.truth import without


class RecognitionMetrics(TypedDict):
    """What `metrics.json` holds of the classification by one part; shares are in percent."""

    accuracy: float
    map: float
    videos: dict[str, int]


def recognition_metrics(
    scores: VideoScores,
    videos: Mapping[str, Video],
    set_aside: Collection[str] = (),
    ties: Literal["original", "file"] = "original",
) -> dict[str, RecognitionMetrics]:
    """Accuracy and classification mAP of each part of `scores`.

    The videos with an instance count; each must have scores. A class of the truth that has no scores is never
    predicted: its AP is 0, as that of a class without detections.

    Args:
        scores: class scores of at least the videos that count.
        videos: truth of one subset.
        set_aside: videos that could not be processed, which do not count.
        ties: videos of equal score, as in `average_precisions`.

    Returns:
        For each part, the percentages and how many videos were evaluated and listed.

    Raises:
        UserError: a video that counts has no scores, or there is none.
    """
    names = [name for name, video in without(videos, set_aside).items() if video.instances]
    row = {name: i for i, name in enumerate(scores.videos)}
    missing = [name for name in names if name not in row]
    if missing:
        raise UserError(f"class scores: video {missing[0]!r} has none ({len(missing)} such); score every video")
    if not names:
        raise UserError(f"truth: none of the {len(videos)} videos has an annotated instance: nothing to evaluate")
    classes = sorted({label for name in names for label in videos[name].labels} | set(scores.classes))
    column = {label: c for c, label in enumerate(classes)}
    labels = np.zeros((len(names), len(classes)), bool)
    for i, name in enumerate(names):
        labels[i, [column[label] for label in videos[name].labels]] = True
    scored = [column[label] for label in scores.classes]  # columns that have scores
    shown = np.flatnonzero(labels.any(axis=0))
    unscored = np.setdiff1d(shown, scored)
    rows = [row[name] for name in names]
    result: dict[str, RecognitionMetrics] = {}
    for part, values in scores.parts.items():
        ap = average_precisions(values[rows], labels[:, scored], ties)
        result[part] = {
            "accuracy": top1_accuracy(values[rows], labels[:, scored]),
            "map": float(100 * np.nanmean([*ap, *np.zeros(len(unscored))])),
            "videos": {"evaluated": len(names), "listed": sum(bool(video.instances) for video in videos.values())},
        }
    return result


def average_precisions(
    scores: ArrayLike, labels: ArrayLike, ties: Literal["original", "file"] = "original"
) -> NDArray[np.float64]:
    """AP of each class: precision at each positive, summed, over the number of positives.

    Args:
        scores: (N, C), higher is more likely.
        labels: (N, C) of 0 and 1.
        ties: equal scores in the order of W-TALC's code, NumPy's portable `argsort(-score)`, or in that of the videos.

    Returns:
        (C,) in [0, 1]; NaN for a class without a positive (the original divides 0 by 0).

    Raises:
        ValueError: shapes or values do not fit.
    """
    scores, labels = _checked(scores, labels)
    if ties == "original":
        order = portable_argsort(-scores.T).T  # (N, C)
    else:
        order = np.argsort(-scores, axis=0, kind="stable")
    label, rank = np.nonzero(np.take_along_axis(labels, order, axis=0).T)  # class by class, rising rank
    positives = labels.sum(axis=0)
    ap = average_precision(rank + 1, label, positives, "plain")
    return np.where(positives > 0, ap, np.nan)


def mean_average_precision(scores: ArrayLike, labels: ArrayLike) -> float:
    """Classification mAP in percent, the mean over classes with a positive.

    Args:
        scores: (N, C), higher is more likely.
        labels: (N, C) of 0 and 1.

    Raises:
        ValueError: shapes or values do not fit, or no class has a positive.
    """
    ap = average_precisions(scores, labels)
    if np.isnan(ap).all():
        raise ValueError("classification mAP: no class has a positive")
    return float(100 * np.nanmean(ap))


def top1_accuracy(scores: ArrayLike, labels: ArrayLike) -> float:
    """Percent of videos whose highest-scored class (the first of equals) is one of theirs.

    Args:
        scores: (N, C).
        labels: (N, C) of 0 and 1, or (N,) class indices.

    Raises:
        ValueError: shapes or values do not fit.
    """
    labels = np.asarray(labels)
    if labels.ndim == 1:
        labels = np.arange(np.shape(scores)[1]) == labels[:, None]
    scores, labels = _checked(scores, labels)
    return float(100 * np.take_along_axis(labels, scores.argmax(axis=1)[:, None], axis=1).mean())


def _checked(scores: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Both as arrays of one shape."""
    scores, labels = np.asarray(scores, np.float64), np.asarray(labels)
    if scores.ndim != 2 or scores.shape != labels.shape or not scores.size:
        raise ValueError(f"scores {scores.shape} and labels {labels.shape} must both be (videos, classes), not empty")
    if not np.isfinite(scores).all() or not np.isin(labels, (0, 1)).all():
        raise ValueError("scores must be finite, labels 0 or 1")
    return scores, labels.astype(bool)
