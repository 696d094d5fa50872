"""From detections and annotated videos to detection mAP: what `actionbytes evaluate` and the workflow call."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from actionbytes.data.annotations import Video
from actionbytes.data.detections import Detections, select, without_suffixes
from actionbytes.errors import UserError
from actionbytes.evaluation.parameters import Evaluation
from actionbytes.evaluation.protocols import PROTOCOLS, Protocol
from actionbytes.evaluation.scoring import Scores, in_scoring_order, mean_ap, score
from actionbytes.evaluation.truth import Truth, apply_quirks, without
from actionbytes.parameters import validated

MOST_THRESHOLDS = 1000


class DetectionMetrics(TypedDict, total=False):
    """What `metrics.json` holds of one detection protocol; AP in percent.

    Attributes:
        protocol: its name.
        tiou: K thresholds.
        map: (K,) mean over classes.
        average: mean over `tiou`.
        per_class: class -> (K,).
        classes_without_detections: classes of the truth.
        videos: how many were evaluated, are listed and have an instance; the names that were set aside.
        instances: how many, in all and of each class, and what options changed.
        detections: how many were given, scored, and excluded for which reason, and how many of each class were scored.
        options: fields of `Evaluation`.
        rule: fields of `Protocol` with these options, and its order of equals in words.
        map_full_truth: where videos were set aside, (K,) with their truth in the denominator.
        average_full_truth: its mean.
    """

    protocol: str
    tiou: list[float]
    map: list[float]
    average: float
    per_class: dict[str, list[float]]
    classes_without_detections: list[str]
    videos: dict[str, Any]
    instances: dict[str, Any]
    detections: dict[str, Any]
    options: dict[str, Any]
    rule: dict[str, Any]
    map_full_truth: list[float]
    average_full_truth: float


def evaluate_all(
    detections: Detections,
    videos: Mapping[str, Video],
    tiou: Sequence[float],
    *,
    set_aside: Collection[str] = (),
    classes: Collection[str] = (),
    protocols: Collection[str] = tuple(PROTOCOLS),
    ignore_unknown: bool = False,
    **options: Any,
) -> dict[str, DetectionMetrics]:
    """Detection metrics of one set of detections under each of `protocols`, by name of the protocol.

    Args:
        detections: of any videos in `videos`, in the order of the file.
        videos: truth of one subset.
        tiou: thresholds in (0, 1].
        set_aside: videos of the list that could not be processed. Their truth does not count in `map`, but in
            `map_full_truth`, where all of it is missed.
        classes: classes that may be detected beyond those with an instance in `videos`; such detections are left out.
        protocols: names of the protocols; default: all.
        ignore_unknown: leave out detections of unknown videos or classes and count them; else they are an error,
            unless `unknown_videos` says otherwise.
        options: fields of `Evaluation`.

    Raises:
        UserError: unknown names, a threshold out of range, truth without an instance.
    """
    evaluation = validated(Evaluation, options, "evaluation")
    thresholds = checked_tiou(tiou)
    known_classes = {i.label for video in videos.values() for i in video.instances} | set(classes)
    full_videos, changes = apply_quirks(videos, evaluation)
    kept_videos = without(full_videos, set_aside)
    truth = Truth.of(kept_videos)
    full_truth = Truth.of(full_videos) if len(kept_videos) < len(full_videos) else None
    unknown_videos = evaluation.unknown_videos
    if ignore_unknown and unknown_videos == "refuse":
        unknown_videos = "leave-out"

    result: dict[str, DetectionMetrics] = {}
    for name in protocols:
        protocol = evaluation.applied(PROTOCOLS[name])
        selected = select(
            without_suffixes(detections, protocol.suffixes, videos.keys()),
            videos.keys(),
            known_classes,
            unknown_videos,
            "leave-out" if ignore_unknown else "refuse",
        )
        ordered = in_scoring_order(selected, truth, protocol, count_unknown=unknown_videos == "count")
        scores = score(ordered, truth, protocol, thresholds)
        metrics = _metrics(protocol, thresholds, scores, truth)
        metrics["videos"] = {
            "evaluated": len(kept_videos),
            "listed": len(full_videos),
            "with_instances": len(np.unique(truth.video)),
            "set_aside": sorted(set(set_aside) & full_videos.keys()),
        }
        metrics["instances"] = {
            "total": len(truth),
            "changed": changes,
            "per_class": dict(zip(truth.labels, scores.n_instances.tolist(), strict=True)),
        }
        metrics["detections"] = {
            "given": len(detections) + sum(detections.excluded.values()),
            "scored": len(ordered),
            "excluded": {reason: n for reason, n in ordered.excluded.items() if n},
            "per_class": dict(zip(truth.labels, scores.n_detections.tolist(), strict=True)),
        }
        metrics["options"] = evaluation.model_dump()
        metrics["rule"] = asdict(protocol) | {"suffixes": list(protocol.suffixes), "ties": protocol.ties}
        if full_truth is not None:
            processed = select(selected, set(selected.videos) - set(set_aside), None, "leave-out")
            all_ordered = in_scoring_order(processed, full_truth, protocol, count_unknown=unknown_videos == "count")
            mean = mean_ap(score(all_ordered, full_truth, protocol, thresholds), protocol)
            metrics["map_full_truth"] = _percent(mean)
            metrics["average_full_truth"] = float(100 * mean.mean())
        result[name] = metrics
    return result


def _metrics(protocol: Protocol, tiou: list[float], scores: Scores, truth: Truth) -> DetectionMetrics:
    """The metrics themselves, without what they rest on."""
    mean = mean_ap(scores, protocol)
    missing = [truth.labels[c] for c in np.flatnonzero(scores.n_detections == 0)]
    return {
        "protocol": protocol.name,
        "tiou": tiou,
        "map": _percent(mean),
        "average": float(100 * mean.mean()),
        "per_class": {label: _percent(scores.ap[:, c]) for c, label in enumerate(truth.labels)},
        "classes_without_detections": missing,
    }


def _percent(values: NDArray[np.float64]) -> list[float]:
    return [float(100 * value) for value in values]


def checked_tiou(tiou: Sequence[float]) -> list[float]:
    """Thresholds as they were given, as plain floats.

    Raises:
        UserError: one is not in (0, 1], they do not rise, or there are more than 1 000.
    """
    if len(tiou) > MOST_THRESHOLDS:
        raise UserError(f"tIoU: {len(tiou)} thresholds; give at most {MOST_THRESHOLDS}")
    thresholds = [float(t) for t in tiou]
    if not thresholds or not all(0 < t <= 1 for t in thresholds):
        raise UserError(f"tIoU {thresholds}: thresholds must be above 0 and at most 1")
    if sorted(set(thresholds)) != thresholds:
        raise UserError(f"tIoU {thresholds}: thresholds must rise, each once")
    return thresholds


def parse_tiou(text: str) -> list[float]:
    """Thresholds as a user writes them.

    Args:
        text: `0.1:0.9:0.1` (first:last:step, the last included, each as it would be written), `linspace:0.1:0.9:9` (the
            floats of NumPy's `linspace`, as most codes have them: its third is 0.30000000000000004), `0.3,0.5,0.7`
            or `0.5`.

    Raises:
        UserError: anything else, or thresholds that `checked_tiou` refuses.
    """
    try:
        if ":" not in text:
            return checked_tiou([float(part) for part in text.split(",")])
        if text.startswith("linspace:"):
            bounds, count = [float(part) for part in text.split(":")[1:3]], int(text.split(":", 3)[3])
            if not (0 < bounds[0] <= bounds[1] <= 1 and count > 0):
                raise ValueError
            return checked_tiou(np.linspace(bounds[0], bounds[1], min(count, MOST_THRESHOLDS + 1)).tolist())
        first, last, step = (float(part) for part in text.split(":"))
        if not (0 < step <= 1 and 0 < first <= last <= 1):
            raise ValueError
        number = min(int((last - first) / step + 1e-6), MOST_THRESHOLDS) + 1
        return checked_tiou([round(first + i * step, 10) for i in range(number)])
    except (ValueError, IndexError):
        raise UserError(
            f"tIoU {text!r}: write first:last:step as in 0.1:0.9:0.1, linspace:0.1:0.9:9, or 0.3,0.5,0.7, within (0, 1]"
        ) from None
