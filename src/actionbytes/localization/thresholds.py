"""Class activations of one video to scored segments: W-TALC's two steps and ActionBytes' proposals.

Sources: the detection code published with W-TALC (ECCV 2018); ActionBytes (CVPR 2020), equation 2 and its localization.
"""

from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field
from scipy.special import expit

from actionbytes.errors import UserError
from actionbytes.localization.bytes import Proposals
from actionbytes.localization.nms import nms, ranking, soft_nms
from actionbytes.localization.segments import Floats, Ints, midrange_threshold, segment_scores, smoothed, threshold
from actionbytes.parameters import Parameters

SegmentScore = Literal["max", "mean", "contrast", "fit"]


class SegmentRules(Parameters):
    """How a method's predictions become segments: base of the group that each method names."""

    @property
    def slug(self) -> str:
        """What the path of detections says about these rules."""
        return "segments"


class Localization(SegmentRules):
    """How activations become segments by thresholds, and by proposals where they are on."""

    class_rule: Literal["zero", "mean", "half_max"] = Field(
        "zero",
        description="which classes a video keeps, by their video score: zero: above 0 (W-TALC's code); mean: at least "
        "the mean of all classes (ActionBytes' text); half_max: above half the best (3C-Net)",
    )
    topk_divisor: int = Field(
        8, ge=1, description="a class's video score is the mean of its best T / this of T snippets; 8 in W-TALC's code"
    )
    keep_short: bool = Field(
        True,
        description="in a video of fewer than topk_divisor snippets, take the best one; false: detect nothing there, "
        "as W-TALC's code does",
    )
    smooth_window: int = Field(
        0,
        ge=0,
        description="snippets of a Savitzky-Golay filter of order 1 that smooths activations before the threshold; 0: "
        "none; 351 by W-TALC's author for ActivityNet1.2",
    )
    range_fraction: float = Field(
        0.5,
        ge=0,
        le=1,
        description="a class's threshold is its max - this * (max - min) over time; 0.5 in W-TALC's code, and users "
        "of it report 0.7 for ActivityNet1.2",
    )
    min_length: int = Field(
        2, ge=1, description="snippets of the shortest run above the threshold that is a detection; 2 in W-TALC's code"
    )
    threshold_score: SegmentScore = Field(
        "max", description="score of runs while proposals are off; max is that of W-TALC's code"
    )
    proposals: bool = Field(
        False, description="add ActionBytes' proposals to the runs, score all by one rule and suppress by class"
    )
    cut: Proposals = Field(Proposals(), description="how a video is cut into proposals, where they are on")
    proposal_score: SegmentScore = Field(
        "fit",
        description="score of proposals and, beside them, of runs; the paper gives none, docs/methods/actionbytes.md "
        "compares some",
    )
    margin: float = Field(
        0.25, gt=0, description="contrast, fit: width of the margin on each side, as a share of the segment's length"
    )
    score_weight: float = Field(
        0.7, ge=0, description="max, mean, contrast: weight of the class's video score; 0.7 in W-TALC's code"
    )
    fit_weight: float = Field(
        2.0, ge=0, description="fit: weight of the class's video score, where the segment's maximum has 1; our choice"
    )
    fit_power: float = Field(
        0.5, gt=0, le=4, description="fit: power of the part that says how well the bounds fit; our choice"
    )
    suppression: Literal["soft", "hard"] = Field(
        "soft",
        description="with proposals, what the worse of two overlapping segments loses: soft: score; hard: it falls. "
        "The paper does not say; our choice",
    )
    soft_sigma: float = Field(
        0.5, gt=0, description="soft: a score is multiplied by exp(-tIoU^2 / this); 0.5 in the paper of soft-NMS"
    )
    nms: float = Field(0.5, ge=0, le=1, description="hard: tIoU above which the worse falls; our choice")
    max_per_class: int = Field(
        200, ge=1, description="with proposals, most segments of one class in a video; our choice"
    )

    @property
    def slug(self) -> str:
        """What the path of its detections says."""
        return "proposals" if self.proposals else "threshold"


class Segments(NamedTuple):
    """Detections of one video, each array (N,).

    Sorted by label, then better score, shorter length, earlier start; among equals after soft suppression, in the
    order in which they were picked.

    Attributes:
        start: First snippet; a fraction where activations were interpolated.
        end: Snippet after the last, or a fraction.
        label: Class index.
        score: Confidence, unbounded.
    """

    start: Ints | Floats
    end: Ints | Floats
    label: Ints
    score: Floats


