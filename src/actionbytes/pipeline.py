"""Whole steps on files: what the command line and the workflow's scripts both call."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actionbytes.data.annotations import Video, of_subset, read_annotations
from actionbytes.data.detections import Detections, read_detections, write_detections
from actionbytes.data.words import ALIASES, cosine_similarity, embed_labels, read_word2vec, wanted_words
from actionbytes.errors import UserError
from actionbytes.features.store import PackedFeatures, load_features, read_made_with
from actionbytes.localization.localize import Localization, localize, to_seconds
from actionbytes.methods.parameters import LabelTransfer, Proposals
from actionbytes.parameters import Parameters
from actionbytes.training.parameters import Training

Shards = Path | list[Path]


def classes_of(videos: Mapping[str, Video]) -> list[str]:
    """The class names of annotated videos, sorted."""
    return sorted({label for video in videos.values() for label in video.labels})


def labels_of(names: Sequence[str], videos: Mapping[str, Video], classes: Sequence[str]) -> np.ndarray:
    """(N, C) multi-hot video labels: which classes have an instance in which video."""
    column = {label: c for c, label in enumerate(classes)}
    labels = np.zeros((len(names), len(classes)), bool)
    for i, name in enumerate(names):
        labels[i, [column[label] for label in videos[name].labels]] = True
    return labels


def train_run(
    method: str,
    parameters: Parameters,
    training: Training,
    shards: Shards,
    annotations: Path,
    subset: str,
    seed: int,
    out: Path,
    init: Path | None = None,
    progress: Callable | None = None,
) -> PackedFeatures:
    """Train a method on the labelled videos of a subset; write the run into `out`. Returns the features it saw.

    Only which classes a video shows is used, never when. Videos that the features set aside are left out.
    """
    from actionbytes.features.making import remember
    from actionbytes.training.loop import train

    videos = {name: v for name, v in of_subset(read_annotations(annotations), subset).items() if v.instances}
    if not videos:
        raise UserError(f"{annotations}: no video of subset {subset!r} has a label to learn from")
    features = load_features(shards, videos)
    classes = classes_of(videos)
    train(
        method,
        parameters,
        training,
        features,
        labels_of(features.names, videos, classes),
        classes,
        seed,
        out,
        progress,
        init,
    )
    remember(out, read_made_with(shards))
    return features


def localize_run(
    run: Path,
    shards: Shards,
    localization: Localization,
    proposals: Proposals | None = None,
    transfer: LabelTransfer | None = None,
    names: Iterable[str] | None = None,
    classes: Sequence[str] | None = None,
    words: Path | None = None,
    aliases: Mapping[str, str] = ALIASES,
    progress: Callable[[Sequence], Iterable] = iter,
) -> Detections:
    """Detections of a finished run in the videos of `shards` (or in `names` of them).

    transfer: carry the run's classes over to `classes` by the word vectors in `words`; without it the run's own are
    detected. Localization with proposals cuts the latent of the run's own network.
    """
    from actionbytes.methods.bytes import proposals as proposals_of
    from actionbytes.methods.transfer import transfer_cas, transfer_matrix
    from actionbytes.training.runs import load_run

    method, trained = load_run(run)
    features = load_features(shards, names, trained.streams)
    if features.rows.shape[1] != trained.dim:
        raise UserError(
            f"{run}: was trained on {trained.dim}-d features, these have {features.rows.shape[1]}; "
            "use features of the same recipe"
        )
    targets, matrix = list(trained.classes), None
    if transfer:
        targets = list(classes or ())
        matrix = transfer_matrix(_similarity(targets, trained.classes, words, aliases), transfer)
    rows = []
    for i in progress(range(len(features.names))):
        prediction = method.predict(features.video(i))
        cas = prediction.cas if matrix is None else transfer_cas(prediction.cas, matrix, transfer)
        cuts = proposals_of(prediction.latent, proposals) if localization.proposals and proposals else None
        segments = localize(cas, localization, cuts)
        start, end = to_seconds(segments, features.hop_s, float(features.durations[i]))
        columns = (start.tolist(), end.tolist(), segments.score.tolist())
        for label, s, e, score in zip(segments.label, *columns, strict=True):
            rows.append((features.names[i], targets[label], s, e, score))
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
        print(f"{words}: no vector for {', '.join(unknown)}; these words are left out of their class names")
    return cosine_similarity(target, source)


def evaluate_files(
    detections: Path, annotations: Path, subset: str, set_aside: Collection[str] = (), **options: Any
) -> dict[str, Any]:
    """Metrics of a detections file under every protocol (the content of `metrics.json`)."""
    from actionbytes.evaluation.evaluate import evaluate_all

    videos = of_subset(read_annotations(annotations), subset)
    return evaluate_all(read_detections(detections), videos, set_aside=set_aside, **options)


def save_detections(path: Path, detections: Detections) -> None:
    """Write detections, times and scores to six digits."""
    write_detections(path, detections, digits=6)
