"""The core of every protocol: which segments overlap, and who gets whom.

All matching rules of the field are one: choosers come one after the other, and each takes the first on its list that is
still free. Protocols differ in who chooses (detections by score, or instances in file order) and in the list. The
outcome is computed for all videos, classes and choosers at once by deferred acceptance (Gale and Shapley 1962): all
ask at the same time, each one asked keeps the chooser who comes first, the others ask their next. With one common order
of choosers this ends in exactly what taking turns gives, after at most as many rounds as instances compete.
"""

from typing import NamedTuple

import numpy as np

CHUNK = 1 << 22  # candidate pairs looked at together; bounds the memory


class Segments(NamedTuple):
    """N segments; only those of the same `group` (N,) int meet. `start`, `end` (N,) float in one unit."""

    group: np.ndarray
    start: np.ndarray
    end: np.ndarray


class Pairs(NamedTuple):
    """P overlapping pairs, ordered by `first`; `tiou` (P,) is above 0."""

    first: np.ndarray
    second: np.ndarray
    tiou: np.ndarray


def overlapping(first: Segments, second: Segments, floor: float = 0.0, hull: bool = False) -> Pairs:
    """All pairs of one group with tIoU > 0 and >= `floor`.

    A segment without length, or one that ends before it starts, overlaps nothing.

    Args:
        first: N segments.
        second: M segments.
        floor: the least tIoU.
        hull: measure the union from the first start to the last end, not as the sum of lengths less the intersection
            (equal but for the last bit).
    """
    peopled = np.bincount(second.group, minlength=int(first.group.max(initial=-1)) + 1) > 0
    asked = np.flatnonzero(peopled[first.group]) if len(first.group) else np.empty(0, np.int64)
    by_start = np.lexsort((second.start, second.group))
    begin, end = _candidates(Segments(*(c[asked] for c in first)), Segments(*(c[by_start] for c in second)))
    some = end > begin
    asked, begin, end = asked[some], begin[some], end[some]
    total = np.cumsum(end - begin)  # (n,) candidate pairs up to here
    parts = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    done = 0
    while done < len(asked):
        budget = CHUNK + (total[done - 1] if done else 0)
        stop = max(int(np.searchsorted(total, budget, side="right")), done + 1)
        count = end[done:stop] - begin[done:stop]
        i = np.repeat(asked[done:stop], count)  # (P,)
        j = by_start[np.arange(len(i)) + np.repeat(begin[done:stop] - (np.cumsum(count) - count), count)]  # (P,)
        tiou = tiou_of(first, second, i, j, hull)
        enough = (tiou > 0) & (tiou >= floor) & (first.group[i] == second.group[j])
        parts.append((i[enough], j[enough], tiou[enough]))
        done = stop
    return Pairs(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _candidates(first: Segments, second: Segments) -> tuple[np.ndarray, np.ndarray]:
    """For each of `first`, bounds (N,) of the run in `second` (sorted by group and start) that may overlap it.

    Those are the ones that start before its end, from the first one by which some end lies after its start. Groups are
    laid end to end on one line of time, so that two binary searches do for all; a little slack for rounding there only
    adds candidates.
    """
    if not len(first.group) or not len(second.group):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    times = np.concatenate([first.start, first.end, second.start, second.end])
    low = times.min()
    span = times.max() - low + 1.0
    slack = 4 * np.spacing((max(first.group.max(), second.group.max()) + 1) * span)
    start, end = (second.group * span + (t - low) for t in second[1:])
    reach = np.maximum.accumulate(end)
    from_, to = (first.group * span + (t - low) for t in first[1:])
    by_time = np.argsort(from_)  # searches in order are several times faster
    bounds = np.empty((2, len(from_)), np.int64)
    bounds[0, by_time] = np.searchsorted(reach, from_[by_time] - slack)
    bounds[1, by_time] = np.searchsorted(start, to[by_time] + slack)
    return bounds[0], bounds[1]


def ranked(group: np.ndarray, value: np.ndarray, tie: np.ndarray | None = None) -> np.ndarray:
    """Order by group, then from the highest value, equal values by `tie`: a lexsort, but faster where ties are rare.

    Args:
        group: (N,) int, from 0.
        value: (N,) float.
        tie: (N,) int; default: as they stand.

    Returns:
        (N,) positions.
    """
    order = np.argsort(-value)  # vectorised, but in ties in any order
    same = value[order[1:]] == value[order[:-1]]
    if same.any():
        tied = np.append(same, False) | np.append(False, same)
        run, rows = np.cumsum(np.append(True, ~same))[tied], order[tied]
        order[tied] = rows[np.lexsort((rows if tie is None else tie[rows], run))]
    narrow = group.astype(np.int16) if group.max(initial=0) < 1 << 15 else group  # 16 bits are sorted by radix
    return order[np.argsort(narrow[order], kind="stable")]


def ranked_within(group: np.ndarray, value: np.ndarray, tie: np.ndarray) -> np.ndarray:
    """`ranked` for rows that are sorted by `group` already, most of which are alone in theirs."""
    order = np.arange(len(group))
    same = group[1:] == group[:-1]
    rows = np.flatnonzero(np.append(same, False) | np.append(False, same))
    order[rows] = rows[ranked(group[rows], value[rows], tie[rows])]
    return order


def tiou_of(first: Segments, second: Segments, i: np.ndarray | int, j: np.ndarray, hull: bool = False) -> np.ndarray:
    """Compute tIoU of the pairs (i, j), in the operations and the order of the originals, to the last bit."""
    start, end, other_start, other_end = first.start[i], first.end[i], second.start[j], second.end[j]
    intersection = np.minimum(end, other_end) - np.maximum(start, other_start)
    intersection = np.maximum(intersection, 0.0)
    if hull:
        union = np.maximum(end, other_end) - np.minimum(start, other_start)
    else:
        union = (other_end - other_start) + (end - start) - intersection
    tiou: np.ndarray = np.divide(intersection, union, out=np.zeros_like(union), where=intersection > 0)
    return tiou


def with_pairs_without_union(pairs: Pairs, first: Segments, second: Segments) -> Pairs:
    """`pairs` and all pairs of one group whose union has no length, with tIoU infinity for 0/0.

    Those are two segments without length, wherever they lie, or two of opposite length, of which one is reversed.
    """
    length, other = first.end - first.start, second.end - second.start
    odd_first, odd_second = np.flatnonzero(length <= 0), np.flatnonzero(other < 0)
    if not len(odd_first) and not len(odd_second):
        return pairs
    ahead = np.flatnonzero(length > 0)
    joined = [
        _joined(odd_first, -length, first.group, np.arange(len(other)), other, second.group),
        _joined(ahead, -length, first.group, odd_second, other, second.group),
    ]
    i, j = (np.concatenate(column) for column in zip(*joined, strict=True))
    tiou = np.concatenate([pairs.tiou, np.full(len(i), np.inf)])
    i, j = np.concatenate([pairs.first, i]), np.concatenate([pairs.second, j])
    order = np.argsort(i, kind="stable")
    return Pairs(i[order], j[order], tiou[order])


def _joined(
    rows: np.ndarray,
    value: np.ndarray,
    group: np.ndarray,
    other_rows: np.ndarray,
    other_value: np.ndarray,
    other_group: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of one of `rows` and one of `other_rows` that have the same group and value."""
    values, number = np.unique(np.concatenate([value[rows], other_value[other_rows]]), return_inverse=True)
    key = group[rows] * len(values) + number[: len(rows)]
    other_key = other_group[other_rows] * len(values) + number[len(rows) :]
    order = np.argsort(other_key, kind="stable")
    low, high = (np.searchsorted(other_key[order], key, side=side) for side in ("left", "right"))
    count = high - low
    places = np.arange(count.sum()) + np.repeat(low - (np.cumsum(count) - count), count)
    return np.repeat(rows, count), other_rows[order[places]]


def touching(first: Segments, second: Segments) -> np.ndarray:
    """(N,) bool: which of `first` overlap any of `second`."""
    touched = np.zeros(len(first.group), bool)
    touched[overlapping(first, second).first] = True
    return touched


def assign(chooser: np.ndarray, choice: np.ndarray) -> np.ndarray:
    """Taking turns: positions of the pairs that come together, one at most for each chooser and each choice.

    Args:
        chooser: (P,) int, sorted; the smaller number chooses earlier.
        choice: (P,) int, what a chooser would take, from the most to the least liked.

    Returns:
        (H,) sorted positions in the two arrays.
    """
    if not len(chooser):
        return np.empty(0, np.int64)
    nobody = len(chooser)
    holder = np.full(
        int(choice.max()) + 1, nobody
    )  # the pair that has this choice; an earlier pair is an earlier chooser
    asking = np.flatnonzero(np.append(True, chooser[1:] != chooser[:-1]))
    while len(asking):
        asked = choice[asking]
        before = holder[asked]
        np.minimum.at(holder, asked, asking)
        after = holder[asked]
        refused = asking[after != asking]
        ousted = before[(after == asking) & (before != nobody)]  # one holder at most for each choice that is taken anew
        last = np.concatenate([refused, ousted])
        asking = last + 1
        on_list = asking < nobody
        on_list[on_list] = chooser[asking[on_list]] == chooser[last[on_list]]
        asking = asking[on_list]
    return np.sort(holder[holder != nobody])
