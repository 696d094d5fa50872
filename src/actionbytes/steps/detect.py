"""A run and features to detections and class scores."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from actionbytes.data.detections import Detections, write_detections
from actionbytes.data.words import ALIASES, cosine_similarity, embed_labels, read_word2vec, wanted_words
from actionbytes.errors import UserError
from actionbytes.features.store import load_features
from actionbytes.localization.thresholds import SegmentRules, to_seconds
from actionbytes.localization.transfer import LabelTransfer, Transfer, transfer_matrix
from actionbytes.progress import Progress, each, silent

if TYPE_CHECKING:
    from actionbytes.methods.base import ActivationMethod, Detected, Method

LOG = logging.getLogger(__name__)
Shards = Path | list[Path]
Row = tuple[str, float, float, float]  # label, start (s), end (s), score


@dataclass(frozen=True)
class VideoDetections:
    """Detections in one video.

    Attributes:
        rows: Label, start in seconds, end in seconds and score of each.
        detected: What the method says of the video, in snippets and class indices.
    """

    rows: list[Row]
    detected: "Detected"


@dataclass(frozen=True)
class Localizer:
    """A finished run that detects actions in features, its own classes or others by label transfer.

    Attributes:
        method: The trained method.
        dim: Dimensions of the features that it needs.
        streams: Feature streams that it needs side by side.
        classes: Names of the classes that are detected.
        localization: How predictions become segments, of the group that the method names.
        transfer: From the classes that were learned to `classes`; None where these are the same.
    """

    method: "Method"
    dim: int
    streams: tuple[str, ...]
    classes: list[str]
    localization: SegmentRules
    transfer: Transfer | None = None

    @classmethod
    def of(
        cls,
        run: Path,
        localization: SegmentRules,
        *,
        transfer: LabelTransfer | None = None,
        classes: Sequence[str] = (),
        words: Path | None = None,
        aliases: Mapping[str, str] = ALIASES,
        round: int | None = None,
    ) -> "Localizer":
        """Load a run from its folder.

        Args:
            run: Folder of a finished run.
            localization: How predictions become segments, of the group that the method names.
            transfer: How to carry the classes of the run over to `classes`; None: detect those of the run.
            classes: Names of the target classes of label transfer.
            words: word2vec file that label transfer compares class names by.
            aliases: Class name -> words to look up instead.
            round: The model as it was after that round, from 1; None: after the last.

        Raises:
            UserError: If the run is not whole, label transfer does not apply to it, or a class name has no vector.
        """
        from actionbytes.training.runs import load_run

        method, trained = load_run(run, round)
        if not isinstance(localization, method.settings.localization):
            raise ValueError(f"{trained.method} localizes by {method.settings.localization.__name__}")
        targets, carried = list(trained.classes), None
        if transfer:
            method.settings.check_transfer(str(run))
            targets = list(classes)
            similarity = _similarity(targets, trained.classes, words, aliases)
            carried = Transfer(transfer, transfer_matrix(similarity, transfer))
        return cls(method, trained.dim, trained.streams, targets, localization, carried)

    def __call__(self, features: np.ndarray, hop_s: float, duration: float) -> VideoDetections:
        """Detect in one video.

        Args:
            features: (T, D).
            hop_s: Seconds from one snippet to the next.
            duration: Seconds of the video; no detection ends later.
        """
        if features.shape[1] != self.dim:
            raise UserError(
                f"the run was trained on {self.dim}-d features, these have {features.shape[1]}; use the same recipe"
            )
        if self.transfer:  # only activation methods are transferable, which `of` has checked
            detected = cast("ActivationMethod", self.method).detect(features, self.localization, self.transfer)
        else:
            detected = self.method.detect(features, self.localization)
        segments = detected.segments
        start, end = to_seconds(segments, hop_s, duration)
        labels = [self.classes[c] for c in segments.label]
        rows = list(zip(labels, start.tolist(), end.tolist(), segments.score.tolist(), strict=True))
        return VideoDetections(rows, detected)


def detect(
    localizer: Localizer,
    shards: Shards,
    detections: Path,
    scores: Path | None = None,
    names: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Detections:
    """Detect in stored features and write what was detected.

    Args:
        localizer: What detects.
        shards: Feature shards, or the folder that holds them.
        detections: File to write detections to, times and scores to six digits.
        scores: File to write the class scores of each video to; None: keep none.
        names: Videos to detect in; None: all.
        progress: Called after each video.

    Returns:
        The detections.
    """
    from actionbytes.data.scores import VideoScores, write_scores

    features = load_features(shards, names, localizer.streams)
    if features.set_aside:
        name, reason = next(iter(sorted(features.set_aside.items())))
        LOG.warning(
            "%d videos have no features and get no detections, which an evaluation counts as misses: %s (%s)%s",
            len(features.set_aside),
            name,
            reason,
            " and others" if len(features.set_aside) > 1 else "",
        )
    rows: list[tuple[str, str, float, float, float]] = []
    parts: dict[str, list[np.ndarray]] = {}
    for i in each(range(len(features.names)), progress):
        video = localizer(features.video(i), features.hop_s, float(features.durations[i]))
        rows += [(features.names[i], *row) for row in video.rows]
        for part, values in video.detected.scores.items():
            parts.setdefault(part, []).append(np.asarray(values, dtype=np.float32))
    everything = Detections.from_rows(rows)
    if scores:  # first, for detections are what says that this step is done
        stacked = {part: np.stack(values) for part, values in parts.items()}
        write_scores(scores, VideoScores(features.names, localizer.classes, stacked))
    save_detections(detections, everything)
    return everything


def save_detections(path: Path, detections: Detections) -> None:
    """Write detections, times and scores to six digits."""
    write_detections(path, detections, digits=6)


def _similarity(
    targets: Sequence[str], sources: Sequence[str], words: Path | None, aliases: Mapping[str, str]
) -> np.ndarray:
    """Cosine similarity (C_target, C_source) of class names; prints the words that have no vector."""
    if words is None:
        raise UserError("labels differ between source and target; name a word2vec file with --words")
    vectors = read_word2vec(words, wanted_words([*targets, *sources], aliases))
    target, missing = embed_labels(targets, vectors, aliases)
    source, missing_too = embed_labels(sources, vectors, aliases)
    if unknown := sorted({*missing, *missing_too}):
        LOG.info("%s: no vector for %s; these words are left out of their class names", words, ", ".join(unknown))
    return cosine_similarity(target, source)
