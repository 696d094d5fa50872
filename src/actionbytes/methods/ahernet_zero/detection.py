"""AherNet^0's localization: runs of snippets above many thresholds.

The paper says "splits action instances with multi-threshold strategy on the score sequence" and no more; thresholds,
scores and suppression are our choices.
"""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from actionbytes.errors import UserError
from actionbytes.localization.nms import nms
from actionbytes.localization.segments import Floats, runs, segment_scores
from actionbytes.localization.thresholds import SegmentRules, Segments

Share = Annotated[float, Field(gt=0, lt=1)]


class MultiThreshold(SegmentRules):
    """How scores of snippets become segments by several thresholds."""

    thresholds: tuple[Share, ...] = Field(
        (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        min_length=1,
        description="a class's thresholds, as shares of its largest score in the video; our choice",
    )
    nms: float = Field(0.9, ge=0, le=1, description="tIoU above which the worse of a class's segments falls")
    max_per_video: int = Field(100, ge=1, description="most segments of a video, the best by score")

    @property
    def slug(self) -> str:
        """What the path of its detections says."""
        return "multi_threshold"


def localize_multi_threshold(probabilities: Floats, rules: MultiThreshold) -> Segments:
    """Segments of one video: for each class and threshold the runs above it, scored by their mean probability.

    Args:
        probabilities: (T, C) of every snippet.
        rules: See `MultiThreshold`.

    Returns:
        The best segments that survive suppression within their class, best first.

    Raises:
        UserError: If a probability is not finite.
    """
    scores: NDArray[np.float64] = np.asarray(probabilities, dtype=np.float64)
    if not np.isfinite(scores).all():
        raise UserError("predictions are not finite: training diverged or features are broken; lower the learning rate")
    cut = [np.stack(runs(scores > share * scores.max(0))) for share in rules.thresholds]  # (3, n) each
    start, end, label = np.unique(np.concatenate(cut, axis=1), axis=1)
    score = segment_scores(scores, start, end, label, "mean")
    kept = nms(start, end, score, rules.nms, group=label)
    kept = kept[np.argsort(-score[kept], kind="stable")][: rules.max_per_video]
    return Segments(start[kept], end[kept], label[kept], score[kept])
