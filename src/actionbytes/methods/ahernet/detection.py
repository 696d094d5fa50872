"""AherNet's localization: decoded anchors with a class and a score, of which overlapping ones are suppressed."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from actionbytes.errors import UserError
from actionbytes.localization.nms import nms
from actionbytes.localization.thresholds import SegmentRules, Segments

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]


class AnchorRules(SegmentRules):
    """How anchors become segments."""

    score: Literal["cell", "video"] = Field(
        "cell",
        description="a segment's score is its predicted overlap times a class score: cell: of the best class of its "
        "cell, the paper's; video: of the class that is best on average over all cells, so that a video has one class, "
        "as in the public code",
    )
    nms: float = Field(
        0.9, ge=0, le=1, description="tIoU above which the worse of two segments falls; 0.9 in the paper"
    )
    nms_by: Literal["class", "overlap"] = Field(
        "class",
        description="class: segments of one class compete, by score; overlap: all of a video compete, by predicted "
        "overlap alone, as in the public code",
    )
    max_per_video: int = Field(100, ge=1, description="most segments of a video; 100 in the public code")

    @property
    def slug(self) -> str:
        """What the path of its detections says."""
        return "anchors"


def bounds(segments: Floats, steps: int, length: int) -> NDArray[np.float64]:
    """Centres and widths (A, 2) in steps as starts and ends (A, 2) in snippets, inside a video of `length` snippets."""
    segments = np.asarray(segments, dtype=np.float64)
    half = segments[:, 1] / 2
    ends = np.stack([segments[:, 0] - half, segments[:, 0] + half], 1)
    return np.clip(ends, 0, steps) * (length / steps)


def localize_anchors(spans: Floats, overlap: Floats, classes: Floats, rules: AnchorRules) -> Segments:
    """Scored segments of one video.

    Args:
        spans: Start and end of each anchor's segment in snippets, (A, 2).
        overlap: Predicted overlap with a truth, (A,), 0 to 1.
        classes: Class probabilities of each anchor's cell, (A, C).
        rules: See `AnchorRules`.

    Returns:
        At most `max_per_video` segments, the best by score. Empty ones and those of score 0 are left out.

    Raises:
        UserError: If a prediction is not finite.
    """
    if not all(np.isfinite(x).all() for x in (spans, overlap, classes)):
        raise UserError("predictions are not finite: training diverged or features are broken; lower the learning rate")
    if rules.score == "video":
        label = np.full(len(spans), classes.mean(0).argmax())
        score = overlap * classes.mean(0).max()
    else:
        label = classes.argmax(1)
        score = overlap * classes.max(1)
    return suppressed(spans, overlap, label, np.asarray(score, dtype=np.float64), rules)


def suppressed(spans: Floats, overlap: Floats, label: Ints, score: Floats, rules: AnchorRules) -> Segments:
    """Segments of one video that survive suppression, best first by score, from spans (A, 2) and values (A,)."""
    real = np.flatnonzero((spans[:, 1] > spans[:, 0]) & (score > 0))
    start, end, label, score = spans[real, 0], spans[real, 1], label[real], score[real]
    if rules.nms_by == "class":
        kept = nms(start, end, score, rules.nms, group=label)
        kept = kept[np.argsort(-score[kept], kind="stable")]
    else:
        kept = nms(start, end, overlap[real], rules.nms)
    kept = kept[: rules.max_per_video]
    kept = kept[np.argsort(-score[kept], kind="stable")]
    return Segments(start[kept], end[kept], label[kept], score[kept])
