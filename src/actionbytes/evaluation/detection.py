"""From detections and annotated videos to metrics: what `actionbytes evaluate` and the workflow call."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Literal

import numpy as np
from pydantic import Field

from actionbytes.data.annotations import Video
from actionbytes.data.detections import Detections, select
from actionbytes.errors import UserError
from actionbytes.evaluation.protocols import PROTOCOLS, Protocol, Scores, in_scoring_order, mean_ap, score
from actionbytes.evaluation.truth import Quirks, Truth, apply_quirks, without
from actionbytes.parameters import validated


class Evaluation(Quirks):
    """Parameters of an evaluation. The defaults are the protocols as their originals have them, on the whole truth."""

    ambiguous: bool = Field(True, description="THUMOS14's Ambiguous segments: as the protocol has it, or ignored")
    missing_class: Literal["zero_all", "zero_class"] = Field(
        "zero_all",
        description="a class without any detection, under wtalc: the whole mAP is 0 as in the original, or only its AP",
    )
    snippets_per_second: float = Field(
        25 / 16,
        gt=0,
        allow_inf_nan=False,
        description="unit of wtalc, whose times are rounded to whole snippets: 16 frames at 25 fps",
    )

    def applied(self, protocol: Protocol) -> Protocol:
        """The protocol with these options."""
        changes: dict[str, Any] = {}
        if not self.ambiguous:
            changes["ambiguous"] = "ignored"
        if protocol.name == "wtalc":
            changes |= {"missing_class": self.missing_class, "snippets_per_second": self.snippets_per_second}
        return replace(protocol, **changes)


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
) -> dict[str, dict[str, Any]]:
    """Detection metrics of one set of detections under each of `protocols`, by name of the protocol.

    Args:
        detections: of any videos in `videos`.
        videos: truth of one subset.
        tiou: thresholds in (0, 1].
        set_aside: videos of the list that could not be processed. Their truth does not count in `map`, but in
            `map_full_truth`, where all of it is missed.
        protocols: names of the protocols; default: all.
        classes: classes that may be detected beyond those with an instance in `videos`; such detections are left out.
        ignore_unknown: leave out detections of unknown videos or classes and count them; else they are a UserError.
        options: fields of `Evaluation`.

    Returns:
        For each protocol: `protocol`, `tiou`, `map` (percent), `average`, `per_class` (percent per tIoU),
        `videos` (evaluated, listed), counts of instances and detections, the options and the rule for ties.

    Raises:
        UserError: unknown names, a threshold out of range, truth without an instance.
    """
    evaluation = validated(Evaluation, options, "evaluation")
    thresholds = checked_tiou(tiou)
    known_classes = {i.label for video in videos.values() for i in video.instances} | set(classes)
    given = len(detections) + sum(detections.excluded.values())
    detections = select(detections, videos, known_classes, ignore_unknown)
    full_videos, changes = apply_quirks(videos, evaluation)
    kept_videos = without(full_videos, set_aside)
    truth = Truth.of(kept_videos)
    full_truth = Truth.of(full_videos) if len(kept_videos) < len(full_videos) else None
    ordered = in_scoring_order(detections, truth)
    excluded = dict(detections.excluded)
    if len(detections) > len(ordered):
        excluded["video or class not evaluated"] = len(detections) - len(ordered)

    result = {}
    for name in protocols:
        protocol = evaluation.applied(PROTOCOLS[name])
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
        by_protocol = {"excluded by the protocol": len(ordered) - len(scores.detections)}
        metrics["detections"] = {
            "given": given,
            "scored": len(scores.detections),
            "excluded": {reason: n for reason, n in (excluded | by_protocol).items() if n},
            "per_class": dict(zip(truth.labels, scores.n_detections.tolist(), strict=True)),
        }
        metrics["options"] = evaluation.model_dump()
        metrics["rule"] = asdict(protocol) | {"ties": protocol.ties}
        if full_truth is not None:
            against_all = mean_ap(
                score(in_scoring_order(ordered, full_truth), full_truth, protocol, thresholds), protocol
            )
            metrics["map_full_truth"] = _percent(against_all)
            metrics["average_full_truth"] = float(100 * against_all.mean())
        result[name] = metrics
    return result


def _metrics(protocol: Protocol, tiou: list[float], scores: Scores, truth: Truth) -> dict[str, Any]:
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


def _percent(values: np.ndarray) -> list[float]:
    return [float(100 * value) for value in values]


def checked_tiou(tiou: Sequence[float]) -> list[float]:
    """Thresholds as plain numbers, freed of arithmetic's last bits (0.1 + 0.2 is 0.3). UserError outside (0, 1]."""
    thresholds = [round(float(t), 10) for t in tiou]
    if not thresholds or not all(0 < t <= 1 for t in thresholds):
        raise UserError(f"tIoU {list(tiou)}: thresholds must be above 0 and at most 1")
    if sorted(set(thresholds)) != thresholds:
        raise UserError(f"tIoU {thresholds}: thresholds must rise, each once")
    return thresholds


def parse_tiou(text: str) -> list[float]:
    """`0.1:0.9:0.1` (first:last:step, the last included), `0.3,0.5,0.7` or `0.5`. UserError for anything else."""
    try:
        if ":" not in text:
            return checked_tiou([float(part) for part in text.split(",")])
        first, last, step = (float(part) for part in text.split(":"))
        if not (0 < step <= 1 and 0 < first <= last <= 1):
            raise ValueError
        return checked_tiou([first + i * step for i in range(int((last - first) / step + 1e-6) + 1)])
    except ValueError:
        raise UserError(
            f"tIoU {text!r}: write first:last:step as in 0.1:0.9:0.1, or 0.3,0.5,0.7, within (0, 1]"
        ) from None
