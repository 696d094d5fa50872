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
    iou: Floats = np.maximum(overlap, 0) / np.where(union > 0, union, 1)
    return iou


def ranking(start: Floats, end: Floats, score: Floats, group: Ints | None = None) -> Ints:
    """Order segments by group, then higher score, shorter segment, earlier start, position.

    Args:
        start: (N,) in any unit.
        end: (N,) in the same unit.
        score: (N,).
        group: (N,) number of the group that each segment competes in; none: all compete.

    Returns:
        Indices (N,).
    """
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
    """Greedy suppression: a segment falls when a better one of its group that is kept overlaps it too much.

    Memory is O(N).

    Args:
        start: (N,) in any unit, finite.
        end: (N,) in the same unit.
        score: (N,).
        tiou: A segment falls when its tIoU with a better kept one is strictly above this.
        group: (N,) number of the group that each segment competes in; none: all compete.
        cap: Keep at most so many segments of each group, the best ones.

    Returns:
        Indices of the segments that are kept, in the order of `ranking`.
    """
    order = ranking(start, end, score, group)
    first, last = np.asarray(start)[order], np.asarray(end)[order]  # (N,) by group and rank
    numbers = _numbers(group, order)  # (N,)
    kept = np.zeros(len(order), dtype=bool)
    survivors = np.zeros(numbers[-1] + 1 if len(numbers) else 0, dtype=np.int64)  # of each group
    alive = np.arange(len(order))
    while len(alive):
        alive_numbers = numbers[alive]
        opens = np.r_[True, alive_numbers[1:] != alive_numbers[:-1]]  # the first of its group that is left
        best = alive[opens]
        kept[best] = True
        survivors[numbers[best]] += 1
        rival = best[np.cumsum(opens) - 1]  # (len(alive),)
        free = ~opens & (segment_iou(first[alive], last[alive], first[rival], last[rival]) <= tiou)
        if cap is not None:
            free &= survivors[alive_numbers] < cap
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

    Args:
        start: (N,) in any unit, finite.
        end: (N,) in the same unit.
        score: (N,), at least 0.
        method: `gaussian` multiplies a rival's score by exp(-tIoU^2 / sigma), `linear` by 1 - tIoU.
        sigma: Of `gaussian`.
        tiou: `linear` leaves rivals alone whose tIoU is not above this.
        group: (N,) number of the group that each segment competes in; none: all compete.
        cap: Pick at most so many segments of each group.
        minimum: Stop picking below this score.

    Returns:
        Indices of the picked segments, group by group and in the order picked, and their decayed scores.

    Raises:
        ValueError: If a score is negative: decay would raise it.
    """
    score = np.asarray(score, dtype=np.float64)
    if len(score) == 0:
        return np.zeros(0, dtype=np.int64), score
    if score.min() < 0:
        raise ValueError("soft-NMS needs scores >= 0")
    order = ranking(start, end, score, group)
    numbers = _numbers(group, order)  # (N,)
    size = np.bincount(numbers)  # (G,)
    place = np.arange(len(order)) - (np.cumsum(size) - size)[numbers]  # (N,) rank inside the group
    padded = np.full((3, len(size), size.max()), -1.0)  # start, end, score of each group: (3, G, M)
    padded[:, numbers, place] = np.asarray(start)[order], np.asarray(end)[order], score[order]
    first, last, left = padded
    index = np.zeros(left.shape, dtype=np.int64)
    index[numbers, place] = order
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


def _numbers(group: Ints | None, order: Ints) -> Ints:
    """Groups of segments in `order` (N,), numbered 0, 0, 1, 1, ... as they come up; all 0 without groups."""
    if group is None or not len(order):
        return np.zeros(len(order), dtype=np.int64)
    ordered = np.asarray(group)[order]
    return np.cumsum(np.r_[0, ordered[1:] != ordered[:-1]])
