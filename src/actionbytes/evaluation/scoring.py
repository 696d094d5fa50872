"""Average precision of detections under one protocol: order them, match them, rank the true positives."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from actionbytes.data.detections import Detections
from actionbytes.evaluation.matching import (
    Segments,
    assign,
    overlapping,
    ranked,
    touching,
    with_pairs_without_union,
)
from actionbytes.evaluation.precision import average_precision
from actionbytes.evaluation.protocols import Protocol
from actionbytes.evaluation.ties import ranked_as_numpy, sorted_as_numpy
from actionbytes.evaluation.truth import Truth


@dataclass(frozen=True, eq=False)
class Scores:
    """What an evaluation found, for K thresholds and C classes of the truth.

    Attributes:
        ap: (K, C) in [0, 1].
        detections: those that were scored, in scored order.
        n_detections: (C,) how many of each class.
        n_instances: (C,) how many there are to find.
        hits: for each threshold the true positives: their positions (H,) in `detections`, the instances (H,) that they
            take, and their ranks (H,), from 1, among the counted detections of their class.
    """

    ap: NDArray[np.float64]
    detections: Detections
    n_detections: NDArray[np.int64]
    n_instances: NDArray[np.int64]
    hits: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]


def in_scoring_order(
    detections: Detections, truth: Truth, protocol: Protocol, count_unknown: bool = False
) -> Detections:
    """The detections that `protocol` scores: class by class, the highest score first, equal scores as it has them.

    Args:
        detections: in the order of the file.
        truth: what they are scored against.
        protocol: whose rules.
        count_unknown: keep detections in videos that `truth` does not have, which makes them false positives.

    Returns:
        Detections whose `labels` are those of `truth`, and whose `videos` are those of `truth` and, sorted, the unknown
        ones; `excluded` counts what was left out.
    """
    unknown = sorted(set(detections.videos) - set(truth.videos)) if count_unknown else []
    video = _renumbered(detections.video, detections.videos, truth.videos + unknown)
    label = _renumbered(detections.label, detections.labels, truth.labels)
    evaluated = (video >= 0) & (label >= 0)
    located = replace(detections, videos=truth.videos + unknown, labels=truth.labels, video=video, label=label)
    excluded = dict(detections.excluded)
    if not evaluated.all():
        located = located.take(evaluated)
        excluded["video or class not evaluated"] = len(detections) - len(located)
    kept = _admitted(located, truth, protocol)
    if len(kept) < len(located):
        excluded["excluded by the protocol"] = len(located) - len(kept)
    return replace(kept.take(_order(kept, protocol)), excluded=excluded)


def _renumbered(column: NDArray[np.int64], names: list[str], target: list[str]) -> NDArray[np.int64]:
    """Indices into `names` as indices into `target`, -1 for names it does not have."""
    index = {name: i for i, name in enumerate(target)}
    numbers: NDArray[np.int64] = np.array([index.get(name, -1) for name in names] or [-1], np.int64)[column]
    return numbers


def _admitted(detections: Detections, truth: Truth, protocol: Protocol) -> Detections:
    """The detections less those that the protocol takes out before it looks at scores."""
    if protocol.empty_videos == "dropped":
        has_instance = np.bincount(truth.video, minlength=len(detections.videos)) > 0
        detections = detections if has_instance.all() else detections.take(has_instance[detections.video])
    if protocol.ambiguous == "deleted":
        touched = _touching_ambiguous(detections, truth, protocol)
        detections = detections if touched is None else detections.take(~touched)
    return detections


def _order(detections: Detections, protocol: Protocol) -> NDArray[np.int64]:
    """(N,) order by class, then from the highest score, equal scores as the protocol has them."""
    if protocol.equal_scores in ("numpy", "numpy reversed"):
        return ranked_as_numpy(detections.label, detections.score, backwards=protocol.equal_scores == "numpy reversed")
    if protocol.equal_scores == "file":
        return ranked(detections.label, detections.score)
    place = np.empty(len(detections.videos), np.int64)  # of each video among the sorted names
    place[sorted(range(len(place)), key=detections.videos.__getitem__)] = np.arange(len(place))
    position = np.arange(len(detections))
    return ranked(detections.label, detections.score, place[detections.video] * len(detections) + position)


def _touching_ambiguous(detections: Detections, truth: Truth, protocol: Protocol) -> NDArray[np.bool_] | None:
    """(N,) which detections overlap an Ambiguous segment; None: there are none in this truth."""
    if not len(truth.ambiguous_video):
        return None
    times = truth.ambiguous_start, truth.ambiguous_end
    ambiguous = _truth_segments(truth.ambiguous_video, *times, protocol)
    return touching(_detected_segments(detections.video, detections, protocol), ambiguous)


def score(ordered: Detections, truth: Truth, protocol: Protocol, tiou: Sequence[float]) -> Scores:
    """Average precision of every class at every tIoU: one pass over pairs that overlap, then each threshold apart.

    Args:
        ordered: from `in_scoring_order` with the same truth and protocol.
        truth: the instances.
        protocol: whose rules.
        tiou: K thresholds in (0, 1].
    """
    n_classes = len(truth.labels)
    instances = _truth_segments(truth.video * n_classes + truth.label, truth.start, truth.end, protocol)
    detected = _detected_segments(ordered.video * n_classes + ordered.label, ordered, protocol)
    chooser, choice, overlap = _lists(detected, instances, protocol, min(tiou))
    excused = _touching_ambiguous(ordered, truth, protocol) if protocol.ambiguous == "excused" else None

    n_instances = np.bincount(truth.label, minlength=n_classes)
    first = np.searchsorted(ordered.label, np.arange(n_classes + 1))  # (C + 1,) where each class begins
    tied_from = _first_of_equals(ordered, first) if protocol.equal_scores == "true first" else None
    ap = np.zeros((len(tiou), n_classes))
    hits = []
    for k, threshold in enumerate(tiou):
        enough = np.flatnonzero(overlap > threshold if protocol.strict else overlap >= threshold)
        taken = enough[assign(chooser[enough], choice[enough])]
        hit, instance = (chooser, choice) if protocol.chooser == "detection" else (choice, chooser)
        hit, instance = hit[taken], instance[taken]
        by_rank = np.argsort(hit)
        hit, instance = hit[by_rank], instance[by_rank]
        rank = _ranks(ordered, hit, first, excused, tied_from)
        ap[k] = average_precision(rank, ordered.label[hit], n_instances, protocol.ap)
        hits.append((hit, instance, rank))
    return Scores(ap, ordered, np.diff(first), n_instances, hits)


def _truth_segments(
    group: NDArray[np.int64], start: NDArray[np.float64], end: NDArray[np.float64], protocol: Protocol
) -> Segments:
    """Segments of the truth in the protocol's unit; `np.rint` rounds half to even as Python's `round` does."""
    if protocol.absolute:
        start, end = np.minimum(start, end), np.maximum(start, end)
    if protocol.snippets_per_second is None:
        return Segments(group, start, end)
    return Segments(group, np.rint(start * protocol.snippets_per_second), np.rint(end * protocol.snippets_per_second))


def _detected_segments(group: NDArray[np.int64], detections: Detections, protocol: Protocol) -> Segments:
    """Detections in the protocol's unit.

    Where they are not rounded, what is a whole number of snippets but for the rounding of seconds is made whole: the
    codes never had them in seconds.
    """
    times = [detections.start, detections.end]
    if protocol.snippets_per_second is not None:
        times = [t * protocol.snippets_per_second for t in times]
        whole = [np.rint(t) for t in times]
        if protocol.rounded == "truth":
            whole = [np.where(np.isclose(t, n, rtol=1e-12, atol=1e-9), n, t) for t, n in zip(times, whole, strict=True)]
        times = whole
    return Segments(group, *times)


def _lists(
    detected: Segments, instances: Segments, protocol: Protocol, floor: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Who may take what: choosers (P,) in turn, their choices (P,) from the most to the least liked, tIoU (P,)."""
    pairs = overlapping(detected, instances, floor=floor, hull=protocol.absolute)
    if protocol.zero_union == "match":
        pairs = with_pairs_without_union(pairs, detected, instances)
    if protocol.chooser == "instance":
        chooser, choice = pairs.second, pairs.first
        order = np.lexsort((choice, -pairs.tiou, chooser))
    else:
        chooser, choice = pairs.first, pairs.second
        if protocol.prefers == "file":
            order = np.lexsort((choice, chooser))
        elif protocol.equal_tiou == "file":
            order = np.lexsort((choice, -pairs.tiou, chooser))
        else:
            order = sorted_as_numpy(pairs, detected, instances)
    return chooser[order], choice[order], pairs.tiou[order]


