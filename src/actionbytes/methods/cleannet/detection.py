"""CleanNet's localization: which classes of a video are looked for, and which of the scored proposals remain.

Source: Liu et al., CleanNet (ICCV 2019), sections 3.4 and 4.1; AutoLoc (Shou et al., ECCV 2018) where it says so.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from actionbytes.localization.nms import nms, ranking
from actionbytes.localization.segments import Floats, Ints
from actionbytes.localization.thresholds import SegmentRules, Segments


class ScoredProposals(SegmentRules):
    """How scored proposals become segments."""

    class_threshold: float = Field(
        0.1, ge=0, description="classes whose video score is greater are looked for; 0.1 in the paper"
    )
    least_classes: int = Field(
        1,
        ge=0,
        description="so many best classes of a video are looked for in any case: our choice; AutoLoc's code takes the "
        "best 2 and no others (class_threshold 1)",
    )
    select: Literal["best", "all"] = Field(
        "best",
        description="of the proposals at a snippet, the one with the best score (AutoLoc's code), or all of them; the "
        "paper does not say",
    )
    least_score: float | None = Field(
        None,
        description="proposals that score less are dropped; none: none are, as in the paper. AutoLoc's code: -0.4 for "
        "its own score",
    )
    nms: float = Field(
        0.4, ge=0, le=1, description="temporal IoU above which the worse of two segments of a class falls; the paper's"
    )
    video_weight: float = Field(
        0.0,
        ge=0,
        description="weight of the class's video score in a segment's score: 0 as in the paper; UntrimmedNet's code "
        "adds it with 0.2",
    )
    sampling: Literal["middles", "random"] = Field(
        "middles",
        description="where an anchor's parts are sampled at detection: our choice; `random` as in training, from a "
        "fixed seed",
    )

    @property
    def slug(self) -> str:
        """What the path of its detections says."""
        return "scored"


def looked_for(scores: Floats, parameters: ScoredProposals) -> Ints:
    """Classes to look for, sorted, from the video's class scores (C,); of equal scores the first counts as better."""
    order = np.argsort(-scores, kind="stable")
    forced = order[: parameters.least_classes]
    return np.union1d(np.flatnonzero(scores > parameters.class_threshold), forced).astype(np.int64)


def best_of_each(scores: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Mask (n, A) of the best of the proposals at each snippet, the first of equals; scores: (n, A)."""
    mask = np.zeros(scores.shape, dtype=bool)
    mask[np.arange(len(scores)), scores.argmax(axis=1)] = True
    return mask


def select(
    start: Floats, end: Floats, score: Floats, label: int, video: float, length: int, parameters: ScoredProposals
) -> Segments:
    """Segments of one class from its proposals.

    Args:
        start: (n, A) in snippets; may lie outside the video, what does is cut off.
        end: (n, A).
        score: (n, A) of the evaluator.
        label: the class.
        video: the class's score in the video.
        length: T, of the video in snippets.
        parameters: how.

    Returns:
        Segments after suppression, best first.
    """
    mask = best_of_each(score) if parameters.select == "best" and len(score) else np.ones(score.shape, dtype=bool)
    if parameters.least_score is not None:
        mask &= score >= parameters.least_score
    start, end = np.clip(start, 0, length), np.clip(end, 0, length)
    mask &= end > start
    start, end, score = start[mask], end[mask], score[mask] + parameters.video_weight * video
    kept = nms(start, end, score, parameters.nms)
    return Segments(start[kept], end[kept], np.full(len(kept), label), score[kept])


def joined(parts: list[Segments]) -> Segments:
    """Segments of several classes as those of a video, ordered by class, then score."""
    if not parts:
        return Segments(np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0))
    start, end, score = (np.concatenate([getattr(part, name) for part in parts]) for name in ("start", "end", "score"))
    label = np.concatenate([part.label for part in parts])
    order = ranking(start, end, score, label)
    return Segments(start[order], end[order], label[order], score[order])
