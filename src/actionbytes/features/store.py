"""The feature store: HDF5 shards of a dataset, written video by video, read as packed rows.

A shard holds `/<video>/<stream>`, (T, D), for each stream, and of each video the attributes `duration` (s), `frames`,
`fps`, `span` (frames of a snippet), `hop_s` (s from one snippet to the next) and `complete`. Shards of version 0.1 call
the span `chunk`. The file's attributes are JSON: `recipe`, `made_with` (how to make features of a new video alike) and
`statuses` (what became of each video).
"""

import json
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from actionbytes.data.manifests import Status
from actionbytes.errors import UserError
from actionbytes.features.kinds import STREAMS, in_order
from actionbytes.files import whole


@dataclass(frozen=True)
class VideoFeatures:
    """Snippet features of one video.

    Attributes:
        streams: Stream name -> (T, D).
        duration: Seconds.
        frames: Number of frames after resampling.
        fps: Frames a second after resampling.
        span: Frames that one snippet sees.
        hop_s: Seconds from the start of one snippet to that of the next.
    """

    streams: Mapping[str, np.ndarray]
    duration: float
    frames: int
    fps: float
    span: int
    hop_s: float

    @property
    def hop(self) -> float:
        """Frames from the start of one snippet to that of the next."""
        return self.hop_s * self.fps

    def joint(self, streams: Sequence[str]) -> np.ndarray:
        """(T, sum D): `streams` side by side."""
        return np.concatenate([self.streams[stream] for stream in streams], axis=1)

    def check(self, name: str) -> None:
        """Raise UserError unless the streams agree in length and their snippets cover the duration.

        Args:
            name: Opens the error line.
        """
        lengths = {stream: len(x) for stream, x in self.streams.items()}
        if len(set(lengths.values())) != 1:
            raise UserError(f"{name}: the streams differ in length ({lengths}); extract both from the same frames")
        for stream, x in self.streams.items():
            if x.ndim != 2 or not len(x):
                raise UserError(f"{name}/{stream}: shape {x.shape}, but features are (snippets, dimensions), not empty")
            if not np.isfinite(x).all():
                raise UserError(f"{name}/{stream}: holds NaN or infinite values; extract this video again")
        steps = next(iter(lengths.values()))
        covered = (steps - 1) * self.hop_s + self.span / self.fps
        if abs(covered - self.duration) >= 2 * self.hop_s:
            raise UserError(
                f"{name}: {steps} snippets of {self.span} frames, one every {self.hop:g} frames at {self.fps:g} fps, "
                f"do not fit a duration of {self.duration:.2f} s; check the fps, span and hop of the features"
            )


@dataclass(frozen=True)
class PackedFeatures:
    """Features of many videos in one array, without padding.

    Attributes:
        names: N video ids.
        offsets: (N + 1,) row of each video's first snippet.
        rows: (sum T, D), streams side by side in the order of `streams`.
        hop_s: Seconds from the start of one snippet to that of the next.
        durations: (N,) seconds.
        streams: Streams that `rows` hold.
        set_aside: Video -> reason, of those asked for that could not be used when features were made.
    """

    names: list[str]
    offsets: np.ndarray
    rows: np.ndarray
    hop_s: float
    durations: np.ndarray
    streams: tuple[str, ...] = STREAMS
    set_aside: Mapping[str, str] = field(default_factory=dict)

    def video(self, i: int) -> np.ndarray:
        """(T, D) features of video `i`, a view."""
        return self.rows[self.offsets[i] : self.offsets[i + 1]]


def write_shard(
    path: Path,
    videos: Iterable[tuple[str, VideoFeatures]],
    recipe: Mapping,
    statuses: Sequence[Status] = (),
    made_with: Mapping | None = None,
) -> None:
    """Write a shard, whole or not at all.

    Args:
        path: The file; folders are made as needed.
        videos: (name, features) of each video, written as they come.
        recipe: What names the shard.
        statuses: What became of each video. It is read when all videos are written, so that a generator of videos may
            fill it.
        made_with: How to make features of a new video alike; none for imported features.

    Raises:
        UserError: Features of a video are impossible (see `VideoFeatures.check`).
    """
    with whole(path) as partial, h5py.File(partial, "w", track_order=False) as file:
        file.attrs["recipe"] = json.dumps(recipe, sort_keys=True)
        if made_with:
            file.attrs["made_with"] = json.dumps(made_with, sort_keys=True)
        for name, features in videos:
            features.check(name)
            group = file.create_group(name)
            for stream, x in features.streams.items():
                group.create_dataset(stream, data=x, track_times=False)
            group.attrs.update(
                duration=float(features.duration),
                frames=int(features.frames),
                fps=float(features.fps),
                span=int(features.span),
                hop_s=float(features.hop_s),
                complete=True,
            )
        file.attrs["statuses"] = json.dumps([asdict(status) for status in statuses])


