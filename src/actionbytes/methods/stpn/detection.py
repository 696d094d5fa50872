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
from actionbytes.localization.thresholds import Segments
from actionbytes.parameters import Parameters


class TCam(Parameters):
    """How T-CAMs become segments (methods.md 6.3)."""

    class_threshold: float = Field(0.1, ge=0, le=1, description="a stream keeps classes of more video probability [P]")
    threshold: float = Field(
        0.05, ge=0, le=1, description="a proposal's weighted T-CAM is at least this; not in the paper [R] 6.3"
    )
    scale: int = Field(24, ge=1, description="points per segment after linear interpolation; 1: none [C]")
    alpha: float = Field(0.5, ge=0, le=1, description="share of RGB in eq. 7; 0.1 for UNT features [P]")
    nms: float = Field(0.5, ge=0, le=1, description="tIoU above which the worse falls; not in the paper [R] 6.3")
    max_per_class: int = Field(1000, ge=1, description="most segments of one class in a video [C]")

    @property
    def slug(self) -> str:
        """What the path of its detections says."""
        return "tcam"


class StreamActivations(NamedTuple):
    """What one stream says of a video's N segments, which follow each other evenly from its start to its end."""

    tcam: Floats  # (N, C), raw
    attention: Floats  # (N,), 0 to 1
    probability: Floats  # (C,), of the video
    share: float  # of the stream in eq. 7; all shares sum to 1


def localize_tcam(streams: Sequence[StreamActivations], length: float, parameters: TCam) -> Segments:
    """Proposals of every stream for the classes that it sees in the video, scored by all streams, suppressed by class.

    length: of the video in snippets, the unit of the segments' start and end, which may be fractions. A proposal's
    score is the mean over it of lambda_* sum_s share_s T-CAM_s, where * is the stream that made it (eq. 7; the lower
    limit of its sum is misprinted, it is the proposal's start).

    Raises UserError when the activations are not finite.
    """
    if not all(np.isfinite(array).all() for s in streams for array in s[:3]):
        raise UserError("activations are not finite: training diverged or features are broken; lower the learning rate")
    mixed = sum(s.share * np.asarray(s.tcam, dtype=np.float64) for s in streams)  # (N, C)
    found, scores = [], []
    for stream in streams:
        classes = np.flatnonzero(stream.probability > parameters.class_threshold)  # (K,)
        attention = np.asarray(stream.attention, dtype=np.float64)[:, None]  # (N, 1)
        weighted = attention * expit(np.asarray(stream.tcam, dtype=np.float64)[:, classes])  # (N, K)
        proposals = tcam_proposals(weighted, parameters.threshold, parameters.scale)
        scores.append(segment_scores(interpolated(attention * mixed[:, classes], parameters.scale), *proposals, "mean"))
        found.append(np.stack([proposals.start, proposals.end, classes[proposals.column]]))  # (3, n)
    start, end, label = np.concatenate(found, axis=1)  # (P,) each
    score = np.concatenate(scores)
    kept = nms(start, end, score, parameters.nms, group=label, cap=parameters.max_per_class)
    snippets = length / (len(mixed) * parameters.scale)  # of one interpolated point
    return Segments(start[kept] * snippets, end[kept] * snippets, label[kept], score[kept])


def tcam_proposals(weighted: Floats, threshold: float, scale: int = 1) -> Runs:
    """Runs of the weighted T-CAM (N, K), interpolated to `scale` points a segment, that are at least `threshold`.

    Starts and ends count points: 0 ... N * scale.
    """
    return runs(interpolated(weighted, scale) >= threshold)


def interpolated(sequence: Floats, scale: int) -> Floats:
    """(N, K) to (N * scale, K): linear between segments; point i is i / scale segments from the first.

    Behind the last segment its value is held (public code extrapolates the line of the last two).
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
    where = (np.arange(count) + rng.random(count)) * (length / count)
    return np.minimum(where.astype(np.int64), length - 1)
