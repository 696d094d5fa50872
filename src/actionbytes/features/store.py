"""The feature store: HDF5 shards of a dataset, written video by video, read as packed rows.

A shard holds `/<video>/rgb` and `/<video>/flow`, (T, D) each, with the attributes `duration`, `frames`, `fps`, `chunk`,
`hop_s` and `complete`; the file's attributes are `recipe` (JSON) and `statuses` (JSON: what became of each video).
"""

import json
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from actionbytes.data.manifests import Status
from actionbytes.errors import UserError
from actionbytes.features.kinds import STREAMS


@dataclass(frozen=True)
class VideoFeatures:
    """Snippet features of one video.

    streams: stream name -> (T, D); fps: frames per second after resampling; chunk: frames per snippet;
    duration: seconds; frames: number of frames after resampling.
    """

    streams: Mapping[str, np.ndarray]
    duration: float
    frames: int
    fps: float
    chunk: int

    @property
    def hop_s(self) -> float:
        """Seconds from one snippet to the next."""
        return self.chunk / self.fps

    def joint(self, streams: Sequence[str] = STREAMS) -> np.ndarray:
        """(T, sum D): `streams` side by side."""
        return np.concatenate([self.streams[stream] for stream in streams], axis=1)

    def check(self, name: str) -> None:
        """Raise UserError unless the streams agree in length and the length agrees with the duration."""
        lengths = {stream: len(x) for stream, x in self.streams.items()}
        if len(set(lengths.values())) != 1:
            raise UserError(f"{name}: the streams differ in length ({lengths}); extract both from the same frames")
        for stream, x in self.streams.items():
            if x.ndim != 2 or not len(x):
                raise UserError(f"{name}/{stream}: shape {x.shape}, but features are (snippets, dimensions), not empty")
            if not np.isfinite(x).all():
                raise UserError(f"{name}/{stream}: holds NaN or infinite values; extract this video again")
        steps = next(iter(lengths.values()))
        if abs(steps * self.hop_s - self.duration) >= 2 * self.hop_s:
            raise UserError(
                f"{name}: {steps} snippets of {self.hop_s:.3g} s do not fit a duration of {self.duration:.2f} s; "
                "check the fps and the chunk length that the features were made with"
            )


@dataclass(frozen=True)
class PackedFeatures:
    """Features of many videos in one array, without padding.

    names: N video ids; offsets: (N + 1,) row of each video's first snippet; rows: (sum T, D), streams side by side in
    the order of `streams`; durations: (N,) seconds; hop_s: seconds between snippets; set_aside: video -> reason.
    """

    names: list[str]
    offsets: np.ndarray
    rows: np.ndarray
    hop_s: float
    durations: np.ndarray
    streams: tuple[str, ...] = STREAMS
    set_aside: Mapping[str, str] | None = None

    @property
    def lengths(self) -> np.ndarray:
        """(N,) snippets of each video."""
        return np.diff(self.offsets)

    def video(self, i: int) -> np.ndarray:
        """(T, D) features of video `i`, a view."""
        return self.rows[self.offsets[i] : self.offsets[i + 1]]

    def subset(self, names: Iterable[str]) -> "PackedFeatures":
        """The features of `names` alone, in that order."""
        index = {name: i for i, name in enumerate(self.names)}
        picked = [index[name] for name in names]
        videos = [self.video(i) for i in picked]
        return PackedFeatures(
            [self.names[i] for i in picked],
            np.cumsum([0, *map(len, videos)]),
            np.concatenate(videos) if videos else self.rows[:0],
            self.hop_s,
            self.durations[picked],
            self.streams,
            self.set_aside,
        )


