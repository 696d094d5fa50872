"""UntrimmedNet's localization: stretches in which a class scores more than half of its best snippet.

Source: the detection code released with Wang et al., UntrimmedNets for Weakly Supervised Action Recognition and
Detection (CVPR 2017). With its defaults this is that detector, quirks included.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import softmax

from actionbytes.errors import UserError
from actionbytes.localization.nms import ranking
from actionbytes.localization.segments import Floats, runs, segment_scores
from actionbytes.localization.thresholds import SegmentRules, Segments


class FrameScores(SegmentRules):
    """How class probabilities of snippets become segments."""

    temperature: float = Field(
        3.0,
        gt=0,
        description="a video's class score weighs its snippets by softmax(attention / this); 3 in UntrimmedNet's code",
    )
    class_threshold: float = Field(
        0.1, ge=0, le=1, description="classes of more video probability are looked for; 0.1 in UntrimmedNet's code"
    )
    smooth: bool = Field(
        True, description="a snippet's probability is averaged with the next one's, as in UntrimmedNet's code"
    )
    fraction: float = Field(
        0.5,
        ge=0,
        le=1,
        description="a segment is where the probability exceeds this share of its maximum over the video; 0.5 in "
        "UntrimmedNet's code",
    )
    grow: int = Field(
        1, ge=0, description="snippets by which a segment is prolonged at its end; 1 in UntrimmedNet's code"
    )
    video_weight: float = Field(
        0.2,
        ge=0,
        description="weight of the class's video probability in a segment's score; 0.2 in UntrimmedNet's code",
    )
    offset: float = Field(
        1 / 15,
        ge=0,
        description="snippets added to both bounds: UntrimmedNet's code counts frames from 1, 15 of them a snippet",
    )

    @property
    def slug(self) -> str:
        """What the path of its detections says."""
        return "frames"


def video_probability(logits: Floats, attention: Floats, temperature: float = 3.0) -> NDArray[np.float64]:
    """Class probabilities of a video from one stream.

    The raw logits are summed with attention as weights, and the softmax over classes comes after. In training it comes
    before: UntrimmedNet's code differs between the two.

    Args:
        logits: (T, C) class logits of the snippets.
        attention: (T,) raw attention of the snippets.
        temperature: what attention is divided by before its softmax over the video.

    Returns:
        (C,) probabilities.
    """
    weights = softmax(np.asarray(attention, dtype=np.float64) / temperature)  # (T,)
    return softmax(weights @ np.asarray(logits, dtype=np.float64))


def frame_probabilities(logits: Sequence[Floats]) -> NDArray[np.float64]:
    """Mean over streams of the softmax over classes of their logits (T, C) each: (T, C)."""
    return np.mean([softmax(np.asarray(x, dtype=np.float64), axis=1) for x in logits], axis=0)


def localize_frames(frames: Floats, video: Floats, parameters: FrameScores) -> Segments:
    """Segments of a video from class probabilities.

    Args:
        frames: (T, C) probabilities of each snippet.
        video: (C,) probabilities of the video.
        parameters: how.

    Returns:
        Segments, ordered by class, then score. A segment's score is the mean of its (smoothed) probabilities,
        prolongation included, plus the weighted probability of the video.

    Raises:
        UserError: if a probability is not finite.
    """
    frames, video = np.asarray(frames, dtype=np.float64), np.asarray(video, dtype=np.float64)
    if not np.isfinite(frames).all() or not np.isfinite(video).all():
        raise UserError("activations are not finite: training diverged or features are broken; lower the learning rate")
    classes = np.flatnonzero(video > parameters.class_threshold)  # (K,)
    curves = frames[:, classes]  # (T, K)
    if parameters.smooth:
        curves = (curves + np.concatenate([curves[1:], curves[-1:]])) / 2
    above = curves > parameters.fraction * curves.max(axis=0)  # (T, K)
    mask = above.copy()
    for step in range(1, min(parameters.grow, len(mask) - 1) + 1):
        mask[step:] |= above[:-step]
    start, end, column = runs(mask)
    score = segment_scores(curves, start, end, column, "mean") + parameters.video_weight * video[classes[column]]
    shifted = np.add(start, parameters.offset), np.add(end, parameters.offset)
    order = ranking(*shifted, score, column)
    return Segments(shifted[0][order], shifted[1][order], classes[column[order]], score[order])
