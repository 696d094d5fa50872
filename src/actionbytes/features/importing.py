"""Ready-made features to shards: folders of `.npy`, or one W-TALC-style object array.

Object arrays are pickles. They are read by an unpickler that makes NumPy arrays and nothing else, so that a file from a
stranger cannot run code.
"""

import pickle
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from actionbytes.data.annotations import Video
from actionbytes.data.manifests import Status
from actionbytes.errors import UserError
from actionbytes.features.kinds import STREAMS
from actionbytes.features.store import VideoFeatures, iterate_shards, open_shard, shard_files, write_shard
from actionbytes.progress import Progress, each, silent

ALLOWED = {
    (module, name)
    for core in ("numpy.core", "numpy._core")
    for module, name in ((f"{core}.multiarray", "_reconstruct"), (f"{core}.numeric", "_frombuffer"))
} | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}


Named = tuple[str, dict[str, np.ndarray]]
"""A video and its streams, (T, D) each; no streams where there are no features of it."""


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles NumPy arrays; anything else in the stream is an error before it is made."""

    def find_class(self, module: str, name: str) -> Any:
        """The class, if an array needs it; a UserError otherwise."""
        if (module, name) not in ALLOWED:
            raise UserError(f"the array file asks for {module}.{name}, which no array needs; it is not read")
        return super().find_class(module, name)


def read_object_array(path: Path) -> np.ndarray:
    """Read a one-dimensional object array of (T, D) arrays, the form in which W-TALC's features were published.

    Raises:
        UserError: The file is damaged, holds something else, or asks for classes that no array needs.
    """
    with path.open("rb") as file:
        try:
            shape, dtype = _header(file)
            if not dtype.hasobject:
                raise UserError(f"{path}: is a plain array {shape}; an object array of (T, D) arrays is wanted")
            array = ArrayUnpickler(file).load()
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        except (ValueError, EOFError, pickle.UnpicklingError, TypeError, AttributeError, IndexError, KeyError) as error:
            raise UserError(f"{path}: not a readable NumPy array ({error}); fetch it again") from None
    if not isinstance(array, np.ndarray) or array.ndim != 1:
        raise UserError(f"{path}: holds no list of videos (an object array of one dimension)")
    return array


def _header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype]:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


def split_streams(x: np.ndarray, order: Sequence[str], name: str) -> dict[str, np.ndarray]:
    """Split a joint array into its streams.

    Args:
        x: (T, D), streams of equal width side by side.
        order: Names of the streams, from left to right.
        name: Opens the error line.
    """
    if x.ndim != 2 or x.shape[1] % len(order):
        raise UserError(f"{name}: shape {x.shape} does not split into {len(order)} streams of (T, D) side by side")
    return dict(zip(order, np.split(x, len(order), axis=1), strict=True))


def from_folder(source: Path, names: Iterable[str], order: Sequence[str]) -> Iterator[Named]:
    """Streams of each video from `rgb/<video>.npy` and `flow/<video>.npy`, or from joint `<video>.npy`."""
    folders = [stream for stream in STREAMS if (source / stream).is_dir()]
    for name in names:
        if folders:
            paths = {stream: source / stream / f"{name}.npy" for stream in folders}
            streams = {stream: _load(path) for stream, path in paths.items() if path.is_file()}
        else:
            path = source / f"{name}.npy"
            streams = split_streams(_load(path), order, str(path)) if path.is_file() else {}
        yield name, streams


def stored_names(path: Path) -> set[str]:
    """Videos that have features at `path`: one shard, a folder of shards, or of `.npy` (rgb/ and flow/, or joint)."""
    if path.is_file() or any(path.glob("*.h5")):
        names = set()
        for shard in shard_files(path):
            with open_shard(shard) as file:
                names |= set(file)
    else:
        names = {file.stem for folder in (path, *(path / s for s in STREAMS)) for file in folder.glob("*.npy")}
    if not names:
        raise UserError(f"{path}: no features there: shards (*.h5), rgb/ and flow/ of .npy, or joint .npy")
    return names


def stored_features(path: Path, names: Collection[str]) -> Iterator[Named]:
    """Streams of some of the videos of `stored_names`, joint arrays split into rgb and flow."""
    if path.is_file() or any(path.glob("*.h5")):
        yield from ((name, dict(x.streams)) for name, x in iterate_shards(path, names))
    else:
        yield from from_folder(path, names, STREAMS)


def _load(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path}: not a readable array of numbers ({error})") from None


def import_videos(
    source: Path,
    videos: Mapping[str, Video],
    out: Path,
    *,
    fps: float = 25.0,
    span: int = 16,
    hop: int = 16,
    order: Sequence[str] = STREAMS,
    names: Sequence[str] | None = None,
    strict: bool = False,
    progress: Progress = silent,
) -> list[Status]:
    """Write ready-made features as one shard per subset.

    Args:
        source: A folder of `.npy`, or a `.npy` object array.
        videos: Annotated videos; those without features, or whose length does not fit their duration, are set aside.
        out: Folder for the shards.
        fps: Frames a second that the features were made at.
        span: Frames that one snippet saw.
        hop: Frames from the first frame of one snippet to that of the next.
        order: Streams of joint arrays, from left to right.
        names: Which video each row of an object array is; none: the annotated videos in their order.
        strict: Raise an error for a video that would be set aside.
        progress: Called after each video of a subset.

    Returns:
        What became of each video.

    Raises:
        UserError: There is nothing at `source`, the names do not fit it, no video fits, or with `strict` one does not.
    """
    if not source.exists():
        raise UserError(f"{source}: no such file or folder")
    rows: dict[str, np.ndarray] = {}
    if not source.is_dir():
        array, listed = read_object_array(source), list(names or videos)
        if len(listed) != len(array):
            raise UserError(f"{source}: has {len(array)} videos but {len(listed)} names; give --names in its order")
        rows = dict(zip(listed, array, strict=True))

    def features_of(members: Iterable[str]) -> Iterator[tuple[str, VideoFeatures]]:
        for name, streams in from_folder(source, members, order) if source.is_dir() else from_rows(members):
            steps = len(next(iter(streams.values()))) if streams else 0
            frames = (steps - 1) * hop + span if steps else 0
            yield name, VideoFeatures(streams, videos[name].duration or frames / fps, frames, fps, span, hop / fps)

    def from_rows(members: Iterable[str]) -> Iterator[Named]:
        for name in members:
            there = name in rows
            yield name, split_streams(np.asarray(rows[name]), order, f"{source}: {name}") if there else {}

    about = {"imported": source.name, "fps": fps, "span": span, "hop": hop}
    statuses: list[Status] = []
    for subset in sorted({video.subset for video in videos.values()}):
        members = sorted(name for name, video in videos.items() if video.subset == subset)
        subset_statuses: list[Status] = []
        usable = _usable(features_of(each(members, progress)), source, strict, subset_statuses)
        write_shard(out / f"{subset}_00.h5", usable, about, subset_statuses)
        statuses += subset_statuses
    if not any(status.status == "ok" for status in statuses):
        raise UserError(f"{source}: fits no annotated video; the first problem: {statuses[0].reason}")
    return statuses


def _usable(
    features: Iterable[tuple[str, VideoFeatures]], source: Path, strict: bool, statuses: list[Status]
) -> Iterator[tuple[str, VideoFeatures]]:
    """Those of the videos that can be used; what became of each is appended to `statuses`."""
    for name, video in features:
        try:
            if not video.streams:
                raise UserError(f"{name}: no features in {source}")
            video.check(name)
        except UserError as error:
            if strict:
                raise
            statuses.append(Status(name, 0, "set aside", str(error)))
            continue
        statuses.append(Status(name, video.frames, "ok"))
        yield name, video