def write_shard(
    path: Path,
    videos: Iterable[tuple[str, VideoFeatures]],
    recipe: Mapping,
    statuses: Sequence[Status] = (),
    made_with: Mapping | None = None,
) -> None:
    """Write a whole shard, or nothing: the file appears under its name only when it is complete.

    recipe: what names it; statuses: what became of each video; made_with: how to make features of a new video alike.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with h5py.File(partial, "w", track_order=False) as file:
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
                chunk=int(features.chunk),
                hop_s=float(features.hop_s),
                complete=True,
            )
        # last, because `videos` may be a generator that learns on its way what becomes of each
        file.attrs["statuses"] = json.dumps([asdict(status) for status in statuses])
    partial.replace(path)


def write_npy(folder: Path, videos: Iterable[tuple[str, VideoFeatures]]) -> None:
    """Write `folder/<stream>/<video>.npy`, each whole or absent."""
    for name, features in videos:
        features.check(name)
        for stream, x in features.streams.items():
            (folder / stream).mkdir(parents=True, exist_ok=True)
            partial = folder / stream / f"{name}.partial.npy"
            np.save(partial, x)
            partial.replace(folder / stream / f"{name}.npy")


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


def read_made_with(folder: Path | list[Path]) -> dict | None:
    """How the features of a folder (or list of shards) were made; none for imported ones."""
    shards = folder if isinstance(folder, list) else shard_files(folder)
    with open_shard(shards[0]) as file:
        return json.loads(file.attrs.get("made_with", "null"))


def read_video(file: h5py.File, name: str) -> VideoFeatures:
    """Read and check one video of an open shard."""
    group = file[name]
    needed = ("duration", "frames", "fps", "chunk", "complete")
    missing = [key for key in needed if key not in group.attrs]
    if missing or not group.attrs["complete"]:
        raise UserError(
            f"{file.filename}: {name} is incomplete ({', '.join(missing) or 'unfinished'}); extract it again"
        )
    attributes = group.attrs
    streams = {stream: group[stream][()] for stream in STREAMS if stream in group}
    duration, frames, fps = float(attributes["duration"]), int(attributes["frames"]), float(attributes["fps"])
    features = VideoFeatures(streams, duration, frames, fps, int(attributes["chunk"]))
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
    streams: tuple[str, ...] = STREAMS,
    in_memory: int | None = None,
) -> PackedFeatures:
    """Load the shards of a folder (or a list of shard files) into packed rows, sorted by video name.

    names: the videos wanted; one that is neither stored nor set aside is a UserError. One that was set aside when the
    features were made is left out, and its reason is in `set_aside`. rows keep the stored type (float16 or float32);
    more than `in_memory` bytes of them (by default half of what is free) lie in a temporary file and are mapped.
    """
    shards = shard_files(Path(folder)) if isinstance(folder, str | Path) else list(folder)
    wanted = None if names is None else set(names)
    where, found, set_aside = ", ".join(str(p) for p in shards[:2]), {}, {}
    for path in shards:
        with open_shard(path) as file:
            set_aside.update({s.video: s.reason for s in read_statuses(file) if s.status == "set aside"})
            found.update(
                {name: (path, _size(file, name, streams)) for name in file if wanted is None or name in wanted}
            )
    if wanted is not None:
        set_aside = {name: reason for name, reason in set_aside.items() if name in wanted}
        lost = sorted(wanted - found.keys() - set_aside.keys())
        if lost:
            raise UserError(f"no features of {len(lost)} videos, such as {lost[0]}, in {where}; extract them first")
    if not found:
        raise UserError(f"{where}: holds no features of the videos asked for")
    order = sorted(found)
    sizes = [found[name][1] for name in order]
    shapes, hops = {size.dims for size in sizes}, {round(size.hop_s, 9) for size in sizes}
    if len(shapes) > 1 or len(hops) > 1:
        raise UserError(f"{where}: mixes features of different sizes {sorted(shapes)} or hops {sorted(hops)} s")
    offsets = np.cumsum([0, *(size.length for size in sizes)])
    rows = _room((int(offsets[-1]), sum(shapes.pop())), sizes[0].dtype, in_memory)
    durations = np.empty(len(order))
    for path in dict.fromkeys(path for path, _ in found.values()):
        with open_shard(path) as file:
            for i, name in enumerate(order):
                if found[name][0] == path:
                    video = read_video(file, name)
                    durations[i] = video.duration
                    rows[offsets[i] : offsets[i + 1]] = video.joint(streams)
    return PackedFeatures(order, offsets, rows, sizes[0].hop_s, durations, tuple(streams), set_aside)


class _Size(NamedTuple):
    length: int
    dims: tuple[int, ...]
    dtype: np.dtype
    hop_s: float


def _size(file: h5py.File, name: str, streams: tuple[str, ...]) -> _Size:
    """What room a video needs, without reading its features."""
    group = file[name]
    stored = [stream for stream in STREAMS if stream in group]
    for stream in streams:
        if stream not in stored:
            raise UserError(f"{name}: has no {stream} stream; choose the streams it has: {stored}")
    for key in ("fps", "chunk"):
        if key not in group.attrs:
            raise UserError(f"{file.filename}: {name} is incomplete ({key}); extract it again")
    arrays = [group[stream] for stream in streams]
    for stream, x in zip(streams, arrays, strict=True):
        if x.ndim != 2:
            raise UserError(f"{name}/{stream}: shape {x.shape}, but features are (snippets, dimensions), not empty")
    hop_s = float(group.attrs["chunk"]) / float(group.attrs["fps"])
    return _Size(arrays[0].shape[0], tuple(x.shape[1] for x in arrays), arrays[0].dtype, hop_s)


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
                return tuple(stream for stream in STREAMS if stream in file[name])
    raise UserError(f"{folder}: the shards hold no video")
