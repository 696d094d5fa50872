"""What `metrics.json` holds, and how a cell of a table is read from it."""

from collections.abc import Collection, Mapping, Sequence
from statistics import mean
from typing import Any

from actionbytes.data.annotations import Video
from actionbytes.data.detections import Detections
from actionbytes.data.scores import VideoScores
from actionbytes.errors import UserError
from actionbytes.evaluation.detection import evaluate_all
from actionbytes.evaluation.parameters import AR_AN, Evaluation
from actionbytes.evaluation.protocols import PROTOCOLS
from actionbytes.evaluation.recall import TIOU, recall_metrics
from actionbytes.evaluation.recognition import recognition_metrics
from actionbytes.evaluation.truth import apply_quirks
from actionbytes.parameters import validated

UNSTATED = "activitynet"  # what is read where a paper does not name its protocol
RECOGNITION = {"accuracy": "accuracy", "classification mAP": "map"}  # a table's metric -> its key in metrics.json


def measure(
    detections: Detections,
    videos: Mapping[str, Video],
    tiou: Sequence[float],
    *,
    scores: VideoScores | None = None,
    set_aside: Collection[str] = (),
    classes: Collection[str] = (),
    recall_tiou: Sequence[float] = TIOU,
    **options: Any,
) -> dict[str, Any]:
    """Everything that is measured of one set of detections: the content of `metrics.json`.

    Args:
        detections: of any videos in `videos`.
        videos: truth of one subset.
        tiou: thresholds of detection mAP, in (0, 1].
        scores: class scores of the videos; None: there are none, and recognition is not measured.
        set_aside: videos that could not be processed. Their truth does not count.
        classes: classes that may be detected beyond those with an instance in `videos`.
        recall_tiou: thresholds of AR-AN.
        options: fields of `Evaluation`.

    Returns:
        One entry for each detection protocol by its name (see `evaluate_all`), `ar-an` (see `recall_metrics`), and
        with `scores` also `recognition` (see `recognition_metrics`).

    Raises:
        UserError: unknown names, a threshold out of range, truth without an instance, a video without scores.
    """
    measured: dict[str, Any] = dict(
        evaluate_all(detections, videos, tiou, set_aside=set_aside, classes=classes, **options)
    )
    evaluation = validated(Evaluation, options, "evaluation")
    measured[AR_AN] = recall_metrics(detections, videos, set_aside, recall_tiou, evaluation)
    if scores is not None:
        changed_videos, _ = apply_quirks(videos, evaluation)
        measured["recognition"] = recognition_metrics(scores, changed_videos, set_aside, evaluation.ties)
    return measured


def read_cell(
    metrics: Mapping[str, Any], protocol: str, metric: str, cell: float | str, average_over: Sequence[float]
) -> float:
    """One number of a table from the content of `metrics.json`, in percent.

    Args:
        metrics: what `measure` returned.
        protocol: of the table: a detection protocol, "unstated" (read as activitynet), or, for recognition, whatever
            the table says.
        metric: "mAP", "AUC" or "AR" (of proposals), "accuracy" or "classification mAP" (of whole videos).
        cell: for mAP a tIoU or "average", for AUC "AUC", for AR an average number of proposals, for recognition a part.
        average_over: thresholds that the cell "average" is the mean of.

    Raises:
        UserError: the metrics do not have the cell.
    """
    section = _section(metrics, protocol, metric)
    if metric in RECOGNITION:
        return float(_entry(section, str(cell), "part")[RECOGNITION[metric]])
    if metric == "AUC":
        return float(section["auc"])
    if metric == "AR":
        return float(_entry(section["recall_at"], f"{cell:g}" if isinstance(cell, float) else str(cell), "AR at"))
    if isinstance(cell, str) and cell != "average":
        raise UserError(f"mAP: cell {cell!r} is neither a tIoU nor 'average'")
    thresholds = average_over if isinstance(cell, str) else [cell]
    return mean(_at_tiou(section, t) for t in thresholds)


def _at_tiou(section: Mapping[str, Any], tiou: float) -> float:
    """Read mAP at a threshold, or where that was not computed, at one that equals it to six digits."""
    values = dict(zip(section["tiou"], section["map"], strict=True))
    near = {round(t, 6): value for t, value in values.items()}
    value = values.get(tiou, near.get(round(tiou, 6)))
    if value is None:
        raise UserError(f"metrics were not computed at tIoU {tiou}; add it to evaluation.tiou and evaluate again")
    return float(value)


def read_videos(metrics: Mapping[str, Any], protocol: str, metric: str) -> tuple[int, int]:
    """How many videos a cell rests on: (evaluated, listed).

    Args:
        metrics: what `measure` returned.
        protocol: as in `read_cell`.
        metric: as in `read_cell`.

    Raises:
        UserError: the metrics do not have it.
    """
    section = _section(metrics, protocol, metric)
    counts = (next(iter(section.values())) if metric in RECOGNITION else section)["videos"]
    return int(counts["evaluated"]), int(counts["listed"])


def _section(metrics: Mapping[str, Any], protocol: str, metric: str) -> Mapping[str, Any]:
    """The entry of `metrics` that holds `metric`."""
    if metric not in ("mAP", "AUC", "AR", *RECOGNITION):
        raise UserError(f"metric {metric!r}: write mAP, AUC, AR, {' or '.join(RECOGNITION)}")
    name = UNSTATED if protocol == "unstated" else protocol
    if metric == "mAP" and name not in PROTOCOLS:
        raise UserError(f"mAP under the protocol {name!r}: there are {', '.join(PROTOCOLS)}")
    key = "recognition" if metric in RECOGNITION else name if metric == "mAP" else AR_AN
    section: Mapping[str, Any] = _entry(metrics, key, "entry")
    return section


def _entry(entries: Mapping[str, Any], key: str, title: str) -> Any:
    """`entries[key]`, or a UserError that says what there is."""
    if key not in entries:
        raise UserError(f"metrics have no {title} {key!r}, only {', '.join(entries) or 'none'}; evaluate again")
    return entries[key]