def mean_ap(scores: Scores, protocol: Protocol) -> NDArray[np.float64]:
    """(K,) mAP in [0, 1]: the mean over classes of the truth, or 0 where the protocol gives up on a missing class."""
    mean: NDArray[np.float64] = scores.ap.mean(axis=1)
    if protocol.missing_class == "zero_all" and (scores.n_detections == 0).any():
        return np.zeros_like(mean)
    return mean


def _first_of_equals(ordered: Detections, first: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) position of the first detection of the same class and score."""
    starts = np.ones(len(ordered), bool)
    starts[1:] = ordered.score[1:] != ordered.score[:-1]
    starts[first[first < len(ordered)]] = True
    return np.maximum.accumulate(np.where(starts, np.arange(len(ordered)), 0))


def _ranks(
    ordered: Detections,
    hit: NDArray[np.int64],
    first: NDArray[np.int64],
    excused: NDArray[np.bool_] | None,
    tied_from: NDArray[np.int64] | None,
) -> NDArray[np.int64]:
    """Ranks of the true positives, from 1 within their class.

    Args:
        ordered: N detections in scored order.
        hit: (H,) sorted positions of the true positives.
        first: (C + 1,) where each class begins.
        excused: (N,) which detections have no rank unless they are true positives; None: all have one.
        tied_from: (N,) the first detection of equal score, before which false positives count; None: they count as
            ordered.
    """
    start = first[ordered.label[hit]]
    rank: NDArray[np.int64] = hit - start + 1
    if excused is None and tied_from is None:
        return rank
    true = np.zeros(len(ordered), bool)
    true[hit] = True
    counts = true | (~excused if excused is not None else True)
    counted = np.append(0, np.cumsum(counts))  # counted[i]: how many of the first i detections count
    if tied_from is None:
        rank = counted[hit] - counted[start] + 1
        return rank
    false = counted - np.append(0, np.cumsum(true))  # false[i]: how many of the first i are counted false positives
    nth = np.arange(1, len(hit) + 1) - np.searchsorted(ordered.label[hit], ordered.label[hit])
    rank = nth + false[tied_from[hit]] - false[start]
    return rank
