"""Average precision from the ranks of true positives alone: the j-th of a class, at rank r, has precision j / r."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

# MATLAB counts 0:0.1:1 up from 0 in its first half and down from 1 in its second
RECALL_POINTS = np.array([0, 0.1, 0.2, 3 * 0.1, 0.4, 0.5, 1 - 0.4, 1 - 3 * 0.1, 1 - 0.2, 1 - 0.1, 1])


def average_precision(
    rank: NDArray[np.int64],
    label: NDArray[np.int64],
    n_positives: NDArray[np.int64],
    kind: Literal["interpolated", "plain", "11 points"],
) -> NDArray[np.float64]:
    """AP of each class.

    Args:
        rank: (H,) ranks of the true positives, from 1 within their class; rising within each class.
        label: (H,) class of each, sorted.
        n_positives: (C,) how many there are to find.
        kind: precision made monotone from the right and summed over every change of recall; the plain sum of
            precision at the true positives; or the mean of the largest precision from each of 11 points of recall on.

    Returns:
        (C,) in [0, 1].
    """
    ends = np.searchsorted(label, np.arange(len(n_positives) + 1))
    ap = np.zeros(len(n_positives))
    for c in np.flatnonzero(np.diff(ends)):
        ranks = rank[ends[c] : ends[c + 1]]
        nth = np.arange(1, len(ranks) + 1)
        precision = nth / ranks
        if kind == "plain":
            ap[c] = precision.sum() / n_positives[c]
            continue
        monotone = np.maximum.accumulate(precision[::-1])[::-1]
        if kind == "interpolated":
            ap[c] = monotone.sum() / n_positives[c]
        else:
            first = np.searchsorted(nth / n_positives[c], RECALL_POINTS)  # (11,) first true positive from the point on
            ap[c] = np.append(monotone, 0.0)[first].sum() / len(RECALL_POINTS)
    return ap
