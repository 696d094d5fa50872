"""Ready-made features to shards: folders of `.npy`, or one W-TALC-style object array."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import numpy as np

from actionbytes.data.annotations import Video
from actionbytes.data.manifests import Status
from actionbytes.data.names import check_id, check_subset
from actionbytes.errors import UserError
from actionbytes.features.hdf5 import open_shard, video_names
from actionbytes.features.kinds import STREAMS
from actionbytes.features.npy import read_names, read_numbers
from actionbytes.features.packs import Item, read_pack
from actionbytes.features.store import (
    VideoFeatures,
    fill_shard,
    holds_videos,
    iterate_shards,
    shard_files,
)
from actionbytes.files import read_text, whole
from actionbytes.progress import Progress, each, silent

LOG = logging.getLogger(__name__)
ONE_STREAM = 1024  # columns of one stream of I3D: they may be one stream, and are not split unasked

Named = tuple[str, dict[str, np.ndarray]]
"""A video and its streams, (T, D) each; no streams where there are no features of it."""


class Misfit(Exception):
    """Features of one video that cannot be used: the video is set aside."""


def read_listed_names(path: Path) -> list[str]:
    """The order of an object array: a text file with one video a line, or a `.npy` file of names.

    Blank lines and an ending `.npy` are left out.

    Raises:
        UserError: The file cannot be read, or a name cannot name a video or is there twice.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file of names")
    with path.open("rb") as file:
        stored = file.read(6) == b"\x93NUMPY"
    lines = read_names(path) if stored else read_text(path).splitlines()
    names = [line.strip().removesuffix(".npy") for line in lines if line.strip()]
    for number, name in enumerate(names, 1):
        check_id(f"{path}, name {number}", name)
    _check_once(names, str(path))
    return names


