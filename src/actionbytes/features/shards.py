"""The three stages from videos to feature shards, each over one shard, each restartable.

A stage makes one file per video in `<out>.partial/`, whole or not at all, and skips those that are there: a kill loses
the work on one video at most. When all are made, the folder gets its name (decode, flow) or is packed into one HDF5
shard (extract). A video that cannot be used is set aside in `status.csv` with the reason and stops nothing.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from actionbytes.data.manifests import Entry, Status, read_status
from actionbytes.features.extract import TooShort, video_features
from actionbytes.features.made_with import MadeWith
from actionbytes.features.store import iterate_shards, write_shard
from actionbytes.files import write_rows
from actionbytes.progress import Progress, each, silent
from actionbytes.recipes import Recipe, plain
from actionbytes.video.clips import Clip, write_clip
from actionbytes.video.decode import BrokenVideo
from actionbytes.video.flow import flow_pairs, restored, stored
from actionbytes.video.isolated import IsolatedReader
from actionbytes.video.parameters import Decoding, Flow

STATUS = "status.csv"


def decode_shard(
    entries: Sequence[Entry], folder: Path, out: Path, decoding: Decoding, progress: Progress = silent
) -> None:
    """Decode the videos of a shard to lossless frames: `out/<video>.frames` and `out/status.csv`.

    A damaged video keeps the frames that decode.

    Args:
        entries: The videos.
        folder: Folder that their `file`s are relative to.
        out: Folder to make.
        decoding: Frame rate and size.
        progress: Called after each video.
    """

    def decode(entry: Entry, path: Path) -> Status:
        reader = IsolatedReader(folder / entry.file, decoding)
        write_clip(path, reader)
        return Status(entry.video, reader.frames, reader.status, reader.reason)

    _each(entries, out, ".frames", decode, progress)


def flow_shard(frames: Path, out: Path, flow: Flow, threads: int = 1, progress: Progress = silent) -> None:
    """Optical flow of every decoded video: `out/<video>.flow` and `out/status.csv`.

    Args:
        frames: What `decode_shard` made.
        out: Folder to make.
        flow: Algorithm and its parameters.
        threads: Pairs of frames at a time; the values do not depend on it.
        progress: Called after each video.
    """

    def compute(decoded: Status, path: Path) -> Status:
        fields = flow_pairs(Clip(frames / f"{decoded.video}.frames"), flow, threads)
        write_clip(path, (stored(field, flow) for field in fields))
        return decoded

    _each(read_status(frames / STATUS), out, ".flow", compute, progress)


def extract_shard(
    frames: Path | None,
    flows: Path | None,
    out: Path,
    made_with: MadeWith,
    recipe: Recipe,
    progress: Progress = silent,
) -> None:
    """Feature shard from decoded frames and flow.

    Args:
        frames: What `decode_shard` made; None where no stream sees frames.
        flows: What `flow_shard` made; None where no stream sees flow.
        out: The HDF5 file to make.
        made_with: Streams, snippets and weights.
        recipe: What names the shard.
        progress: Called after each video.
    """
    parts, networks = out.with_name(out.name + ".parts"), made_with.streams()
    fps, kind = made_with.decoding.fps, made_with.features
    folders = {"rgb": frames, "flow": flows}
    seen = {stream: folder for stream in kind.streams if (folder := folders[stream])}
    if missing := [stream for stream in kind.streams if stream not in seen]:
        raise ValueError(f"the {missing[0]} stream sees pixels that are not given")

    def pixels(stream: str, video: str) -> Iterator[np.ndarray]:
        if stream == "rgb":
            yield from Clip(seen[stream] / f"{video}.frames")
        else:
            yield from (restored(field, made_with.flow) for field in Clip(seen[stream] / f"{video}.flow"))

    def extract(decoded: Status, path: Path) -> Status:
        instants = zip(*(pixels(stream, decoded.video) for stream in kind.streams), strict=True)
        try:
            features = video_features(instants, networks, fps, kind)
        except TooShort as error:
            raise BrokenVideo(str(error)) from None
        write_shard(path, [(decoded.video, features)], recipe.full)
        return decoded

    decoded = read_status(seen[kind.streams[-1]] / STATUS)
    _each(decoded, parts, ".h5", extract, progress)
    statuses = read_status(parts / STATUS)
    paths = [parts / f"{s.video}.h5" for s in statuses if s.status != "set aside"]
    _remove_unfinished(out.parent, f".{out.name}.*.part")
    write_shard(
        out, (video for path in paths for video in iterate_shards(path)), recipe.full, statuses, plain(made_with)
    )
    shutil.rmtree(parts)


Item = TypeVar("Item", Entry, Status)


def _each(
    items: Sequence[Item], out: Path, suffix: str, make: Callable[[Item, Path], Status], progress: Progress
) -> None:
    """Make `out/<video><suffix>` for every video by `make`, keeping what an interrupted run has made."""
    if (out / STATUS).exists():
        return
    partial = out.with_name(out.name + ".partial")
    notes = partial / "notes"  # one line per video that is done, so that a restart skips it
    if not (partial / STATUS).exists():
        notes.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(partial, ".*.part")
        statuses = []
        for item in each(items, progress):
            note = notes / f"{item.video}.csv"
            if not note.exists():
                write_rows(note, [_guarded(make, item, partial / (item.video + suffix))], Status)
            statuses += read_status(note)
        write_rows(partial / STATUS, statuses, Status)
    shutil.rmtree(notes, ignore_errors=True)
    _remove_unfinished(partial, ".*.part")
    partial.rename(out)


def _guarded(make: Callable[[Item, Path], Status], item: Item, path: Path) -> Status:
    """What `make` says of a video; one set aside before stays so, a broken one is set aside now."""
    if isinstance(item, Status) and item.status == "set aside":
        return item
    try:
        return make(item, path)
    except BrokenVideo as error:
        return Status(item.video, 0, "set aside", str(error))


def _remove_unfinished(folder: Path, pattern: str) -> None:
    """Remove files that a killed process has not finished; a shard is made by one process at a time."""
    for path in folder.glob(pattern):
        path.unlink()
