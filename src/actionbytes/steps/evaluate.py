"""Detections and truth to metrics."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from actionbytes.data.annotations import classes_of, of_subset, read_annotations
from actionbytes.data.detections import read_detections


def evaluate_files(
    detections: Path,
    annotations: Path,
    subset: str,
    tiou: Sequence[float],
    set_aside: Collection[str] = (),
    **options: Any,
) -> dict[str, Any]:
    """Metrics of a detections file under every protocol (the content of `metrics.json`).

    A class of the dataset that no video of the subset shows may be detected; it has no AP.
    """
    from actionbytes.evaluation.detection import evaluate_all

    everything = read_annotations(annotations)
    videos, classes = of_subset(everything, subset), classes_of(everything)
    return evaluate_all(read_detections(detections), videos, tiou, set_aside=set_aside, classes=classes, **options)
