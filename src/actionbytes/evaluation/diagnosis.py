"""Where detections fail: kinds of false positives, what each costs, lengths, precision and recall.

The kinds, the top-kG profile and the cost of each kind follow DETAD (Alwassel et al., ECCV 2018); matching is the
ActivityNet rule at one tIoU. A false positive is judged by the instance of its video, of any class, that it overlaps
most. Where two classes have the same instance (CliffDiving is also Diving), its own class is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from actionbytes.data.detections import Detections
from actionbytes.evaluation.detection import checked_tiou
from actionbytes.evaluation.matching import Segments, overlapping
from actionbytes.evaluation.precision import average_precision
from actionbytes.evaluation.protocols import PROTOCOLS
from actionbytes.evaluation.scoring import Scores, in_scoring_order, score
from actionbytes.evaluation.truth import Truth

KINDS = ("true positive", "double detection", "wrong label", "localization", "confusion", "background")


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall (H,) of one class at each of its true positives, from the highest `score` (H,) down."""

    score: np.ndarray
    recall: np.ndarray
    precision: np.ndarray


@dataclass(frozen=True, eq=False)
class LengthGroup:
    """Instances of `low` <= length < `high` seconds: how many, mean recall and normalised AP over their classes."""

    low: float
    high: float
    instances: int
    classes: int
    recall: float
    normalised_ap: float


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Everything about one set of detections at one tIoU.

    Attributes:
        tiou: the threshold of a match.
        background: below this tIoU with any instance a false positive is background.
        truth: the instances.
        detections: N detections in scored order.
        kind: (N,) index into KINDS.
        profile: (10, 6) how many of the k-th G detections of each class, G its number of instances, are of each kind.
        cost: (6,) mAP gained, in [0, 1], if no false positive of the kind were there.
        ap: (C,) at `tiou`.
        tious: K thresholds.
        ap_by_tiou: (K, C).
        curves: precision and recall of each class.
        lengths: recall and AP of instances by length.
    """

    tiou: float
    background: float
    truth: Truth
    detections: Detections
    kind: np.ndarray
    profile: np.ndarray
    cost: np.ndarray
    ap: np.ndarray
    tious: list[float]
    ap_by_tiou: np.ndarray
    curves: dict[str, Curve]
    lengths: list[LengthGroup]


def diagnose(
    detections: Detections,
    truth: Truth,
    tiou: float = 0.5,
    background: float = 0.1,
    tious: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    length_edges: Sequence[float] | None = None,
) -> Diagnosis:
    """Analyse detections at one tIoU.

    Args:
        detections: in the order of the file, without unknown videos and classes.
        truth: the instances.
        tiou: the threshold of a match.
        background: below this tIoU with any instance a false positive is background.
        tious: thresholds of `Diagnosis.ap_by_tiou`.
        length_edges: bounds of the groups of instance lengths, in s; default: fifths of the instances.

    Raises:
        UserError: a threshold is out of range.
    """
    (tiou,) = checked_tiou([tiou])
    protocol = PROTOCOLS["activitynet"]
    ordered = in_scoring_order(detections, truth, protocol)
    scores = score(ordered, truth, protocol, [tiou])
    ((hit, _, rank),) = scores.hits
    kind = _kinds(ordered, truth, hit, tiou, background)
    first = np.append(0, np.cumsum(scores.n_detections))
    nth = _nth(ordered.label[hit])
    curves = {}
    for c, label in enumerate(truth.labels):
        of_class = ordered.label[hit] == c
        recall, precision = nth[of_class] / scores.n_instances[c], nth[of_class] / rank[of_class]
        curves[label] = Curve(ordered.score[hit[of_class]], recall, precision)
    thresholds = checked_tiou(tious)
    return Diagnosis(
        tiou=tiou,
        background=background,
        truth=truth,
        detections=ordered,
        kind=kind,
        profile=_profile(ordered, kind, scores, first),
        cost=_costs(ordered, kind, scores, first),
        ap=scores.ap[0],
        tious=thresholds,
        ap_by_tiou=score(ordered, truth, protocol, thresholds).ap,
        curves=curves,
        lengths=_by_length(ordered, truth, scores, length_edges),
    )


def _kinds(ordered: Detections, truth: Truth, hit: np.ndarray, tiou: float, background: float) -> np.ndarray:
    """(N,) index into KINDS of each detection."""
    pairs = overlapping(
        Segments(ordered.video, ordered.start, ordered.end),
        Segments(truth.video, truth.start, truth.end),
        floor=min(tiou, background),
    )
    best, best_of_class = np.zeros(len(ordered)), np.zeros(len(ordered))
    np.maximum.at(best, pairs.first, pairs.tiou)
    of_class = ordered.label[pairs.first] == truth.label[pairs.second]
    np.maximum.at(best_of_class, pairs.first[of_class], pairs.tiou[of_class])
    same_label = best_of_class >= best
    kind = np.select(
        [best < min(tiou, background), best >= tiou],
        [KINDS.index("background"), np.where(same_label, KINDS.index("double detection"), KINDS.index("wrong label"))],
        np.where(same_label, KINDS.index("localization"), KINDS.index("confusion")),
    )
    kind[hit] = KINDS.index("true positive")
    return kind


def _profile(ordered: Detections, kind: np.ndarray, scores: Scores, first: np.ndarray, groups: int = 10) -> np.ndarray:
    """(groups, 6) detections by kind, in the first G of each class, the second G, and so on."""
    rank = np.arange(len(ordered)) - first[ordered.label]
    group = rank // scores.n_instances[ordered.label]
    early = group < groups
    return np.bincount(group[early] * len(KINDS) + kind[early], minlength=groups * len(KINDS)).reshape(groups, -1)


def _costs(ordered: Detections, kind: np.ndarray, scores: Scores, first: np.ndarray) -> np.ndarray:
    """(6,) mAP gained without the false positives of a kind: they hold no instance, so only ranks change."""
    ((hit, _, _),) = scores.hits
    gains = np.zeros(len(KINDS))
    for k in range(1, len(KINDS)):
        counted = np.append(0, np.cumsum(kind != k))
        rank = counted[hit] - counted[first[ordered.label[hit]]] + 1
        ap = average_precision(rank, ordered.label[hit], scores.n_instances, "interpolated")
        gains[k] = ap.mean() - scores.ap[0].mean()
    return gains


def _by_length(ordered: Detections, truth: Truth, scores: Scores, edges: Sequence[float] | None) -> list[LengthGroup]:
    """AP and recall of instances by length; true positives of other lengths neither count nor harm.

    Few instances make a low precision at equal skill, so precision is normalised: with recall R, F false positives
    and N instances of the class in all, it is R N / (R N + F) (Hoiem et al., ECCV 2012, as DETAD has it). With one
    group of all lengths this is the plain AP.
    """
    ((hit, instance, rank),) = scores.hits
    length = np.maximum(truth.end - truth.start, 0)
    bounds = np.unique(np.append(np.quantile(length, (0, 0.2, 0.4, 0.6, 0.8)).round(1), np.inf))
    bounds[0] = 0.0
    if edges is not None:
        bounds = np.asarray(edges, np.float64)
    n_classes = len(truth.labels)
    false_positives = rank - _nth(ordered.label[hit])  # (H,) those of the class ranked before each true positive
    groups = []
    for low, high in pairwise(bounds.tolist()):
        inside = (length >= low) & (length < high)
        n = np.bincount(truth.label[inside], minlength=n_classes)  # (C,)
        in_group = inside[instance]  # (H,)
        label = ordered.label[hit[in_group]]
        n_hits = np.bincount(label, minlength=n_classes)
        j = _nth(label)
        weighted = j / n[label] * scores.n_instances[label]  # R N
        rank_in_group = j * (weighted + false_positives[in_group]) / weighted  # j / rank is the normalised precision
        ap = average_precision(rank_in_group, label, n, "interpolated")
        classes = np.flatnonzero(n)
        recall, mean = 0.0, 0.0
        if len(classes):
            recall, mean = float((n_hits[classes] / n[classes]).mean()), float(ap[classes].mean())
        groups.append(LengthGroup(float(low), float(high), int(inside.sum()), len(classes), recall, mean))
    return groups


def _nth(label: np.ndarray) -> np.ndarray:
    """(H,) place of each among those of its class, from 1; `label` (H,) is sorted."""
    return np.arange(1, len(label) + 1) - np.searchsorted(label, label)
