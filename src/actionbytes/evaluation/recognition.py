"""Video classification: multi-label mAP (W-TALC's and others') and top-1 accuracy (TSRNet)."""

import numpy as np

from actionbytes.evaluation.protocols import average_precision


def average_precisions(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(C,) AP of each class in [0, 1]: precision at each positive, summed, over the number of positives.

    Args:
        scores: (N, C), higher is more likely; equal scores keep the order of the videos.
        labels: (N, C) of 0 and 1.

    A class without a positive has no AP: NaN (the original divides 0 by 0). Raises ValueError for shapes or values
    that do not fit.
    """
    scores, labels = _checked(scores, labels)
    order = np.argsort(-scores, axis=0, kind="stable")  # (N, C)
    label, rank = np.nonzero(np.take_along_axis(labels, order, axis=0).T)  # class by class, rising rank
    positives = labels.sum(axis=0)
    ap = average_precision(rank + 1, label, positives, interpolated=False)
    return np.where(positives > 0, ap, np.nan)


def mean_average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """Classification mAP in percent, the mean over classes with a positive."""
    ap = average_precisions(scores, labels)
    if np.isnan(ap).all():
        raise ValueError("classification mAP: no class has a positive")
    return float(100 * np.nanmean(ap))


def top1_accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Percent of videos whose highest-scored class (the first of equals) is one of theirs.

    Args:
        scores: (N, C).
        labels: (N, C) of 0 and 1, or (N,) class indices.
    """
    labels = np.asarray(labels)
    if labels.ndim == 1:
        labels = np.arange(np.shape(scores)[1]) == labels[:, None]
    scores, labels = _checked(scores, labels)
    return float(100 * np.take_along_axis(labels, scores.argmax(axis=1)[:, None], axis=1).mean())


def _checked(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scores, labels = np.asarray(scores, np.float64), np.asarray(labels)
    if scores.ndim != 2 or scores.shape != labels.shape or not scores.size:
        raise ValueError(f"scores {scores.shape} and labels {labels.shape} must both be (videos, classes), not empty")
    if not np.isfinite(scores).all() or not np.isin(labels, (0, 1)).all():
        raise ValueError("scores must be finite, labels 0 or 1")
    return scores, labels.astype(bool)
