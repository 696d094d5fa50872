"""AR-AN: average recall of class-free proposals against their average number per video, and the area below it.

`activitynet/ActivityNet` eval_proposal.py (methods.md 3.2), quirks included: a video's budget is a share of how many
proposals it has, rounded down, and with less than `max_proposals` per video on average the share passes 100 %.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actionbytes.data.annotations import Video
from actionbytes.data.detections import Detections
from actionbytes.evaluation.detection import checked_tiou
from actionbytes.evaluation.matching import Segments, overlapping
from actionbytes.evaluation.truth import Truth

TIOU = tuple(np.round(np.arange(0.5, 0.951, 0.05), 2).tolist())
POINTS = 100  # of the curve


@dataclass(frozen=True, eq=False)
class AverageRecall:
    """`recall` (K, 100) per tIoU and `average_recall` (100,) in [0, 1] against `average_number` (100,) per video."""

    tiou: list[float]
    recall: np.ndarray
    average_recall: np.ndarray
    average_number: np.ndarray

    @property
    def auc(self) -> float:
        """Area under AR over AN in percent of the largest AN. 0 without proposals."""
        if not self.average_number[-1] > 0:
            return 0.0
        return float(100 * np.trapezoid(self.average_recall, self.average_number) / self.average_number[-1])

    def at(self, number: float) -> float:
        """AR in [0, 1] at an average of `number` proposals, between the curve's points by straight lines."""
        return float(np.interp(number, self.average_number, self.average_recall))


def average_recall(
    proposals: Detections, videos: Mapping[str, Video], tiou: Sequence[float] = TIOU, max_proposals: int = 100
) -> AverageRecall:
    """AR-AN of `proposals` (labels are ignored) on `videos` (those with an instance count).

    Equal scores keep the order of the file. Videos without proposals add their instances to the denominator.
    """
    thresholds = checked_tiou(tiou)
    truth = Truth.of({name: video for name, video in videos.items() if video.instances})
    n_videos = len(truth.videos)
    index = {name: i for i, name in enumerate(truth.videos)}
    video = np.array([index.get(name, -1) for name in proposals.videos] or [-1], np.int64)[proposals.video]
    if not len(video):
        return AverageRecall(thresholds, np.zeros((len(thresholds), POINTS)), np.zeros(POINTS), np.zeros(POINTS))

    ratio = max_proposals * float(n_videos) / len(video)
    order = np.lexsort((-proposals.score, video))
    order = order[video[order] >= 0]
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
        found_at = np.full(len(truth), len(order))  # (M,) rank of the first proposal that finds an instance
        np.minimum.at(found_at, pairs.second[enough], rank[pairs.first[enough]])
        recall[k] = (found_at[:, None] < budget[truth.video]).mean(axis=0)
    return AverageRecall(thresholds, recall, recall.mean(axis=0), share * (total / n_videos))
