"""Detections and truth to metrics."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actionbytes.data.annotations import classes_of, of_subset, read_annotations
from actionbytes.data.detections import Detections, read_detections
from actionbytes.data.scores import VideoScores, read_scores
from actionbytes.data.splits import of_classes


def evaluate(
    detections: Path,
    annotations: Path,
    subset: str,
    tiou: Sequence[float],
    scores: Path | None = None,
    set_aside: Collection[str] = (),
    only: Collection[str] | None = None,
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
        only: classes that are evaluated, on the videos that show one of them; None: all.
        options: fields of `evaluation.detection.Evaluation`.

    Raises:
        UserError: a file cannot be read, or they do not fit together.
    """
    from actionbytes.evaluation.metrics import measure

    annotated = read_annotations(annotations)
    videos, classes = of_subset(annotated, subset), classes_of(annotated)
    detected, class_scores = read_detections(detections), read_scores(scores) if scores else None
    if only is not None:
        videos, classes = of_classes(videos, only), sorted(only)
        detected = _detections_of(detected, videos, classes)
        class_scores = _scores_of(class_scores, videos, classes) if class_scores else None
    return measure(detected, videos, tiou, scores=class_scores, set_aside=set_aside, classes=classes, **options)


def _detections_of(detections: Detections, videos: Collection[str], classes: Collection[str]) -> Detections:
    """Those of some classes in some videos."""
    names = np.isin(detections.videos, list(videos)), np.isin(detections.labels, list(classes))
    chosen = detections.take(names[0][detections.video] & names[1][detections.label])
    columns = (chosen.video.tolist(), chosen.label.tolist(), chosen.start.tolist(), chosen.end.tolist())
    rows = zip(*columns, chosen.score.tolist(), strict=True)
    return Detections.from_rows(
        (chosen.videos[video], chosen.labels[label], start, end, score) for video, label, start, end, score in rows
    )


def _scores_of(scores: VideoScores, videos: Collection[str], classes: Collection[str]) -> VideoScores:
    """Those of some classes for some videos."""
    rows = [i for i, name in enumerate(scores.videos) if name in videos]
    columns = [c for c, name in enumerate(scores.classes) if name in classes]
    return VideoScores(
        [scores.videos[i] for i in rows],
        [scores.classes[c] for c in columns],
        {part: values[np.ix_(rows, columns)] for part, values in scores.parts.items()},
    )
