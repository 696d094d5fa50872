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
    """P overlapping pairs, ordered by `first`, then `second`; `tiou` (P,) is above 0."""

    first: np.ndarray
    second: np.ndarray
    tiou: np.ndarray


def overlapping(first: Segments, second: Segments, floor: float = 0.0, hull: bool = False) -> Pairs:
    """All pairs of one group with tIoU > 0 and >= `floor`.

    Union is the sum of lengths less the intersection, or with `hull` the span from the first start to the last end
    (equal but for the last bit). A segment without length overlaps nothing: 0/0 counts as 0.
    """
    n_groups = int(max(first.group.max(initial=-1), second.group.max(initial=-1))) + 1
    by_group = np.argsort(second.group, kind="stable")
    count = np.bincount(second.group, minlength=n_groups)  # (G,) how many of `second` are in each group
    offset = np.cumsum(count) - count  # (G,)
    candidates = np.flatnonzero(count[first.group])
    total = np.cumsum(count[first.group[candidates]])  # (n,) candidate pairs up to here
    parts = []
    begin = 0
    while begin < len(candidates):
        done = total[begin - 1] if begin else 0
        stop = max(int(np.searchsorted(total, done + CHUNK, side="right")), begin + 1)
        parts.append(_pairs(first, second, candidates[begin:stop], count, offset, by_group, floor, hull))
        begin = stop
    if not parts:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    return Pairs(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _pairs(
    first: Segments,
    second: Segments,
    chosen: np.ndarray,
    count: np.ndarray,
    offset: np.ndarray,
    by_group: np.ndarray,
    floor: float,
    hull: bool,
) -> Pairs:
    """The overlapping pairs of the `chosen` of `first`."""
    group = first.group[chosen]
    n = count[group]
    i = np.repeat(chosen, n)  # (P,)
    within = np.arange(len(i)) - np.repeat(np.cumsum(n) - n, n)
    j = by_group[np.repeat(offset[group], n) + within]  # (P,)
    meet = np.minimum(first.end[i], second.end[j]) > np.maximum(first.start[i], second.start[j])
    i, j = i[meet], j[meet]
    tiou = tiou_of(first, second, i, j, hull)
    enough = tiou >= floor
    return Pairs(i[enough], j[enough], tiou[enough])


def tiou_of(first: Segments, second: Segments, i: np.ndarray | int, j: np.ndarray, hull: bool = False) -> np.ndarray:
    """tIoU of the pairs (i, j), in the operations and the order of the originals, to the last bit."""
    intersection = np.minimum(first.end[i], second.end[j]) - np.maximum(first.start[i], second.start[j])
    intersection = np.maximum(intersection, 0.0)
    if hull:
        union = np.maximum(first.end[i], second.end[j]) - np.minimum(first.start[i], second.start[j])
    else:
        union = (second.end[j] - second.start[j]) + (first.end[i] - first.start[i]) - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=intersection > 0)


def touching(first: Segments, second: Segments) -> np.ndarray:
    """(N,) bool: which of `first` overlap any of `second`."""
    touched = np.zeros(len(first.group), bool)
    touched[overlapping(first, second).first] = True
    return touched


def assign(chooser: np.ndarray, choice: np.ndarray) -> np.ndarray:
    """Taking turns: positions of the pairs that come together, one at most for each chooser and each choice.

    Args:
        chooser: (P,) int, sorted; the smaller number chooses earlier.
        choice: (P,) int, what a chooser would take, from the most to the least wanted.

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
        wanted = choice[asking]
        before = holder[wanted]
        np.minimum.at(holder, wanted, asking)
        after = holder[wanted]
        refused = asking[after != asking]
        ousted = np.unique(before[(before != after) & (before != nobody)])
        last = np.concatenate([refused, ousted])
        asking = last + 1
        on_list = asking < nobody
        on_list[on_list] = chooser[asking[on_list]] == chooser[last[on_list]]
        asking = asking[on_list]
    return np.sort(holder[holder != nobody])
