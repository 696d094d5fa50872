"""STPN's localization: where a stream's attended activation is high is a proposal, and both streams score it.

Nguyen et al., Weakly Supervised Action Localization by Sparse Temporal Pooling Network (CVPR 2018).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pydantic import Field
from scipy.special import expit

from actionbytes.errors import UserError
from actionbytes.localization.nms import nms
from actionbytes.localization.segments import Floats, Runs, runs, segment_scores
from actionbytes.localization.thresholds import SegmentRules, Segments


class TCam(SegmentRules):
    """How temporal class activation maps (T-CAMs) of one or two streams become segments."""

    class_threshold: float = Field(
        0.1,
        ge=0,
        le=1,
        description="a stream keeps the classes whose probability in the video is above this; the paper's",
    )
    threshold: float = Field(
        0.05,
        ge=0,
        le=1,
        description="a proposal is where attention * sigmoid(T-CAM) is at least this; the paper gives none, 0.05 is of "
        "public code",
    )
    scale: int = Field(
        24, ge=1, description="points per segment after linear interpolation of T-CAMs; 1: none; 24 is of public code"
    )
    alpha: float = Field(
        0.5, ge=0, le=1, description="share of RGB in a proposal's score (eq. 7); the paper has 0.1 for UntrimmedNet"
    )
    nms: float = Field(
        0.5, ge=0, le=1, description="tIoU above which the worse falls; the paper gives none, 0.5 is of public code"
    )
    max_per_class: int = Field(1000, ge=1, description="most segments of one class in a video; 1000 in public code")

    @property
    def slug(self) -> str:
        """What the path of its detections says."""
        return "tcam"


class StreamActivations(NamedTuple):
    """What one stream says of a video's N segments, which follow each other evenly from its start to its end.

    Attributes:
        tcam: (N, C) raw T-CAM.
        attention: (N,) 0 to 1.
        probability: (C,) of the classes in the video.
        share: Of the stream in eq. 7; all shares sum to 1.
    """

    tcam: Floats
    attention: Floats
    probability: Floats
    share: float


def localize_tcam(streams: Sequence[StreamActivations], length: float, parameters: TCam) -> Segments:
    """Proposals of every stream for the classes that it sees in the video, scored by all streams, suppressed by class.

    A proposal's score is the mean over it of lambda_* sum_s share_s T-CAM_s, where * is the stream that made it (eq. 7;
    the lower limit of its sum is misprinted, it is the proposal's start).

    Args:
        streams: What each stream says.
        length: T, of the video in snippets: the unit of the segments' start and end, which may be fractions.
        parameters: See `TCam`.

    Returns:
        Scored segments.

    Raises:
        UserError: If the activations are not finite.
    """
    if not all(np.isfinite(array).all() for s in streams for array in s[:3]):
        raise UserError("activations are not finite: training diverged or features are broken; lower the learning rate")
    parts = [s.share * np.asarray(s.tcam, dtype=np.float64) for s in streams]
    mixed = np.sum(parts, axis=0)  # (N, C)
    segments, scores = [], []
    for stream in streams:
        classes = np.flatnonzero(stream.probability > parameters.class_threshold)  # (K,)
        attention = np.asarray(stream.attention, dtype=np.float64)[:, None]  # (N, 1)
        weighted = attention * expit(np.asarray(stream.tcam, dtype=np.float64)[:, classes])  # (N, K)
        proposals = tcam_proposals(weighted, parameters.threshold, parameters.scale)
        scores.append(segment_scores(interpolated(attention * mixed[:, classes], parameters.scale), *proposals, "mean"))
        segments.append(np.stack([proposals.start, proposals.end, classes[proposals.column]]))  # (3, n)
    start, end, label = np.concatenate(segments, axis=1)  # (P,) each
    score = np.concatenate(scores)
    kept = nms(start, end, score, parameters.nms, group=label, cap=parameters.max_per_class)
    snippets = length / (len(mixed) * parameters.scale)  # of one interpolated point
    return Segments(start[kept] * snippets, end[kept] * snippets, label[kept], score[kept])


def tcam_proposals(weighted: Floats, threshold: float, scale: int = 1) -> Runs:
    """Runs of the weighted T-CAM (N, K), interpolated to `scale` points a segment, that are at least `threshold`.

    Returns:
        Runs whose starts and ends count points: 0 ... N * scale.
    """
    return runs(interpolated(weighted, scale) >= threshold)


def interpolated(sequence: Floats, scale: int) -> Floats:
    """Interpolate linearly between segments; point i is i / scale segments from the first.

    After the last segment its value is held (public code extrapolates the line of the last two).

    Args:
        sequence: (N, K) a value for each segment.
        scale: Points a segment.

    Returns:
        (N * scale, K).
    """
    if scale == 1:
        return sequence
    rest = np.diff(sequence, axis=0, append=sequence[-1:])[:, None]  # (N, 1, K)
    steps = np.arange(scale)[:, None] / scale  # (scale, 1)
    return (sequence[:, None] + steps * rest).reshape(len(sequence) * scale, sequence.shape[1])


def uniform_segments(length: int, count: int) -> np.ndarray:
    """Snippets (count,) of a video of `length` at even spacing; with fewer snippets than segments they repeat."""
    return np.arange(count) * length // count


def stratified_segments(length: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Snippets (count,), one at random in each of `count` equal parts of a video of `length`; they may repeat."""
    positions = (np.arange(count) + rng.random(count)) * (length / count)
    return np.minimum(positions.astype(np.int64), length - 1)
