"""Which of equals comes first where the originals sort by NumPy's default `argsort`, which is not stable.

Published numbers hang on it: half a point of mAP for S-CNN's detections on THUMOS14, which have many equal scores, and
0.05 points for STPN's, where a long detection overlaps two short instances by the same tIoU. The originals sort float64
by quicksort on the median of three, runs of up to 16 by insertion, and by heapsort what splits badly (introsort, Musser
1997). That is what NumPy has done since version 1.12, and before it without the heapsort. From 1.25 on it sorts float64
by AVX-512 where the processor has it, from 2.0 on also by AVX2, and equals come out in another order again. Here the
portable sort is followed, so that a number is the same on every machine.

NumPy sorts one float type without vector instructions on every processor: long double. That makes the portable order
available at the speed of C; `introsort` is the same order in Python, against which it is checked once.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from actionbytes.evaluation.matching import Pairs, Segments, ranked_within, tiou_of

SMALL = 15  # of a run's length less one: such runs are sorted by insertion, which is stable
CHUNK = 1 << 20  # overlaps that are sorted together; bounds the memory


def ranked_as_numpy(group: NDArray[np.int64], score: NDArray[np.float64], backwards: bool) -> NDArray[np.int64]:
    """Order by group, then from the highest score, equal scores as NumPy's portable sort leaves them in each group.

    Args:
        group: (N,) class or video of each, from 0.
        score: (N,) finite.
        backwards: as `argsort(score)[::-1]` has it; else as `argsort(-score)`.

    Returns:
        (N,) positions.
    """
    narrow = group.astype(np.int16) if group.max(initial=0) < 1 << 15 else group  # 16 bits are sorted by radix
    by_group = np.argsort(narrow, kind="stable")
    keys = score[by_group] if backwards else -score[by_group]
    size = np.bincount(group)
    ends = np.cumsum(size)
    for low, high in zip(ends - size, ends, strict=True):
        if high - low > 1:
            rows, key = by_group[low:high], keys[low:high]
            ascending = np.sort(key)
            tied = bool((ascending[1:] == ascending[:-1]).any())
            order = portable_argsort(key) if tied else np.argsort(key)
            by_group[low:high] = rows[order[::-1] if backwards else order]
    return by_group


def sorted_as_numpy(pairs: Pairs, first: Segments, second: Segments) -> NDArray[np.int64]:
    """Order of `pairs` by `first`, then from the largest tIoU, equals as `argsort(tiou)[::-1]` of all in the group.

    The order of equals depends on where all instances of the group stand in the file, also those that a detection does
    not overlap. Up to 16 of them the later in the file comes first.

    Args:
        pairs: P pairs of detections (`first`) and instances (`second`), sorted by detection.
        first: the detections.
        second: the instances, in file order within each group.

    Returns:
        (P,) positions.
    """
    order = ranked_within(pairs.first, pairs.tiou, -pairs.second)
    i, tiou = pairs.first[order], pairs.tiou[order]
    tied = (i[1:] == i[:-1]) & (tiou[1:] == tiou[:-1])
    size = np.bincount(second.group, minlength=int(first.group.max(initial=0)) + 1)  # (G,) instances in each group
    rows = np.unique(i[1:][tied])
    rows = rows[size[first.group[rows]] > SMALL + 1]
    if not len(rows):
        return order
    by_group = np.argsort(second.group, kind="stable")
    ends = np.cumsum(size)
    rows = rows[np.argsort(first.group[rows], kind="stable")]
    for part in np.split(rows, np.flatnonzero(np.diff(first.group[rows])) + 1):
        group = first.group[part[0]]
        members = by_group[ends[group] - size[group] : ends[group]]
        step = max(CHUNK // len(members), 1)
        for begin in range(0, len(part), step):
            _sort_rows(order, pairs, first, second, np.sort(part[begin : begin + step]), members)
    return order


def _sort_rows(
    order: NDArray[np.int64],
    pairs: Pairs,
    first: Segments,
    second: Segments,
    rows: NDArray[np.int64],
    members: NDArray[np.int64],
) -> None:
    """Put the pairs of the detections `rows` (R,), all of one group with the instances `members` (M,), in order."""
    place = np.empty((len(rows), len(members)), np.int64)  # of each instance in the sorted row
    tiou = tiou_of(first, second, np.repeat(rows, len(members)), np.tile(members, len(rows))).reshape(place.shape)
    tiou[_without_union(first, second, rows, members)] = np.inf
    np.put_along_axis(place, portable_argsort(tiou), np.arange(len(members))[None], axis=1)
    low, high = np.searchsorted(pairs.first, rows), np.searchsorted(pairs.first, rows + 1)
    count = high - low
    row = np.repeat(np.arange(len(rows)), count)
    at = np.arange(len(row)) + np.repeat(low - (np.cumsum(count) - count), count)  # positions of the rows' pairs
    rank = place[row, np.searchsorted(members, pairs.second[order[at]])]
    order[at] = order[at[np.lexsort((-rank, row))]]


def _without_union(
    first: Segments, second: Segments, rows: NDArray[np.int64], members: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which pairs (R, M) have a union without length; their tIoU is 0/0, which NumPy sorts last."""
    length = (second.end - second.start)[members]
    odd: NDArray[np.bool_] = (first.end - first.start)[rows, None] + length[None] == 0
    return odd


