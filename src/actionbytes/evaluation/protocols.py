"""Detection mAP under three protocols that differ by points; here they differ by the fields of one record.

activitynet  `activitynet/ActivityNet` eval_detection.py: STPN, TSRNet, CleanNet, AherNet.
thumos14     the official THUMOS14 kit (TH14evaldet, TH14eventdetpr; MATLAB).
wtalc        the evaluator that came with W-TALC and was passed on: W-TALC, 3C-Net, ActionBytes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from actionbytes.data.detections import Detections
from actionbytes.evaluation.matching import Segments, assign, overlapping, ranked, touching
from actionbytes.evaluation.ties import as_the_original_sorts
from actionbytes.evaluation.truth import Truth


@dataclass(frozen=True)
class Protocol:
    """What an evaluator does where evaluators differ."""

    name: str
    chooser: Literal["detection", "instance"]  # who takes turns: detections by score, or instances in file order
    prefers: Literal["tiou", "file"]  # the largest tIoU first, or the first in file order
    strict: bool  # a match needs tIoU > t, not >= t
    hull: bool  # union measured from first start to last end: the last bit of tIoU
    interpolated: bool  # precision made monotone from the right before it is summed
    ambiguous: Literal[
        "ignored", "excused", "deleted"
    ]  # detections on Ambiguous: no false positives / not there at all
    empty_videos: Literal["counted", "dropped"]  # detections in videos without any instance
    missing_class: Literal["zero_class", "zero_all"]  # a class without a detection: its AP is 0, or the whole mAP
    snippets_per_second: float | None = None  # times become whole snippets, rounded half to even; None: seconds

    @property
    def ties(self) -> str:
        """How equal scores and equal tIoUs are ordered."""
        among = {
            ("detection", "tiou"): "equal tIoU: the instance that NumPy's portable argsort()[::-1] puts first",
            ("detection", "file"): "the instance that comes first in the file, whatever its tIoU",
            ("instance", "tiou"): "equal tIoU: the detection with the higher score",
        }
        return f"equal scores: order of the file; {among[self.chooser, self.prefers]}"


# fmt: off
PROTOCOLS = {p.name: p for p in (
    Protocol("activitynet", chooser="detection", prefers="tiou", strict=False, hull=False, interpolated=True,
             ambiguous="ignored", empty_videos="counted", missing_class="zero_class"),
    Protocol("thumos14", chooser="instance", prefers="tiou", strict=True, hull=True, interpolated=False,
             ambiguous="excused", empty_videos="counted", missing_class="zero_class"),
    Protocol("wtalc", chooser="detection", prefers="file", strict=False, hull=False, interpolated=False,
             ambiguous="deleted", empty_videos="dropped", missing_class="zero_all",
             snippets_per_second=25 / 16),
)}
# fmt: on


@dataclass(frozen=True, eq=False)
class Scores:
    """What an evaluation found, for K thresholds and C classes of the truth.

    `ap` (K, C) in [0, 1]. `detections` are those that were scored, in scored order, and `n_detections` (C,) how many of
    each class. `hits[k]` are the true positives: their positions (H,) in `detections`, the instances (H,) they found,
    and their ranks (H,), from 1, among the counted detections of their class.
    """

    ap: np.ndarray
    detections: Detections
    n_detections: np.ndarray
    n_instances: np.ndarray
    hits: list[tuple[np.ndarray, np.ndarray, np.ndarray]]


def in_scoring_order(detections: Detections, truth: Truth) -> Detections:
    """Class by class, the highest score first, equal scores in the order of the file; names are those of `truth`.

    Detections of videos or classes that `truth` does not have are left out: `data.detections.select` is where a user
    hears of them.
    """
    video, label = (
        _renumbered(column, names, wanted)
        for column, names, wanted in (
            (detections.video, detections.videos, truth.videos),
            (detections.label, detections.labels, truth.labels),
        )
    )
    order = ranked(label, detections.score)
    order = order[(video[order] >= 0) & (label[order] >= 0)]
    times = detections.start[order], detections.end[order], detections.score[order]
    return Detections(truth.videos, truth.labels, video[order], label[order], *times)


def _renumbered(column: np.ndarray, names: list[str], wanted: list[str]) -> np.ndarray:
    """Indices into `names` as indices into `wanted`, -1 for names it does not have."""
    index = {name: i for i, name in enumerate(wanted)}
    numbers: np.ndarray = np.array([index.get(name, -1) for name in names] or [-1], np.int64)[column]
    return numbers


def score(ordered: Detections, truth: Truth, protocol: Protocol, tiou: Sequence[float]) -> Scores:
    """Average precision of every class at every tIoU.

    `ordered` comes from `in_scoring_order`; `tiou` are thresholds in (0, 1]. Cost: one pass over pairs that overlap,
    then a few array operations per threshold.
    """
    to_unit = _unit(protocol)
    instances = Segments(truth.video * len(truth.labels) + truth.label, to_unit(truth.start), to_unit(truth.end))
    if protocol.empty_videos == "dropped":
        has_instance = np.bincount(truth.video, minlength=len(truth.videos)) > 0
        ordered = ordered if has_instance.all() else ordered.take(has_instance[ordered.video])
    excused = None
    if protocol.ambiguous != "ignored" and len(truth.ambiguous_video):
        unsure = Segments(truth.ambiguous_video, to_unit(truth.ambiguous_start), to_unit(truth.ambiguous_end))
        excused = touching(Segments(ordered.video, to_unit(ordered.start), to_unit(ordered.end)), unsure)
        if protocol.ambiguous == "deleted":
            ordered, excused = ordered.take(~excused), None
    group = ordered.video * len(truth.labels) + ordered.label
    found = Segments(group, to_unit(ordered.start), to_unit(ordered.end))
    pairs = overlapping(found, instances, floor=min(tiou), hull=protocol.hull)
    chooser, choice = (pairs.first, pairs.second) if protocol.chooser == "detection" else (pairs.second, pairs.first)
    if protocol.chooser == "instance":
        order = np.lexsort((choice, -pairs.tiou, chooser))
    elif protocol.prefers == "tiou":
        order = as_the_original_sorts(pairs, found, instances)
    else:
        order = np.lexsort((choice, chooser))
    chooser, choice, overlap = chooser[order], choice[order], pairs.tiou[order]

    n_classes = len(truth.labels)
    n_instances = np.bincount(truth.label, minlength=n_classes)
    first = np.searchsorted(ordered.label, np.arange(n_classes + 1))  # (C + 1,) where each class begins
    ap = np.zeros((len(tiou), n_classes))
    hits = []
    for k, threshold in enumerate(tiou):
        enough = np.flatnonzero(overlap > threshold if protocol.strict else overlap >= threshold)
        taken = enough[assign(chooser[enough], choice[enough])]
        hit, instance = (chooser, choice) if protocol.chooser == "detection" else (choice, chooser)
        hit, instance = hit[taken], instance[taken]
        by_rank = np.argsort(hit)
        hit, instance = hit[by_rank], instance[by_rank]
        rank = _ranks(ordered, hit, first, excused)
        ap[k] = average_precision(rank, ordered.label[hit], n_instances, protocol.interpolated)
        hits.append((hit, instance, rank))
    return Scores(ap, ordered, np.diff(first), n_instances, hits)


def average_precision(rank: np.ndarray, label: np.ndarray, n_positives: np.ndarray, interpolated: bool) -> np.ndarray:
    """(C,) AP from the true positives alone: the j-th of a class, at rank r, has precision j / r.

    Args:
        rank: (H,) from 1 within the class; rising within each class.
        label: (H,) class of each, sorted.
        n_positives: (C,) how many there are to find.
        interpolated: precision made monotone from the right (all-point interpolation), else as it is.
    """
    ends = np.searchsorted(label, np.arange(len(n_positives) + 1))
    ap = np.zeros(len(n_positives))
    for c in np.flatnonzero(np.diff(ends)):
        ranks = rank[ends[c] : ends[c + 1]]
        precision = np.arange(1, len(ranks) + 1) / ranks
        if interpolated:
            precision = np.maximum.accumulate(precision[::-1])[::-1]
        ap[c] = precision.sum() / n_positives[c]
    return ap


def mean_ap(scores: Scores, protocol: Protocol) -> np.ndarray:
    """(K,) mAP in [0, 1]: the mean over classes of the truth, or 0 where the protocol gives up on a missing class."""
    mean: np.ndarray = scores.ap.mean(axis=1)
    if protocol.missing_class == "zero_all" and (scores.n_detections == 0).any():
        return np.zeros_like(mean)
    return mean


def _ranks(ordered: Detections, hit: np.ndarray, first: np.ndarray, excused: np.ndarray | None) -> np.ndarray:
    """(H,) ranks of the true positives `hit`, from 1 within their class; excused false positives have none."""
    start = first[ordered.label[hit]]
    rank: np.ndarray = hit - start + 1
    if excused is None:
        return rank
    counts = ~excused
    counts[hit] = True
    counted = np.append(0, np.cumsum(counts))  # counted[i]: how many of the first i detections count
    rank = counted[hit] - counted[start] + 1
    return rank


def _unit(protocol: Protocol) -> Callable[[np.ndarray], np.ndarray]:
    """Seconds to the unit of the protocol; `np.rint` rounds half to even as Python's `round` does."""
    rate = protocol.snippets_per_second
    return (lambda t: t) if rate is None else (lambda t: np.rint(t * rate))
