"""Ready-made features to shards: folders of `.npy`, or one W-TALC-style object array.

Object arrays are pickles. They are read by an unpickler that knows NumPy's arrays and nothing else, so that a file
from a stranger cannot run code.
"""

import pickle
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from actionbytes.data.annotations import Video
from actionbytes.data.manifests import Status
from actionbytes.errors import UserError
from actionbytes.features.kinds import STREAMS
from actionbytes.features.store import VideoFeatures, iterate_shards, open_shard, shard_files, write_shard

ALLOWED = {
    (module, name)
    for core in ("numpy.core", "numpy._core")
    for module, name in ((f"{core}.multiarray", "_reconstruct"), (f"{core}.numeric", "_frombuffer"))
} | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}


Named = tuple[str, dict[str, np.ndarray]]  # a video and its streams


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles NumPy arrays; anything else in the stream is an error before it is made."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise UserError(f"the array file asks for {module}.{name}, which no array needs; it is not read")
        return super().find_class(module, name)


def read_object_array(path: Path) -> np.ndarray:
    """A one-dimensional object array of (T, D) arrays, as W-TALC-style packs have."""
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
    """(T, D) into equal streams side by side, in `order`."""
    if x.ndim != 2 or x.shape[1] % len(order):
        raise UserError(f"{name}: shape {x.shape} does not split into {len(order)} streams of (T, D) side by side")
    return dict(zip(order, np.split(x, len(order), axis=1), strict=True))


def from_folder(source: Path, names: Iterable[str], order: Sequence[str]) -> Iterator[Named]:
    """Streams of each video from `rgb/<video>.npy` and `flow/<video>.npy`, or from joint `<video>.npy`."""
    apart = [stream for stream in STREAMS if (source / stream).is_dir()]
    for name in names:
        if apart:
            streams = {s: _load(source / s / f"{name}.npy") for s in apart if (source / s / f"{name}.npy").is_file()}
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
    chunk: int = 16,
    order: Sequence[str] = STREAMS,
    names: Sequence[str] | None = None,
    strict: bool = False,
    progress: Callable[[Sequence], Iterable] = iter,
) -> list[Status]:
    """Write one shard per subset into `out`; what each video became is returned.

    source: a folder of `.npy`, or a `.npy` object array; names: which video each of its rows is (default: the order of
    the annotations). A video without features, or whose length does not fit its duration at `fps` and `chunk`, is set
    aside, or with `strict` is a UserError.
    """
    if not source.exists():
        raise UserError(f"{source}: no such file or folder")
    rows: dict[str, np.ndarray] = {}
    if not source.is_dir():
        array, listed = read_object_array(source), list(names or videos)
        if len(listed) != len(array):
            raise UserError(f"{source}: has {len(array)} videos but {len(listed)} names; give --names in its order")
        rows = dict(zip(listed, array, strict=True))

    def found(wanted: Iterable[str]) -> Iterator[Named]:
        if source.is_dir():
            yield from from_folder(source, wanted, order)
            return
        for name in wanted:
            known = name in rows
            yield name, split_streams(np.asarray(rows[name]), order, f"{source}: {name}") if known else {}

    statuses = []
    for subset in sorted({video.subset for video in videos.values()}):
        wanted = sorted(name for name, video in videos.items() if video.subset == subset)
        statuses += _import_subset(subset, found(progress(wanted)), videos, out, fps, chunk, strict, source)
    if not any(status.status == "ok" for status in statuses):
        raise UserError(f"{source}: fits no annotated video; the first problem: {statuses[0].reason}")
    return statuses


def _import_subset(
    subset: str,
    found: Iterable[tuple[str, dict[str, np.ndarray]]],
    videos: Mapping[str, Video],
    out: Path,
    fps: float,
    chunk: int,
    strict: bool,
    source: Path,
) -> list[Status]:
    statuses: list[Status] = []

    def usable() -> Iterator[tuple[str, VideoFeatures]]:
        for name, streams in found:
            steps = len(next(iter(streams.values()))) if streams else 0
            duration = videos[name].duration or steps * chunk / fps
            features = VideoFeatures(streams, duration, steps * chunk, fps, chunk)
            try:
                if not streams:
                    raise UserError(f"{name}: no features in {source}")
                features.check(name)
            except UserError as error:
                if strict:
                    raise
                statuses.append(Status(name, 0, "set aside", str(error)))
                continue
            statuses.append(Status(name, steps * chunk, "ok"))
            yield name, features

    about = {"imported": str(source.name), "fps": fps, "chunk": chunk}
    write_shard(out / f"{subset}_00.h5", usable(), about, statuses)
    return statuses