def portable_argsort(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """What `values.argsort()` gives where NumPy sorts without vector instructions.

    Args:
        values: (..., N), sorted along the last axis; no NaN.

    Returns:
        (..., N) positions, from the smallest value.
    """
    if _long_double_is_portable():
        return np.argsort(values.astype(np.longdouble), axis=-1)
    rows = [introsort(row) for row in values.reshape(-1, values.shape[-1]).tolist()]
    return np.array(rows, np.int64).reshape(values.shape)


@cache
def _long_double_is_portable() -> bool:
    """Whether this NumPy sorts long double as `introsort` does: on 300 values, of which many are equal."""
    values = (np.arange(300) * 7919 % 1009 % 23).astype(np.float64)
    return bool(np.array_equal(np.argsort(values.astype(np.longdouble)), introsort(values.tolist())))


def introsort(values: list[float]) -> list[int]:
    """The order in which NumPy's portable `argsort` puts `values`; differs from a stable sort only in equals."""
    order = list(range(len(values)))
    depth = 2 * (len(values).bit_length() - 1)
    stack = [(0, len(values) - 1, depth)]
    while stack:
        low, high, depth = stack.pop()
        if depth < 0:
            order[low : high + 1] = _heapsort(values, order[low : high + 1])
            continue
        while high - low > SMALL:
            middle = (low + high) // 2
            for a, b in ((low, middle), (middle, high), (low, middle)):
                if values[order[b]] < values[order[a]]:
                    order[a], order[b] = order[b], order[a]
            pivot = values[order[middle]]
            i, j = low, high - 1
            order[middle], order[j] = order[j], order[middle]
            while True:
                i += 1
                while values[order[i]] < pivot:
                    i += 1
                j -= 1
                while pivot < values[order[j]]:
                    j -= 1
                if i >= j:
                    break
                order[i], order[j] = order[j], order[i]
            order[i], order[high - 1] = order[high - 1], order[i]
            depth -= 1
            if i - low < high - i:  # the longer part waits
                stack.append((i + 1, high, depth))
                high = i - 1
            else:
                stack.append((low, i - 1, depth))
                low = i + 1
        order[low : high + 1] = sorted(order[low : high + 1], key=values.__getitem__)  # stable, as insertion is
    return order


def _heapsort(values: list[float], order: list[int]) -> list[int]:
    """`order` sorted by its `values`, equals as NumPy's heapsort leaves them."""
    heap = [0, *order]  # the children of i are 2 i and 2 i + 1
    for root in range(len(order) // 2, 0, -1):
        _sift(values, heap, heap[root], root, len(order))
    for last in range(len(order), 1, -1):
        taken, heap[last] = heap[last], heap[1]
        _sift(values, heap, taken, 1, last - 1)
    return heap[1:]


def _sift(values: list[float], heap: list[int], taken: int, i: int, size: int) -> None:
    """Let `taken` sink from place `i` in the first `size` places of the heap."""
    while (child := 2 * i) <= size:
        if child < size and values[heap[child]] < values[heap[child + 1]]:
            child += 1
        if not values[taken] < values[heap[child]]:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = taken
