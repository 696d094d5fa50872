"""SRNet's and TSRNet's localization: frames whose attended class score, fused over streams, is above a threshold."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from actionbytes.errors import UserError
from actionbytes.localization.segments import Floats, runs, segment_scores
from actionbytes.localization.thresholds import SegmentRules, Segments


class AttendedFrames(SegmentRules):
    """How attended frame scores become segments (eqs. 10 to 12)."""

    frame_score: Literal["weights", "softmax", "head"] = Field(
        "weights",
        description="class scores of a single frame: weights: sigmoid of the product of both layers' weights with the "
        "frame's feature, without biases (eq. 10, only with fc_activation none); softmax: over classes, of the whole "
        "classifier (caption of the paper's Figure 2); head: sigmoid of the whole classifier",
    )
    theta: float = Field(
        0.5, ge=0, le=1, description="share of RGB where both streams are there (eq. 11); 0.5 in the paper"
    )
    score_norm: Literal["minmax", "length", "none"] = Field(
        "minmax",
        description="scale of a video's weighted scores before the threshold: minmax: 0 to 1 in each class; length: "
        "times the number of frames; none: as printed, where attention that sums to 1 leaves long videos below any "
        "threshold",
    )
    threshold: float = Field(
        0.2, ge=0, le=1, description="a frame is kept where its weighted score is above this; 0.2 in the paper"
    )
    class_threshold: float = Field(
        0.1,
        ge=0,
        le=1,
        description="a class is detected in a video where its probability is above this; our choice, the paper gives "
        "none",
    )

    @property
    def slug(self) -> str:
        """What the path of its detections says."""
        return "attended"


class StreamScores(NamedTuple):
    """What one stream says of a video's T frames.

    attention: (T,), as a_i in eq. 10; frames: (T, C) class scores from 0 to 1; share: of the stream in eq. 11, all
    shares sum to 1.
    """

    attention: Floats
    frames: Floats
    share: float


def weighted_scores(streams: Sequence[StreamScores]) -> NDArray[np.float64]:
    """Attended class scores (T, C), fused over streams (eqs. 10 and 11)."""
    parts = [s.share * np.asarray(s.attention, np.float64)[:, None] * np.asarray(s.frames, np.float64) for s in streams]
    return np.sum(parts, axis=0)


def scaled(weighted: Floats, rule: Literal["minmax", "length", "none"]) -> Floats:
    """Weighted scores (T, C) on the scale of the threshold; by `minmax` a class that is constant over time is 0."""
    if rule == "length":
        return weighted * len(weighted)
    if rule == "none":
        return weighted
    lowest, highest = weighted.min(0), weighted.max(0)
    return (weighted - lowest) / np.where(highest > lowest, highest - lowest, 1)


def localize_attended(
    streams: Sequence[StreamScores], probability: Floats, parameters: AttendedFrames
) -> tuple[Segments, Floats]:
    """Segments of one video: runs of frames above the threshold, of the classes that the video shows.

    A run's score is the mean of its weighted scores times the video's probability of the class; the paper gives none.
    Runs of one class never touch, so that nothing is to be suppressed.

    Args:
        streams: What each stream says.
        probability: (C,) of the video, fused over streams.
        parameters: The rules.

    Returns:
        Segments in frames (frames of the features, which may be a stride apart), and the weighted scores (T, C) on the
        scale of the threshold.

    Raises:
        UserError: If scores are not finite.
    """
    if not all(np.isfinite(array).all() for s in streams for array in (s.attention, s.frames)):
        raise UserError("activations are not finite: training diverged or features are broken; lower the learning rate")
    weighted = scaled(weighted_scores(streams), parameters.score_norm)  # (T, C)
    classes = np.flatnonzero(probability > parameters.class_threshold)  # (K,)
    start, end, column = runs(weighted[:, classes] > parameters.threshold)
    score = segment_scores(weighted[:, classes], start, end, column, "mean") * probability[classes][column]
    return Segments(start, end, classes[column], score), weighted
