"""AR-AN: average recall of proposals against their average number per video, and the area below it.

The rule is that of ActivityNet's `eval_proposal.py`. Classes play no part. The number of proposals that a video may
have is a share of how many it has, rounded down; with fewer than `max_proposals` a video on average, the share passes
100 %.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from actionbytes.data.annotations import Video
from actionbytes.data.detections import Detections, select
from actionbytes.evaluation.detection import checked_tiou
from actionbytes.evaluation.matching import Segments, overlapping, ranked
from actionbytes.evaluation.parameters import AR_AN, Evaluation
from actionbytes.evaluation.ties import ranked_as_numpy
from actionbytes.evaluation.truth import Truth, apply_quirks, without

TIOU: tuple[float, ...] = tuple(np.linspace(0.5, 0.95, 10).tolist())  # of the original: one is 0.8999999999999999
POINTS = 100  # of the curve
DEFAULTS = Evaluation()
RECALL_AT = (1, 5, 10, 50, 100)  # average numbers of proposals at which the average recall is told


@dataclass(frozen=True, eq=False)
class AverageRecall:
    """The curve of average recall (AR) against the average number of proposals per video (AN).

    Attributes:
        tiou: K thresholds.
        recall: (K, 100) in [0, 1].
        average_recall: (100,) in [0, 1], the mean over the thresholds.
        average_number: (100,) proposals per video.
    """

    tiou: list[float]
    recall: NDArray[np.float64]
    average_recall: NDArray[np.float64]
    average_number: NDArray[np.float64]

    @property
    def auc(self) -> float:
        """Area under AR over AN in percent of the largest AN; 0 without proposals."""
        if not self.average_number[-1] > 0:
            return 0.0
        return float(100 * np.trapezoid(self.average_recall, self.average_number) / self.average_number[-1])

    def at(self, number: float) -> float:
        """AR in [0, 1] at an average of `number` proposals, between the curve's points by straight lines."""
        return float(np.interp(number, self.average_number, self.average_recall))

    def reaches(self, number: float) -> bool:
        """Whether the curve goes as far as an average of `number` proposals, but for rounding."""
        return bool(number <= self.average_number[-1] * (1 + 1e-9))


class RecallMetrics(TypedDict):
    """What `metrics.json` holds of AR-AN; shares are in percent."""

    protocol: str
    tiou: list[float]
    average_number: list[float]
    average_recall: list[float]
    recall_at: dict[str, float]
    auc: float
    videos: dict[str, int]
    instances: dict[str, Any]
    detections: dict[str, Any]
    options: dict[str, Any]


def recall_metrics(
    proposals: Detections,
    videos: Mapping[str, Video],
    set_aside: Collection[str] = (),
    tiou: Sequence[float] = TIOU,
    evaluation: Evaluation = DEFAULTS,
    ignore_unknown: bool = False,
) -> RecallMetrics:
    """AR-AN of `proposals` as `metrics.json` holds it.

    Args:
        proposals: detections of any videos in `videos`; their classes play no part.
        videos: truth of one subset.
        set_aside: videos that could not be processed; their truth does not count.
        tiou: thresholds in (0, 1].
        evaluation: options; what they say of the truth, of unknown videos, ties and the number of proposals counts.
        ignore_unknown: leave out proposals in unknown videos and count them, unless `evaluation` counts them.

    Raises:
        UserError: a threshold is out of range, no video has an instance, a video is unknown and refused.
    """
    given = len(proposals) + sum(proposals.excluded.values())
    listed, changed = apply_quirks(videos, evaluation)
    evaluated = without(listed, set_aside)
    unknown_videos = evaluation.unknown_videos
    if ignore_unknown and unknown_videos == "refuse":
        unknown_videos = "leave-out"
    proposals = select(proposals, videos.keys(), None, unknown_videos)
    if unknown_videos != "count":
        inside = select(proposals, evaluated.keys(), None, "leave-out")
        proposals = replace(inside, excluded=proposals.excluded)
        if left_out := given - len(proposals) - sum(proposals.excluded.values()):
            proposals.excluded["video or class not evaluated"] = left_out
    curve = average_recall(proposals, evaluated, tiou, evaluation.max_proposals, evaluation.ties)
    return {
        "protocol": AR_AN,
        "tiou": curve.tiou,
        "average_number": curve.average_number.tolist(),
        "average_recall": (100 * curve.average_recall).tolist(),
        "recall_at": {str(number): 100 * curve.at(number) for number in RECALL_AT if curve.reaches(number)},
        "auc": curve.auc,
        "videos": {"evaluated": len(evaluated), "listed": len(listed)},
        "instances": {"changed": changed},
        "detections": {"given": given, "excluded": dict(proposals.excluded)},
        "options": evaluation.model_dump(),
    }


