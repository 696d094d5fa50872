"""Detections and truth to metrics."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from actionbytes.data.annotations import classes_of, of_subset, read_annotations
from actionbytes.data.detections import read_detections
from actionbytes.data.scores import read_scores


def evaluate(
    detections: Path,
    annotations: Path,
    subset: str,
    tiou: Sequence[float],
    scores: Path | None = None,
    set_aside: Collection[str] = (),
    **options: Any,
) -> dict[str, Any]:
    """Metrics of one detections file: the content of `metrics.json`.

    A class of the dataset that no video of the subset shows may be detected; it has no AP.

    Args:
        detections: file of detections in videos of the subset.
        annotations: the truth, of any subsets.
        subset: the subset to evaluate on.
        tiou: thresholds of detection mAP, in (0, 1].
        scores: file of the videos' class scores; None: recognition is not measured.
        set_aside: videos that could not be processed.
        options: fields of `evaluation.detection.Evaluation`.

    Raises:
        UserError: a file cannot be read, or they do not fit together.
    """
    from actionbytes.evaluation.metrics import measure

    annotated = read_annotations(annotations)
    return measure(
        read_detections(detections),
        of_subset(annotated, subset),
        tiou,
        scores=read_scores(scores) if scores else None,
        set_aside=set_aside,
        classes=classes_of(annotated),
        **options,
    )
