"""Non-maximum suppression of segments on the time line, hard and soft, for many groups at once.

A group is what competes: one class of one video. All groups advance together, one survivor each per round, so that
the work is a few array operations per rank and not per segment. Order is total and stated: higher score, then shorter
segment, then earlier start, then position in the input.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]


def segment_iou(start: Floats, end: Floats, other_start: Floats, other_end: Floats) -> Floats:
    """Temporal intersection over union, elementwise with broadcasting; 0 where the union is empty."""
    overlap = np.minimum(end, other_end) - np.maximum(start, other_start)
    union = (end - start) + (other_end - other_start) - np.maximum(overlap, 0)
    return np.maximum(overlap, 0) / np.where(union > 0, union, 1)


def ranking(start: Floats, end: Floats, score: Floats, group: Ints | None = None) -> Ints:
    """Indices (N,) by group, then higher score, shorter segment, earlier start, position."""
    start, end, score = np.asarray(start), np.asarray(end), np.asarray(score)
    keys = (start, end - start, -score)
    return np.lexsort(keys if group is None else (*keys, np.asarray(group)))


def nms(
    start: Floats,
    end: Floats,
    score: Floats,
    tiou: float,
    group: Ints | None = None,
    cap: int | None = None,
) -> Ints:
    """Indices of the segments that greedy suppression keeps, in the order of `ranking`.

    `start`, `end`, `score`: (N,), one unit, finite. A segment falls when a better kept one of its `group` (N,) has a
    tIoU with it strictly above `tiou`. `cap` keeps the best so many of each group. Memory is O(N).
    """
    order = ranking(start, end, score, group)
    first, last = np.asarray(start)[order], np.asarray(end)[order]  # (N,) by group and rank
    kind = np.zeros(len(order), dtype=np.int64) if group is None else _dense(np.asarray(group)[order])
    kept = np.zeros(len(order), dtype=bool)
    number = np.zeros(kind[-1] + 1 if len(kind) else 0, dtype=np.int64)  # survivors of each group
    alive = np.arange(len(order))
    while len(alive):
        here = kind[alive]
        fresh = np.r_[True, here[1:] != here[:-1]]
        best = alive[fresh]  # the best of each group that is left
        kept[best] = True
        number[kind[best]] += 1
        rival = best[np.cumsum(fresh) - 1]  # (len(alive),)
        free = ~fresh & (segment_iou(first[alive], last[alive], first[rival], last[rival]) <= tiou)
        if cap is not None:
            free &= number[here] < cap
        alive = alive[free]
    return order[kept]


def soft_nms(
    start: Floats,
    end: Floats,
    score: Floats,
    method: Literal["gaussian", "linear"] = "gaussian",
    sigma: float = 0.5,
    tiou: float = 0.3,
    group: Ints | None = None,
    cap: int | None = None,
    minimum: float = 0.0,
) -> tuple[Ints, Floats]:
    """Soft-NMS (Bodla et al., ICCV 2017): rivals of a picked segment lose score instead of falling.

    `gaussian` multiplies by exp(-tIoU^2 / sigma), `linear` by 1 - tIoU where tIoU > `tiou`. Segments come in the
    order picked, group by group: indices and decayed scores; picking ends below `minimum` or after `cap` per group.

    Raises ValueError for negative scores: decay would raise them.
    """
    score = np.asarray(score, dtype=np.float64)
    if len(score) == 0:
        return np.zeros(0, dtype=np.int64), score
    if score.min() < 0:
        raise ValueError("soft-NMS needs scores >= 0")
    order = ranking(start, end, score, group)
    kind = np.zeros(len(order), dtype=np.int64) if group is None else _dense(np.asarray(group)[order])
    size = np.bincount(kind)  # (G,)
    place = np.arange(len(order)) - (np.cumsum(size) - size)[kind]  # (N,) rank inside the group
    padded = np.full((3, len(size), size.max()), -1.0)  # start, end, score of each group: (3, G, M)
    padded[:, kind, place] = np.asarray(start)[order], np.asarray(end)[order], score[order]
    first, last, left = padded
    index = np.zeros(left.shape, dtype=np.int64)
    index[kind, place] = order
    rounds = size.max() if cap is None else min(cap, size.max())
    groups = np.arange(len(size))
    picked = np.zeros((2, len(size), rounds))
    for round_ in range(rounds):
        best = left.argmax(axis=1)  # (G,): the first of equals, so ties follow the ranking
        picked[:, :, round_] = index[groups, best], left[groups, best]
        overlap = segment_iou(first, last, first[groups, best, None], last[groups, best, None])  # (G, M)
        left[groups, best] = -1.0
        decay = np.exp(-(overlap**2) / sigma) if method == "gaussian" else 1 - overlap * (overlap > tiou)
        left = np.where(left < 0, left, left * decay)
    valid = (picked[1] >= max(minimum, 0.0)) & (np.arange(rounds) < size[:, None])  # (G, rounds)
    return picked[0][valid].astype(np.int64), picked[1][valid]


def _dense(group: Ints) -> Ints:
    """Sorted group numbers (N,) as 0, 0, 1, 1, ..."""
    return np.cumsum(np.r_[0, group[1:] != group[:-1]]) if len(group) else np.zeros(0, dtype=np.int64)
