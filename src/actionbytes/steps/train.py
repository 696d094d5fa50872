"""Features and labels to a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from actionbytes.features.store import PackedFeatures, read_made_with
from actionbytes.methods.parameters import MethodParameters
from actionbytes.training.parameters import Training

if TYPE_CHECKING:
    from actionbytes.training.sources import SourceFiles
from actionbytes.progress import Progress, silent


def train(
    method: str,
    parameters: MethodParameters,
    training: Training,
    sources: Mapping[str, "SourceFiles"],
    seed: int,
    out: Path,
    starts: Mapping[str, Path] | None = None,
    progress: Progress = silent,
) -> dict[str, PackedFeatures]:
    """Train a method on the annotated videos of its sources.

    Only which classes a video shows is used, not when, except where a source's supervision is `segments`.

    Args:
        method: Name of the method.
        parameters: Of the method's group.
        training: See `Training`.
        sources: Files of each source of the method.
        seed: Of everything random.
        out: Folder of the run.
        starts: Finished runs to start from, by the names of `MethodParameters.starts_from`; see `training.loop.fit`.
        progress: Called with steps done, steps in all, and the loss.

    Returns:
        The features of each source. Videos that were set aside when they were made are left out.

    Raises:
        UserError: See `training.sources.read_sources` and `training.loop.fit`.
    """
    from actionbytes.features.made_with import FILE, remember
    from actionbytes.training.loop import fit
    from actionbytes.training.sources import read_sources

    parameters.check_training(training)
    sets, features = read_sources(sources, parameters)
    if not (out / FILE).exists():  # before training, for the model is what says that a run is whole
        remember(out, read_made_with(sources[parameters.sources[0]].shards))
    fit(method, parameters, training, sets, seed, out, starts, progress)
    return features
