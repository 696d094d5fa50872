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
from actionbytes.data.names import check_id
from actionbytes.errors import UserError
from actionbytes.features.hdf5 import open_shard, read_note, read_statuses, stored_video, video_names
from actionbytes.features.kinds import STREAMS, in_order
from actionbytes.features.video_features import VideoFeatures
from actionbytes.files import whole


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
    with whole(path) as partial:
        fill_shard(partial, videos, recipe, statuses, made_with)


def fill_shard(
    path: Path,
    videos: Iterable[tuple[str, VideoFeatures]],
    recipe: Mapping,
    statuses: Sequence[Status] = (),
    made_with: Mapping | None = None,
) -> None:
    """Write a shard as `write_shard` does, but to a file that someone else names when all is well."""
    with h5py.File(path, "w", track_order=False) as file:
        file.attrs["recipe"] = json.dumps(recipe, sort_keys=True)
        if made_with:
            file.attrs["made_with"] = json.dumps(made_with, sort_keys=True)
        for name, features in videos:
            check_id(str(path), name)
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


def read_made_with(folder: Path | list[Path]) -> dict[str, Any] | None:
    """How the features of a folder (or list of shards) were made, as `MadeWith` has it; None for imported ones."""
    shards = folder if isinstance(folder, list) else shard_files(folder)
    with open_shard(shards[0]) as file:
        made_with = read_note(file, "made_with", dict)
        return made_with and current_made_with(made_with)


def read_video(file: h5py.File, name: str) -> VideoFeatures:
    """Read and check one video of an open shard.

    Raises:
        UserError: The video is incomplete, damaged or not stored in the file itself, or its features are impossible.
    """
    stored = stored_video(file, name)
    streams = {stream: stored.read(stream) for stream in in_order(stored.streams)}
    features = VideoFeatures(streams, stored.duration, stored.frames, stored.fps, stored.span, stored.hop_s)
    features.check(f"{file.filename}: {name}")
    return features


def holds_videos(path: Path) -> bool:
    """Whether `path` is a whole shard with videos in it."""
    if not path.is_file():
        return False
    try:
        with open_shard(path) as file:
            return bool(video_names(file))
    except UserError:
        return False


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
            for name in video_names(file):
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
        The features, in a type of floating point numbers that takes those of all videos and streams without a loss.

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
            for name in video_names(file):
                if asked is None or name in asked:
                    streams = streams or in_order(stored_video(file, name).streams)
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
    dtype = _type_for(dtype for size in sizes.values() for dtype in size.dtypes)
    rows = _room((int(offsets[-1]), sum(first.dims)), dtype, in_memory)
    durations = np.empty(len(order))
    for path in dict.fromkeys(paths.values()):
        with open_shard(path) as file:
            for i, name in enumerate(order):
                if paths[name] == path:
                    video = read_video(file, name)
                    durations[i] = video.duration
                    rows[offsets[i] : offsets[i + 1]] = video.joint(streams)
    return PackedFeatures(order, offsets, rows, first.hop_s, durations, tuple(streams), set_aside)


class _Size(NamedTuple):
    length: int
    dims: tuple[int, ...]
    dtypes: tuple[np.dtype, ...]
    hop_s: float


def _size(file: h5py.File, name: str, streams: tuple[str, ...]) -> _Size:
    """What room a video needs, without reading its features."""
    stored = stored_video(file, name)
    for stream in streams:
        if stream not in stored.streams:
            has = ", ".join(in_order(stored.streams)) or "none"
            raise UserError(
                f"{file.filename}: {name}: has no {stream} stream (it has: {has}); extract it again with that "
                "stream, leave it out of the annotations, or choose other streams where the method has a choice"
            )
    shapes = [stored.streams[stream].shape for stream in streams]
    return _Size(
        shapes[0][0],
        tuple(shape[1] for shape in shapes),
        tuple(stored.streams[stream].dtype for stream in streams),
        stored.hop_s,
    )


def _type_for(dtypes: Iterable[np.dtype]) -> np.dtype:
    """A type of floating point numbers that takes the numbers of all these types."""
    common = np.result_type(*set(dtypes))
    return common if common.kind == "f" else np.result_type(common, np.float32)


def _room(shape: tuple[int, int], dtype: np.dtype, in_memory: int | None) -> np.ndarray:
    """An empty array: in memory, or mapped to a file that has no name and goes with the array."""
    most = in_memory if in_memory is not None else os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    if shape[0] * shape[1] * dtype.itemsize <= most:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="features-") as file:
        return np.memmap(file, dtype, "w+", shape=shape)


def stored_columns(folder: Path | list[Path], names: Collection[str] | None = None) -> dict[str, int]:
    """The streams that videos of the shards of a folder (or a list of shard files) have, and how wide each is.

    Args:
        folder: The shards.
        names: Videos that count; none: all.
    """
    columns: dict[str, int] = {}
    for path in folder if isinstance(folder, list) else shard_files(folder):
        with open_shard(path) as file:
            for name in video_names(file):
                if names is None or name in names:
                    columns |= {stream: x.shape[1] for stream, x in stored_video(file, name).streams.items()}
    return {stream: columns[stream] for stream in in_order(columns)}