def write_npy(folder: Path, videos: Iterable[tuple[str, VideoFeatures]]) -> None:
    """Write `folder/<stream>/<video>.npy`, each whole or absent."""
    for name, features in videos:
        features.check(name)
        for stream, x in features.streams.items():
            with whole(folder / stream / f"{name}.npy") as partial, partial.open("wb") as file:
                np.save(file, x)


def open_shard(path: Path) -> h5py.File:
    """Open a shard for reading; anything but a whole shard is a UserError."""
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise UserError(f"{path}: no such feature file") from None
    except OSError:
        raise UserError(f"{path}: not a readable HDF5 file; delete it and extract it again") from None
    if "recipe" not in file.attrs:
        file.close()
        raise UserError(f"{path}: an HDF5 file, but not a feature shard (it has no `recipe`)")
    return file


def read_statuses(file: h5py.File) -> list[Status]:
    """What became of each video that the shard was made from; empty where the shard does not say."""
    return [Status(**status) for status in json.loads(file.attrs.get("statuses", "[]"))]


def read_made_with(folder: Path | list[Path]) -> dict[str, Any] | None:
    """How the features of a folder (or list of shards) were made, as `MadeWith` has it; None for imported ones."""
    shards = folder if isinstance(folder, list) else shard_files(folder)
    with open_shard(shards[0]) as file:
        made_with = json.loads(file.attrs.get("made_with", "null"))
        return made_with and current_made_with(made_with)


def current_made_with(made_with: Mapping[str, Any]) -> dict[str, Any]:
    """What version 0.1 wrote about how features are made, in today's words; what is in these already stays as it is."""
    made_with = dict(made_with)
    if "extraction" in made_with:
        features = dict(made_with.pop("extraction"))
        features["span"] = features["hop"] = features.pop("chunk", 16)
        made_with["features"] = features
    weights = {
        stream: made_with.pop(key) for stream, key in (("rgb", "rgb"), ("flow", "flow_weights")) if key in made_with
    }
    return made_with | ({"weights": weights} if weights else {})


def read_video(file: h5py.File, name: str) -> VideoFeatures:
    """Read and check one video of an open shard.

    Raises:
        UserError: The video is incomplete, or its features are impossible.
    """
    group, geometry = file[name], _geometry(file, name)
    missing = [key for key in ("duration", "frames", "complete") if key not in group.attrs]
    if missing or not group.attrs["complete"]:
        raise UserError(
            f"{file.filename}: {name} is incomplete ({', '.join(missing) or 'unfinished'}); extract it again"
        )
    streams = {stream: group[stream][()] for stream in in_order(group)}
    duration, frames = float(group.attrs["duration"]), int(group.attrs["frames"])
    features = VideoFeatures(streams, duration, frames, geometry.fps, geometry.span, geometry.hop_s)
    features.check(f"{file.filename}: {name}")
    return features


def shard_files(folder: Path) -> list[Path]:
    """The shards of a feature folder (or the one shard that `folder` is), sorted."""
    if folder.is_file():
        return [folder]
    shards = sorted(folder.glob("*.h5"))
    if not shards:
        raise UserError(f"{folder}: no feature shards (*.h5); make them with `actionbytes features` or the workflow")
    return shards


def iterate_shards(folder: Path, names: Collection[str] | None = None) -> Iterator[tuple[str, VideoFeatures]]:
    """(name, features) of every video of every shard, or of `names` alone, in the order of the files and names."""
    for path in shard_files(folder):
        with open_shard(path) as file:
            for name in file:
                if names is None or name in names:
                    yield name, read_video(file, name)


