"""Sequences to segments: runs above a threshold, and what a segment scores.

`T` snippets, `C` columns (classes). A segment is `[start, end)` of one column, in snippets. Everything is vectorised
over columns and segments; sums and maxima over segments cost O(1) each after one pass over the sequence.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

InnerScore = Literal["max", "mean", "contrast"]
Floats = NDArray[np.floating]
Ints = NDArray[np.integer]


class Runs(NamedTuple):
    """Segments of columns, sorted by column, then start: three arrays (N,) of int64."""

    start: Ints
    end: Ints
    column: Ints


def runs(mask: NDArray[np.bool_]) -> Runs:
    """Maximal stretches of True in each column.

    Args:
        mask: (T, C).

    Returns:
        Runs of all columns; those of one column never touch.
    """
    columns = np.asarray(mask, dtype=bool).T  # (C, T)
    edges = np.zeros((columns.shape[0], columns.shape[1] + 2), dtype=np.int8)
    edges[:, 1:-1] = columns
    steps = np.diff(edges, axis=1)  # (C, T + 1): +1 where a run starts, -1 where it has ended
    column, start = np.nonzero(steps == 1)
    _, end = np.nonzero(steps == -1)
    return Runs(start, end, column)


def midrange_threshold(cas: Floats, fraction: float = 0.5) -> Floats:
    """Each column's threshold: `max - fraction * (max - min)` over time.

    Args:
        cas: (T, C) activations.
        fraction: 0.5, the midrange, in W-TALC's code.

    Returns:
        (C,) thresholds.
    """
    highest, lowest = cas.max(axis=0), cas.min(axis=0)
    thresholds: Floats = highest - fraction * (highest - lowest)  # (C,)
    return thresholds


def threshold(cas: Floats, theta: Floats | float, min_length: int = 2) -> Runs:
    """Runs of `cas` (T, C) strictly above `theta` (C,) that last at least `min_length` snippets."""
    above = runs(np.asarray(cas) > theta)
    long_enough = above.end - above.start >= min_length
    return Runs(*(array[long_enough] for array in above))


def smoothed(cas: Floats, window: int) -> Floats:
    """Savitzky-Golay filter of order 1 over time; equal to scipy's with `mode="interp"`.

    Order 1 is a moving average inside and, within half a window of each end, the straight line fitted to the outermost
    window. Sequences of three snippets or fewer stay as they are.

    Args:
        cas: (T, C) activations.
        window: In snippets; the largest odd number <= min(window, T) is used. W-TALC's author has 351 for ActivityNet.

    Returns:
        (T, C) float64.
    """
    length = len(cas)
    width = min(window, length)
    width -= 1 - width % 2
    if length <= 3 or width <= 1:
        return np.asarray(cas, dtype=np.float64)
    half = width // 2
    means = _means(cas, np.arange(length - width + 1), width)  # (T - width + 1, C), centred on half ... T - 1 - half
    offset = np.arange(-half, half + 1, dtype=np.float64)  # (width,)
    lines = [offset @ np.asarray(part, dtype=np.float64) / (offset @ offset) for part in (cas[:width], cas[-width:])]
    head = means[0] + offset[:half, None] * lines[0]  # (half, C)
    tail = means[-1] + offset[half + 1 :, None] * lines[1]
    return np.concatenate([head, means, tail])  # (T, C)


def segment_scores(
    cas: Floats,
    start: Ints,
    end: Ints,
    column: Ints,
    rule: InnerScore = "contrast",
    margin: float = 0.25,
) -> Floats:
    """What each segment scores by itself.

    `max` is W-TALC's rule; `mean` the average inside. `contrast` is the mean inside minus the mean over a margin of
    floor(margin * length) snippets, at least one, on both sides: it prefers segments that end where the activation
    ends. Near the ends of the video the margin is what exists of it; a segment that covers the whole video has no
    outside, which then counts as 0.

    Args:
        cas: (T, C) activations.
        start: (N,) first snippet.
        end: (N,) snippet after the last.
        column: (N,) class of each segment.
        rule: See above.
        margin: Width of the margin on each side, as a share of the segment's length.

    Returns:
        (N,) float64.

    Raises:
        ValueError: If a segment is empty or reaches outside the sequence.
    """
    start, end, column = (np.asarray(array, dtype=np.int64) for array in (start, end, column))
    length = len(cas)
    if len(start) and (start.min() < 0 or end.max() > length or (end <= start).any()):
        raise ValueError(f"segments must satisfy 0 <= start < end <= {length}")
    if rule == "max":
        return _range_max(cas, start, end, column)
    total = _cumulative(cas)  # (T + 1, C)
    inside = (total[end, column] - total[start, column]) / (end - start)  # (N,)
    if rule == "mean":
        return inside
    reach = np.maximum(1, ((end - start) * margin).astype(np.int64))  # (N,)
    left, right = np.maximum(start - reach, 0), np.minimum(end + reach, length)
    count = (start - left) + (right - end)
    outside = (total[start, column] - total[left, column]) + (total[right, column] - total[end, column])
    return inside - outside / np.maximum(count, 1)


def _cumulative(cas: Floats) -> Floats:
    """Sums of the first 0 ... T snippets, float64 (T + 1, C)."""
    total = np.zeros((len(cas) + 1, cas.shape[1]))
    np.cumsum(cas, axis=0, dtype=np.float64, out=total[1:])
    return total


def _means(cas: Floats, start: Ints, width: int) -> Floats:
    """Mean of `width` snippets from each `start` (N,), for every column (N, C)."""
    total = _cumulative(cas)
    return (total[start + width] - total[start]) / width


def _range_max(cas: Floats, start: Ints, end: Ints, column: Ints) -> Floats:
    """Maximum of each segment (N,) by a sparse table: level k holds the maxima of all stretches of 2^k snippets."""
    best = np.empty(len(start))
    level = np.frexp(np.asarray(end - start, dtype=np.float64))[1] - 1  # (N,) floor(log2(length))
    table = np.asarray(cas, dtype=np.float64)
    for k in range(int(level.max(initial=-1)) + 1):
        if k:
            half = 1 << (k - 1)
            table = np.maximum(table[:-half], table[half:])  # (T - 2^k + 1, C)
        at_level = level == k
        first, last = start[at_level], end[at_level] - (1 << k)  # two stretches of 2^k that cover the segment
        best[at_level] = np.maximum(table[first, column[at_level]], table[last, column[at_level]])
    return best
