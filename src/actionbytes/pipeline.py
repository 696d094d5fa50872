"""Whole steps on files: what the command line and the workflow's scripts both call."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actionbytes.data.annotations import Video, of_subset, read_annotations
from actionbytes.data.detections import Detections, read_detections, write_detections
from actionbytes.data.manifests import read_status, write_csv
from actionbytes.data.own import OwnData
from actionbytes.data.words import ALIASES, cosine_similarity, embed_labels, read_word2vec, wanted_words
from actionbytes.errors import UserError
from actionbytes.features.store import PackedFeatures, load_features, read_made_with
from actionbytes.localization.localize import to_seconds
from actionbytes.methods.parameters import LabelTransfer, MethodParameters, Proposals
from actionbytes.parameters import Parameters
from actionbytes.training.parameters import Training

if TYPE_CHECKING:
    from actionbytes.methods.base import Method
    from actionbytes.training.pretraining import Pretraining

Shards = Path | list[Path]
Found = tuple[str, float, float, float]  # label, start (s), end (s), score


def write_own(own: OwnData, progress: Callable[[Sequence], Iterable] = iter) -> None:
    """Write list and annotations of own videos; a clip's one instance lasts as long as its pictures do."""
    from actionbytes.video.decode import BrokenVideo, Decoding
    from actionbytes.video.isolated import IsolatedReader

    durations, sparse = {}, Decoding(fps=1, short_side=16, crop=16)
    for row in progress([row for row in own.rows if row.label]):
        reader = IsolatedReader(own.path(row.file), sparse)
        with suppress(BrokenVideo):  # it will be set aside when it is decoded for its features
            for _ in reader:
                pass
            durations[row.video] = reader.duration
    own.write(durations)


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
    parameters: MethodParameters,
    training: Training,
    shards: Shards,
    annotations: Path,
    subset: str,
    seed: int,
    out: Path,
    init: Path | None = None,
    progress: Callable | None = None,
    exclude: Collection[str] = (),
) -> PackedFeatures:
    """Train a method on the labelled videos of a subset; write the run into `out`. Returns the features it saw.

    Only which classes a video shows is used, never when. Videos that the features set aside, or that show a class in
    `exclude`, are left out.
    """
    from actionbytes.features.making import FILE, remember
    from actionbytes.training.loop import train

    videos = {
        name: video
        for name, video in of_subset(read_annotations(annotations), subset).items()
        if video.instances and not set(video.labels) & set(exclude)
    }
    if not videos:
        raise UserError(f"{annotations}: no video of subset {subset!r} has a label to learn from")
    features = load_features(shards, videos, parameters.feature_streams)
    classes = classes_of(videos)
    if not (out / FILE).exists():  # before training, for the model is what says that a run is whole
        remember(out, read_made_with(shards))
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
    return features


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
        from actionbytes.methods.transfer import transfer_matrix
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
        from actionbytes.methods.transfer import transfer_cas

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
        print(f"{words}: no vector for {', '.join(unknown)}; these words are left out of their class names")
    return cosine_similarity(target, source)


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
    from actionbytes.evaluation.evaluate import evaluate_all

    everything = read_annotations(annotations)
    videos, classes = of_subset(everything, subset), classes_of(everything)
    return evaluate_all(read_detections(detections), videos, tiou, set_aside=set_aside, classes=classes, **options)


def save_detections(path: Path, detections: Detections) -> None:
    """Write detections, times and scores to six digits."""
    write_detections(path, detections, digits=6)


def pretrain_stream(
    stream: str,
    folders: Sequence[Path],
    annotations: Path,
    width: float,
    pretraining: "Pretraining",
    seed: int,
    out: Path,
    progress: Callable[[Mapping], None] | None = None,
) -> None:
    """Train one stream of a narrow I3D on decoded clips (rgb) or their flow (flow), by class; write its weights.

    folders: what `decode_shard` or `flow_shard` made of the shards of trimmed clips, each with one class.
    """
    from actionbytes.backbones.weights import save_i3d
    from actionbytes.features.stages import STATUS
    from actionbytes.training.pretrain import pretrain
    from actionbytes.video.clips import Clip

    truth, suffix = read_annotations(annotations), "frames" if stream == "rgb" else "flow"
    found = {
        status.video: folder / f"{status.video}.{suffix}"
        for folder in folders
        for status in read_status(folder / STATUS)
        if status.status != "set aside" and truth[status.video].instances
    }
    names = sorted(found)
    classes = classes_of({name: truth[name] for name in names})
    labels = labels_of(names, truth, classes).argmax(1)
    clips = [Clip(found[name]).read() for name in names]
    state = out.with_name(out.name + ".state")
    model, log = pretrain(stream, clips, labels, width, pretraining, seed, state, progress)
    write_csv(out.with_suffix(".log.csv"), log)
    save_i3d(model, out, {"classes": classes, "stream": stream, "held_out": log[-1]["held_out"]})
    state.unlink(missing_ok=True)