def video_scores(cas: Floats, divisor: int = 8) -> Floats:
    """Each class's mean over its best max(1, floor(T / divisor)) snippets.

    W-TALC trains with ceil and detects with floor; this is detection.

    Args:
        cas: (T, C) activations.
        divisor: See above.

    Returns:
        (C,) float64.
    """
    top = max(1, len(cas) // divisor)
    highest = np.partition(np.asarray(cas, dtype=np.float64), len(cas) - top, axis=0)[len(cas) - top :]  # (top, C)
    means: Floats = highest.mean(axis=0)
    return means


def surviving_classes(scores: Floats, rule: Literal["zero", "mean", "half_max"]) -> Ints:
    """Indices of the classes whose video score (C,) passes `rule` (see `Localization.class_rule`)."""
    if rule == "zero":
        passes = scores > 0
    elif rule == "mean":
        passes = scores >= min(scores.mean(), scores.max())  # a mean of equals may round above them
    else:
        passes = scores > scores.max() / 2
    return np.flatnonzero(passes)


def localize(
    cas: Floats, parameters: Localization, proposals: Ints | None = None, probabilities: bool = False
) -> Segments:
    """Segments of a video by thresholds on its activations, plus scored proposals where they are on.

    First, classes are kept by their video score s_c, taken from the raw sequence. Then each class's runs above
    max - fraction * (max - min) of the (perhaps smoothed) sequence are kept. Each is scored by `confidence`.
    With `parameters.proposals`, every proposal joins each surviving class, everything is scored by one rule, and
    class-wise suppression and a cap follow; without, as in W-TALC, neither is applied. Soft suppression (Bodla et al.,
    ICCV 2017) takes scores below 0 as 0.

    Args:
        cas: (T, C) raw activations.
        parameters: See `Localization`.
        proposals: (P, 2) start and end in snippets; needed where `parameters.proposals` is on.
        probabilities: `cas` holds probabilities and not logits (label transfer).

    Returns:
        Scored segments.

    Raises:
        UserError: If `cas` is not finite.
        ValueError: If proposals are on but missing or outside the video.
    """
    cas = np.asarray(cas)
    if not np.isfinite(cas).all():
        raise UserError("activations are not finite: training diverged or features are broken; lower the learning rate")
    length = len(cas)
    if length == 0 or cas.shape[1] == 0 or (length < parameters.topk_divisor and not parameters.keep_short):
        return _segments(np.zeros((0, 3), dtype=np.int64), np.zeros(0))
    scores = video_scores(cas, parameters.topk_divisor)  # (C,)
    classes = surviving_classes(scores, parameters.class_rule)  # (K,)
    sequence = cas[:, classes]  # (T, K)
    if parameters.smooth_window:
        sequence = smoothed(sequence, parameters.smooth_window)
    above = threshold(sequence, midrange_threshold(sequence, parameters.range_fraction), parameters.min_length)
    table = np.stack(above, axis=1)  # (R, 3): start, end, column
    if parameters.proposals:
        if proposals is None:
            raise ValueError("localization.proposals is on but no proposals were given")
        table = np.concatenate([table, _for_every_column(np.asarray(proposals), len(classes))])  # (R + P * K, 3)
    rule = parameters.proposal_score if parameters.proposals else parameters.threshold_score
    start, end, column = table.T
    score = confidence(sequence, start, end, column, scores[classes], rule, parameters, probabilities)  # (N,)
    table[:, 2] = classes[column]
    group, cap = table[:, 2], parameters.max_per_class
    if not parameters.proposals:
        kept = ranking(start, end, score, group)
    elif parameters.suppression == "hard":
        kept = nms(start, end, score, parameters.nms, group, cap)
    else:
        kept, decayed = soft_nms(start, end, np.maximum(score, 0), sigma=parameters.soft_sigma, group=group, cap=cap)
        return _segments(table[kept], decayed)
    return _segments(table[kept], score[kept])


def confidence(
    cas: Floats,
    start: Ints,
    end: Ints,
    column: Ints,
    of_video: Floats,
    rule: SegmentScore,
    parameters: Localization,
    probabilities: bool = False,
) -> Floats:
    """How sure each segment is.

    `max` (W-TALC), `mean`, `contrast`: that inner score + score_weight * s_c. `fit` tells two questions apart. Is the
    class there? W-TALC's kind of answer, max + fit_weight * s_c. Does the segment begin and end where the class does?
    From probabilities (`cas` itself, at least 0, or behind a logistic function), where all of an action counts alike
    and all background too, so that the height of a peak cannot stand in for its bounds: the geometric mean of inside -
    outside and of (inside - outside) / inside, which does not depend on how large the probabilities are.
    Score: the first answer times the second to the power fit_power; either counts as 0 where it is negative.
    Deviation: the paper gives no score for proposals.

    Args:
        cas: (T, C) activations.
        start: (N,) first snippet.
        end: (N,) snippet after the last.
        column: (N,) class of each segment.
        of_video: (C,) video scores s_c.
        rule: See above.
        parameters: Weights and widths.
        probabilities: `cas` holds probabilities and not logits.

    Returns:
        (N,) float64.
    """
    if rule != "fit":
        inner = segment_scores(cas, start, end, column, rule, parameters.margin)
        return inner + parameters.score_weight * of_video[column]
    certainty = segment_scores(cas, start, end, column, "max") + parameters.fit_weight * of_video[column]
    belief = np.asarray(cas, dtype=np.float64)  # (T, C)
    belief = belief.clip(0) if probabilities else expit(belief)  # weights of classes, or smoothing, may end below 0
    inside = segment_scores(belief, start, end, column, "mean")
    contrast = segment_scores(belief, start, end, column, "contrast", parameters.margin)
    share = np.divide(contrast, inside, out=np.zeros(len(inside)), where=inside > 0)
    fit = np.sqrt(np.maximum(contrast, 0) * np.maximum(share, 0))
    scores: Floats = fit**parameters.fit_power * np.maximum(certainty, 0)
    return scores


def to_seconds(segments: Segments, hop_s: float, duration: float | None = None) -> tuple[Floats, Floats]:
    """Start and end of segments in seconds.

    Args:
        segments: (N,) segments in snippets.
        hop_s: Seconds from one snippet to the next.
        duration: Seconds of the video; no time is past it. None: unknown.

    Returns:
        Start and end (N,) in seconds.
    """
    start, end = segments.start * hop_s, segments.end * hop_s
    return (start, end) if duration is None else (np.minimum(start, duration), np.minimum(end, duration))


def _for_every_column(proposals: Ints, columns: int) -> Ints:
    """Proposals (P, 2) repeated for each column: (P * columns, 3) of start, end, column."""
    column = np.repeat(np.arange(columns), len(proposals))
    return np.column_stack([np.tile(proposals.reshape(-1, 2), (columns, 1)), column]).astype(np.int64)


def _segments(table: Ints, score: Floats) -> Segments:
    return Segments(table[:, 0], table[:, 1], table[:, 2], score)