def load_features(
    folder: Path | list[Path],
    names: Iterable[str] | None = None,
    streams: tuple[str, ...] | None = None,
    in_memory: int | None = None,
) -> PackedFeatures:
    """Load the shards of a folder as packed rows, sorted by video name.

    Args:
        folder: A folder of shards, one shard, or a list of shards.
        names: Videos to load; none: all. One that was set aside when features were made is left out, and its reason is
            in `set_aside` of the result.
        streams: Streams to load, side by side in this order; none: all that there are.
        in_memory: Bytes of features beyond which they lie in a temporary file and are mapped; none: half of the free
            memory.

    Returns:
        The features, as float16 or float32 as they are stored.

    Raises:
        UserError: A video is neither stored nor set aside, a shard is broken or lacks a stream, or the videos differ in
            dimensions or hop.
    """
    shards = shard_files(Path(folder)) if isinstance(folder, str | Path) else list(folder)
    asked = None if names is None else set(names)
    paths: dict[str, Path] = {}
    sizes: dict[str, _Size] = {}
    set_aside: dict[str, str] = {}
    for path in shards:
        with open_shard(path) as file:
            set_aside.update({s.video: s.reason for s in read_statuses(file) if s.status == "set aside"})
            for name in file:
                if asked is None or name in asked:
                    streams = streams or in_order(file[name])
                    paths[name], sizes[name] = path, _size(file, name, streams)
    files = ", ".join(str(path) for path in shards[:2])
    if asked is not None:
        set_aside = {name: reason for name, reason in set_aside.items() if name in asked}
        missing = sorted(asked - paths.keys() - set_aside.keys())
        if missing:
            raise UserError(
                f"no features of {len(missing)} videos, such as {missing[0]}, in {files}; extract them first"
            )
    if not paths or not streams:
        raise UserError(f"{files}: holds no features of the videos asked for")
    order = sorted(paths)
    first = sizes[order[0]]
    if len(shapes := {size.dims for size in sizes.values()}) > 1:
        raise UserError(f"{files}: mixes features of different sizes {sorted(shapes)}")
    if len(hops := {round(size.hop_s, 9) for size in sizes.values()}) > 1:
        raise UserError(f"{files}: mixes features of different hops {sorted(hops)} s")
    offsets = np.cumsum([0, *(sizes[name].length for name in order)])
    rows = _room((int(offsets[-1]), sum(first.dims)), first.dtype, in_memory)
    durations = np.empty(len(order))
    for path in dict.fromkeys(paths.values()):
        with open_shard(path) as file:
            for i, name in enumerate(order):
                if paths[name] == path:
                    video = read_video(file, name)
                    durations[i] = video.duration
                    rows[offsets[i] : offsets[i + 1]] = video.joint(streams)
    return PackedFeatures(order, offsets, rows, first.hop_s, durations, tuple(streams), set_aside)


class _Geometry(NamedTuple):
    """How snippets lie in a video: frames a second, frames of a snippet, seconds between snippets."""

    fps: float
    span: int
    hop_s: float


def _geometry(file: h5py.File, name: str) -> _Geometry:
    attributes = file[name].attrs
    span = "span" if "span" in attributes else "chunk"  # its name in version 0.1
    missing = [key for key in ("fps", span, "hop_s") if key not in attributes]
    if missing:
        raise UserError(f"{file.filename}: {name} is incomplete ({', '.join(missing)}); extract it again")
    return _Geometry(float(attributes["fps"]), int(attributes[span]), float(attributes["hop_s"]))


class _Size(NamedTuple):
    length: int
    dims: tuple[int, ...]
    dtype: np.dtype
    hop_s: float


def _size(file: h5py.File, name: str, streams: tuple[str, ...]) -> _Size:
    """What room a video needs, without reading its features."""
    group = file[name]
    for stream in streams:
        if stream not in group:
            has = ", ".join(in_order(group)) or "none"
            raise UserError(f"{file.filename}: {name}: has no {stream} stream; choose of those it has: {has}")
    arrays = [group[stream] for stream in streams]
    for stream, x in zip(streams, arrays, strict=True):
        if x.ndim != 2:
            raise UserError(f"{name}/{stream}: shape {x.shape}, but features are (snippets, dimensions), not empty")
    return _Size(arrays[0].shape[0], tuple(x.shape[1] for x in arrays), arrays[0].dtype, _geometry(file, name).hop_s)


def _room(shape: tuple[int, int], dtype: np.dtype, in_memory: int | None) -> np.ndarray:
    """An empty array: in memory, or mapped to a file that has no name and goes with the array."""
    most = in_memory if in_memory is not None else os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    if shape[0] * shape[1] * dtype.itemsize <= most:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="features-") as file:
        return np.memmap(file, dtype, "w+", shape=shape)


def stored_streams(folder: Path | list[Path]) -> tuple[str, ...]:
    """The streams that the shards of a folder (or a list of shard files) hold, by their first video."""
    for path in folder if isinstance(folder, list) else shard_files(folder):
        with open_shard(path) as file:
            for name in file:
                return in_order(file[name])
    raise UserError(f"{folder}: the shards hold no video")