def _check_once(names: Sequence[str], place: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UserError(f"{place}: names {name} twice; each row of the array is of another video")
        seen.add(name)


def split_streams(x: np.ndarray, order: Sequence[str] | None, name: str) -> dict[str, np.ndarray]:
    """Split a joint array into its streams.

    Args:
        x: (T, D), streams of equal width side by side.
        order: Names of the streams, from left to right; None: rgb and flow, unless that is a guess.
        name: Opens the error line.

    Raises:
        Misfit: The array does not split.
        UserError: Without `order`, the array may be a single stream.
    """
    if order is None and x.ndim == 2 and x.shape[1] == ONE_STREAM:
        raise UserError(
            f"{name}: has {ONE_STREAM} columns, as one stream of I3D has; say with --order rgb (or flow) which it is, "
            "or with --order rgb,flow that it holds two"
        )
    order = STREAMS if order is None else order
    if x.ndim != 2 or not x.size or x.shape[1] % len(order):
        raise Misfit(f"{name}: shape {x.shape} does not split into {len(order)} streams of (T, D) side by side")
    return dict(zip(order, np.split(x, len(order), axis=1), strict=True))


def from_folder(source: Path, name: str, order: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Streams of a video from `rgb/<video>.npy` and `flow/<video>.npy`, or from a joint `<video>.npy`.

    A file may also be called `v_<video>.npy`, as ActivityNet's videos are.

    Args:
        source: The folder.
        name: The video.
        order: See `split_streams`.

    Raises:
        Misfit: There are no features of the video, or they cannot be used.
    """
    folders = [stream for stream in STREAMS if (source / stream).is_dir()]
    paths = {stream: _file_of(source / stream, name) for stream in folders or [""]}
    missing = [stream for stream, path in paths.items() if path is None]
    if len(missing) == len(paths):
        raise Misfit(f"{name}: no features in {source}")
    if missing:
        raise Misfit(f"{name}: has no file in {source / missing[0]}, though other videos have one there")
    arrays = {stream: _load(path) for stream, path in paths.items() if path}
    return arrays if folders else split_streams(arrays[""], order, str(paths[""]))


def _file_of(folder: Path, name: str) -> Path | None:
    """The `.npy` file of a video, or None."""
    paths = (folder / f"{name}.npy", folder / f"v_{name}.npy")
    return next((path for path in paths if path.exists()), None)


def _load(path: Path) -> np.ndarray:
    try:
        return read_numbers(path)
    except UserError as error:
        raise Misfit(str(error)) from None


def stored_names(path: Path) -> set[str]:
    """Videos that have features at `path`: one shard, a folder of shards, or of `.npy` (rgb/ and flow/, or joint)."""
    if path.is_file() or any(path.glob("*.h5")):
        names = set()
        for shard in shard_files(path):
            with open_shard(shard) as file:
                names |= set(video_names(file))
    else:
        names = {file.stem for folder in (path, *(path / s for s in STREAMS)) for file in folder.glob("*.npy")}
    if not names:
        raise UserError(f"{path}: no features there: shards (*.h5), rgb/ and flow/ of .npy, or joint .npy")
    return names


def stored_features(path: Path, names: Collection[str]) -> Iterator[Named]:
    """Streams of some of the videos of `stored_names`, joint arrays split into rgb and flow.

    Raises:
        UserError: Features of a video cannot be used.
    """
    if path.is_file() or any(path.glob("*.h5")):
        yield from ((name, dict(x.streams)) for name, x in iterate_shards(path, names))
        return
    for name in names:
        try:
            yield name, from_folder(path, name)
        except Misfit as misfit:
            raise UserError(str(misfit)) from None


def import_videos(
    source: Path,
    videos: Mapping[str, Video],
    out: Path,
    *,
    fps: float = 25.0,
    span: int = 16,
    hop: int = 16,
    order: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    strict: bool = False,
    progress: Progress = silent,
) -> list[Status]:
    """Write ready-made features as one shard per subset.

    All shards are written before the first gets its name: an error leaves those that are there. Nor does a subset
    without any usable video take the place of a shard that has some.

    Args:
        source: A folder of `.npy`, or a `.npy` object array.
        videos: Annotated videos; those without features, or whose length does not fit their duration, are set aside.
        out: Folder for the shards.
        fps: Frames a second that the features were made at.
        span: Frames that one snippet saw.
        hop: Frames from the first frame of one snippet to that of the next.
        order: Streams of joint arrays, from left to right; None: rgb and flow, but an array that may be one stream
            alone is an error.
        names: Which video each row of an object array is; none: the annotated videos in their order.
        strict: Raise an error for a video that would be set aside.
        progress: Called after each video of a subset.

    Returns:
        What became of each video.

    Raises:
        UserError: There is nothing at `source`, a video or subset has an impossible name, the names do not fit, no
            video fits, or with `strict` one does not.
    """
    if not source.exists():
        raise UserError(f"{source}: no such file or folder")
    for name, video in videos.items():
        check_id(str(source), name)
        check_subset(f"{source}: {name}", video.subset)
    streams_of = partial(from_folder, source, order=order) if source.is_dir() else _pack(source, names, videos, order)
    about = {"imported": source.name, "fps": fps, "span": span, "hop": hop}
    statuses: list[Status] = []

    def usable(members: Sequence[str], statuses: list[Status]) -> Iterator[tuple[str, VideoFeatures]]:
        """Those of the videos that can be used; what became of each is appended to `statuses`."""
        for name in each(members, progress):
            try:
                streams = streams_of(name)
                frames = (len(next(iter(streams.values()))) - 1) * hop + span
                video = VideoFeatures(streams, videos[name].duration or frames / fps, frames, fps, span, hop / fps)
                _check_fit(name, video)
            except Misfit as misfit:
                if strict:
                    raise UserError(str(misfit)) from None
                statuses.append(Status(name, 0, "set aside", str(misfit)))
                continue
            statuses.append(Status(name, video.frames, "ok"))
            yield name, video

    with ExitStack() as written:
        for subset in sorted({video.subset for video in videos.values()}):
            members = sorted(name for name, video in videos.items() if video.subset == subset)
            of_subset: list[Status] = []
            path = out / f"{subset}_00.h5"
            with suppress(_NothingBetter), ExitStack() as being_written:
                unfinished = being_written.enter_context(whole(path))
                fill_shard(unfinished, usable(members, of_subset), about, of_subset)
                if not any(status.status == "ok" for status in of_subset) and holds_videos(path):
                    LOG.info("%s: stays as it was, for no video of %s could be used", path, subset)
                    raise _NothingBetter
                written.enter_context(being_written.pop_all())
            statuses += of_subset
        if not any(status.status == "ok" for status in statuses):
            raise UserError(f"{source}: fits no annotated video; the first problem: {statuses[0].reason}")
    return statuses


class _NothingBetter(Exception):
    """A shard without videos, that must not replace one that has some."""


def _check_fit(name: str, video: VideoFeatures) -> None:
    try:
        video.check(name)
    except UserError as error:
        raise Misfit(str(error)) from None


def _pack(
    source: Path, names: Sequence[str] | None, videos: Mapping[str, Video], order: Sequence[str] | None
) -> Callable[[str], dict[str, np.ndarray]]:
    """A function that gives the streams of a video from an object array, or raises Misfit."""
    items, listed = read_pack(source), list(names or videos)
    if len(listed) != len(items):
        raise UserError(f"{source}: has {len(items)} videos but {len(listed)} names; give --names in its order")
    _check_once(listed, "--names")
    rows: dict[str, Item] = dict(zip(listed, items, strict=True))

    def streams_of(name: str) -> dict[str, np.ndarray]:
        if name not in rows:
            raise Misfit(f"{name}: no features in {source}")
        item = rows[name]
        if not isinstance(item, np.ndarray):
            raise Misfit(f"{source}: {name}: is no array of numbers")
        return split_streams(item, order, f"{source}: {name}")

    return streams_of