def average_recall(
    proposals: Detections,
    videos: Mapping[str, Video],
    tiou: Sequence[float] = TIOU,
    max_proposals: int = 100,
    ties: Literal["original", "file"] = "original",
) -> AverageRecall:
    """AR-AN of `proposals` on the videos that have an instance.

    Videos without proposals add their instances to the denominator. Proposals in other videos only make the share of
    proposals that a video may have smaller.

    Args:
        proposals: detections; their classes play no part.
        videos: truth of one subset.
        tiou: K thresholds in (0, 1].
        max_proposals: the largest average number of proposals per video.
        ties: proposals of equal score in the order of the original, NumPy's portable `argsort()[::-1]` in each video,
            or in that of the file.

    Raises:
        UserError: a threshold is out of range, or no video has an instance.
    """
    thresholds = checked_tiou(tiou)
    truth = Truth.of({name: video for name, video in videos.items() if video.instances})
    n_videos = len(truth.videos)
    index = {name: i for i, name in enumerate(truth.videos)}
    video = np.array([index.get(name, -1) for name in proposals.videos] or [-1], np.int64)[proposals.video]
    if not len(video):
        return AverageRecall(thresholds, np.zeros((len(thresholds), POINTS)), np.zeros(POINTS), np.zeros(POINTS))

    ratio = max_proposals * float(n_videos) / len(video)
    present = np.flatnonzero(video >= 0)
    order = _order(video[present], proposals.score[present], ties)
    order = present[order]
    ordered = Segments(video[order], proposals.start[order], proposals.end[order])
    count = np.bincount(ordered.group, minlength=n_videos)  # (V,)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)  # (N,) from 0 within the video
    kept = np.minimum((count * ratio).astype(np.int64), count)  # (V,)
    total = kept.sum()
    if total == 0:
        return AverageRecall(thresholds, np.zeros((len(thresholds), POINTS)), np.zeros(POINTS), np.zeros(POINTS))
    share = np.arange(1, POINTS + 1) / 100.0 * (max_proposals * float(n_videos) / total)  # (100,)
    budget = np.minimum((kept[:, None] * share).astype(np.int64), kept[:, None])  # (V, 100)

    pairs = overlapping(ordered, Segments(truth.video, truth.start, truth.end), floor=thresholds[0])
    recall = np.empty((len(thresholds), POINTS))
    for k, threshold in enumerate(thresholds):
        enough = pairs.tiou >= threshold
        first_rank = np.full(len(truth), len(order))  # (M,) rank of the first proposal that overlaps an instance enough
        np.minimum.at(first_rank, pairs.second[enough], rank[pairs.first[enough]])
        recall[k] = (first_rank[:, None] < budget[truth.video]).mean(axis=0)
    return AverageRecall(thresholds, recall, recall.mean(axis=0), share * (total / n_videos))


def _order(
    video: NDArray[np.int64], score: NDArray[np.float64], ties: Literal["original", "file"]
) -> NDArray[np.int64]:
    """(N,) order by video, then from the highest score."""
    return ranked_as_numpy(video, score, backwards=True) if ties == "original" else ranked(video, score)
