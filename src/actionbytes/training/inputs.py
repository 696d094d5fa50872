"""What a run starts from: its sources and the runs before it, checked and put down in its configuration."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from actionbytes.errors import UserError
from actionbytes.files import file_digest
from actionbytes.methods.parameters import MethodParameters
from actionbytes.methods.sets import TrainingSet
from actionbytes.training import runs
from actionbytes.training.parameters import Training


def check_sets(parameters: MethodParameters, sets: Mapping[str, TrainingSet], seed: int) -> dict[str, TrainingSet]:
    """Check what a run learns from.

    Args:
        parameters: Of the method; says which sources it has.
        sets: The videos of each source.
        seed: Of the run.

    Returns:
        `sets` in the method's order of sources.

    Raises:
        UserError: If the seed is negative, a source is missing, holds no video or one without a label, or the sources
            differ in their features.
    """
    if seed < 0:
        raise UserError(f"seed {seed}: must not be negative")
    if set(sets) != set(parameters.sources):
        raise UserError(f"the method learns from the sources {', '.join(parameters.sources)}; given: {', '.join(sets)}")
    sets = {name: sets[name] for name in parameters.sources}
    for name, videos in sets.items():
        if videos.labels.shape != (len(videos.names), len(videos.classes)):
            shape = f"{len(videos.names)} videos and {len(videos.classes)} classes"
            raise ValueError(f"labels {videos.labels.shape} for {shape}")
        if not videos.names:
            raise UserError(f"there is no video to train on in the source {name!r}")
        if bare := [v for v, row in zip(videos.names, videos.labels, strict=True) if not row.any()]:
            raise UserError(
                f"{len(bare)} videos have no label, such as {bare[0]}; leave them out of the training subset"
            )
    features = {name: (videos.streams, videos.rows.shape[1]) for name, videos in sets.items()}
    if len(set(features.values())) > 1:
        differing = "; ".join(f"{name}: {' and '.join(s)}, {dim}-d" for name, (s, dim) in features.items())
        raise UserError(f"the sources have features of different kinds ({differing}); extract them alike")
    return sets


def check_starts(method: str, parameters: MethodParameters, starts: Mapping[str, Path]) -> dict[str, Path]:
    """Check the runs that are given to start from; names that the method does not know are an error."""
    for name in starts:
        if name not in parameters.starts_from:
            names = ", ".join(parameters.starts_from) or "none"
            raise UserError(f"{method} starts from no run called {name!r}; it starts from: {names}")
    return dict(starts)


def run_of(
    method: str,
    parameters: MethodParameters,
    training: Training,
    sets: Mapping[str, TrainingSet],
    seed: int,
    starts: Mapping[str, Path],
) -> runs.Run:
    """The configuration of a run, with digests of all that it starts from."""
    first = next(iter(sets.values()))
    outputs = sets[(parameters.classes_from or parameters.sources)[0]].classes
    return runs.Run(
        method=method,
        parameters=parameters.model_dump(mode="json"),
        training=training,
        seed=seed,
        classes=outputs,
        dim=first.rows.shape[1],
        streams=first.streams,
        sources={name: _learned_from(videos) for name, videos in sets.items()},
        starts={name: _start_digest(starts[name], parameters.starts_from[name]) for name in parameters.starts_from},
    )


def _learned_from(videos: TrainingSet) -> runs.LearnedFrom:
    return runs.LearnedFrom(
        videos=len(videos.names),
        classes=videos.classes,
        hop_s=videos.hop_s,
        supervision="labels" if videos.segments is None else "segments",
        data=_data_digest(videos),
    )


def _data_digest(videos: TrainingSet) -> str:
    """Digest of everything that training reads: names, lengths, features, labels and segments."""
    state = hashlib.sha256("\0".join(videos.names).encode())
    for array in (videos.offsets, videos.labels, *(videos.segments or ())):
        state.update(np.ascontiguousarray(array).tobytes())
    state.update(str((videos.rows.dtype, videos.rows.shape)).encode())
    for first in range(0, len(videos.rows), 65536):  # in pieces: the rows may be memory-mapped
        state.update(np.ascontiguousarray(videos.rows[first : first + 65536]).data)
    return state.hexdigest()[:16]


def _start_digest(folder: Path, method: str) -> str:
    """Digest of the weights to start from; UserError unless `folder` holds a finished run of `method`."""
    start = runs.read_config(folder).method
    if start != method:
        raise UserError(f"{folder}: is a run of {start}, but this method starts from one of {method}")
    if not runs.is_whole(folder / runs.MODEL):
        raise UserError(f"{folder}: is not finished; run its `actionbytes train` again")
    return file_digest(folder / runs.MODEL)[:16]
