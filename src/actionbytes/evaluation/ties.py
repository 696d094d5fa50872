"""Which of two instances a detection takes when it overlaps both by exactly the same tIoU.

It is not rare: a long detection around two short instances of equal length does it. The original ActivityNet evaluator
sorts by `argsort()[::-1]`, whose sort is not stable, so the outcome depends on where in the file all *other* instances
of that video and class stand; published numbers hang on it (0.05 points of mAP at tIoU 0.1 for STPN's own detections).
To give those numbers, and the same on every machine, the order is worked out here as NumPy's portable introsort does:
up to 16 instances the later in the file comes first; above, quicksort's partitions decide.
"""

import numpy as np

from actionbytes.evaluation.matching import Pairs, Segments, ranked_within, tiou_of

SMALL = 15  # NumPy sorts up to 16 by insertion, which is stable


def as_the_original_sorts(pairs: Pairs, first: Segments, second: Segments) -> np.ndarray:
    """(P,) order of `pairs`: by `first`, then from the largest tIoU, ties as the original evaluator has them."""
    order = ranked_within(pairs.first, pairs.tiou, -pairs.second)
    i, tiou = pairs.first[order], pairs.tiou[order]
    tied = (i[1:] == i[:-1]) & (tiou[1:] == tiou[:-1])
    size = np.bincount(second.group)  # (G,) instances in each group
    rows = np.unique(i[1:][tied])
    rows = rows[size[first.group[rows]] > SMALL + 1]
    by_group = np.argsort(second.group, kind="stable")
    ends = np.cumsum(size)
    for row in rows.tolist():  # few: a detection with an exact tie in a group of many
        group = first.group[row]
        members = by_group[ends[group] - size[group] : ends[group]]
        place = np.empty(len(members), np.int64)
        place[introsort(tiou_of(first, second, row, members).tolist())] = np.arange(len(members))
        low, high = np.searchsorted(i, [row, row + 1])
        part = order[low:high]
        order[low:high] = part[np.argsort(-place[np.searchsorted(members, pairs.second[part])])]
    return order


def introsort(values: list[float]) -> list[int]:
    """The order in which NumPy's portable `argsort` puts `values`; differs from a stable sort only in ties.

    Quicksort on the median of first, middle and last; runs of up to 16 by insertion (Musser 1997; NumPy's heapsort
    for degenerate depth is left out: it needs adversarial input).
    """
    order = list(range(len(values)))
    stack = [(0, len(values) - 1)]
    while stack:
        low, high = stack.pop()
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
            stack.append((low, i - 1))
            low = i + 1
        order[low : high + 1] = sorted(order[low : high + 1], key=values.__getitem__)  # stable, as insertion is
    return order
