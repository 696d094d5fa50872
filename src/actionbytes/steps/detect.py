"""Whole steps on files: what the command line and the workflow's scripts both call."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from actionbytes.data.detections import Detections, write_detections
from actionbytes.data.words import ALIASES, cosine_similarity, embed_labels, read_word2vec, wanted_words
from actionbytes.errors import UserError
from actionbytes.features.store import load_features
from actionbytes.localization.bytes import Proposals
from actionbytes.localization.thresholds import to_seconds
from actionbytes.localization.transfer import LabelTransfer
from actionbytes.parameters import Parameters

if TYPE_CHECKING:
    from actionbytes.methods.base import Method

LOG = logging.getLogger(__name__)
Shards = Path | list[Path]
Found = tuple[str, float, float, float]  # label, start (s), end (s), score


@dataclass(frozen=True)
class Localizer:
    """A finished run that detects actions in features, its own classes or others by label transfer.

    classes: what is detected; streams: the feature streams that it needs side by side.
    """

    method: "Method"
    dim: int
    streams: tuple[str, ...]
    classes: list[str]
    localization: Parameters  # the group that the method names
    proposals: Proposals
    transfer: LabelTransfer | None = None
    matrix: np.ndarray | None = None  # (C_target, C_source)

    @classmethod
    def of(
        cls,
        run: Path,
        localization: Parameters,
        proposals: Proposals | None = None,
        transfer: LabelTransfer | None = None,
        classes: Sequence[str] = (),
        words: Path | None = None,
        aliases: Mapping[str, str] = ALIASES,
        stage: int | None = None,
    ) -> "Localizer":
        """From a run's folder. transfer: carry its classes over to `classes` by the word vectors in `words`.

        stage: the model as it was after that stage (mining round); none: the last.
        """
        from actionbytes.localization.transfer import transfer_matrix
        from actionbytes.training.runs import load_run

        method, trained = load_run(run, stage)
        if not isinstance(localization, method.group.localization):
            raise ValueError(f"{trained.method} localizes by {method.group.localization.__name__}")
        targets, matrix = list(trained.classes), None
        if transfer:
            method.group.check_transfer(str(run))
            targets = list(classes)
            matrix = transfer_matrix(_similarity(targets, trained.classes, words, aliases), transfer)
        cut = proposals or Proposals()
        return cls(method, trained.dim, trained.streams, targets, localization, cut, transfer, matrix)

    def __call__(self, features: np.ndarray, hop_s: float, duration: float) -> tuple[list[Found], np.ndarray]:
        """Detections (label, start s, end s, score) in a video's features (T, D), and its activations (T, C)."""
        from actionbytes.localization.transfer import transfer_cas

        if features.shape[1] != self.dim:
            raise UserError(
                f"the run was trained on {self.dim}-d features, these have {features.shape[1]}; use the same recipe"
            )
        prediction = self.method.predict(features)
        if self.transfer:
            cas = transfer_cas(prediction.cas, self.matrix, self.transfer)
            prediction = replace(prediction, cas=cas, probabilities=self.transfer.softmax)
        segments = self.method.localize(prediction, self.localization, self.proposals)
        start, end = to_seconds(segments, hop_s, duration)
        labels = [self.classes[c] for c in segments.label]
        return list(zip(labels, start.tolist(), end.tolist(), segments.score.tolist(), strict=True)), prediction.cas


def localize_run(
    localizer: Localizer,
    shards: Shards,
    names: Iterable[str] | None = None,
    progress: Callable[[Sequence], Iterable] = iter,
) -> Detections:
    """Detections in the videos of `shards`, or in `names` of them."""
    features = load_features(shards, names, localizer.streams)
    rows = []
    for i in progress(range(len(features.names))):
        found, _ = localizer(features.video(i), features.hop_s, float(features.durations[i]))
        rows += [(features.names[i], *detection) for detection in found]
    return Detections.from_rows(rows)


def _similarity(
    targets: Sequence[str], sources: Sequence[str], words: Path | None, aliases: Mapping[str, str]
) -> np.ndarray:
    """Cosine similarity (C_target, C_source) of class names; prints the words that have no vector."""
    if words is None:
        raise UserError("labels differ between source and target; name a word2vec file with --words")
    vectors = read_word2vec(words, wanted_words([*targets, *sources], aliases))
    target, missing = embed_labels(targets, vectors, aliases)
    source, more = embed_labels(sources, vectors, aliases)
    if unknown := sorted({*missing, *more}):
        LOG.info("%s: no vector for %s; these words are left out of their class names", words, ", ".join(unknown))
    return cosine_similarity(target, source)


def save_detections(path: Path, detections: Detections) -> None:
    """Write detections, times and scores to six digits."""
    write_detections(path, detections, digits=6)
