"""Features and labels to a run."""

from collections.abc import Callable, Collection
from pathlib import Path

from actionbytes.data.annotations import classes_of, labels_of, of_subset, read_annotations
from actionbytes.errors import UserError
from actionbytes.features.store import PackedFeatures, load_features, read_made_with
from actionbytes.methods.parameters import MethodParameters
from actionbytes.training.parameters import Training


def train_run(
    method: str,
    parameters: MethodParameters,
    training: Training,
    shards: Path | list[Path],
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
    from actionbytes.features.made_with import FILE, remember
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
