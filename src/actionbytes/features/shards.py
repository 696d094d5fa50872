"""The three stages from videos to feature shards, each over one shard, each restartable.

A stage makes one file per video in `<out>.partial/`, atomically, and skips those that are there: whatever kills it, at
most one video's work is lost. When all are made, the folder gets its name (decode, flow) or is packed into one HDF5
shard (extract). A video that cannot be used is set aside in `status.csv` with the reason and stops nothing.
"""

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from actionbytes.data.manifests import Entry, Status, read_status
from actionbytes.features.extract import TooShort, video_features
from actionbytes.features.made_with import MadeWith
from actionbytes.features.store import iterate_shards, write_shard
from actionbytes.files import write_rows
from actionbytes.recipes import Recipe, plain
from actionbytes.video.clips import Clip, write_clip
from actionbytes.video.decode import BrokenVideo
from actionbytes.video.flow import flow_pairs, restored, stored
from actionbytes.video.isolated import IsolatedReader
from actionbytes.video.parameters import Decoding, Flow

Progress = Callable[[Iterable], Iterable]  # tqdm or nothing
STATUS = "status.csv"


def decode_shard(
    entries: Sequence[Entry], folder: Path, out: Path, decoding: Decoding, progress: Progress = iter
) -> None:
    """Decode the videos of a shard to lossless frames: `out/<video>.frames` and `out/status.csv`.

    folder: where the `file`s of the entries are. A damaged video keeps the frames that decode.
    """

    def one(entry: Entry, path: Path) -> Status:
        reader = IsolatedReader(folder / entry.file, decoding)
        write_clip(path, reader)
        if reader.frames < 16:
            path.unlink()
            raise BrokenVideo(f"has {reader.frames} frames at {decoding.fps:g} fps; one snippet needs 16")
        return Status(entry.video, reader.frames, reader.status, reader.reason)

    _each(entries, out, ".frames", one, progress)


def flow_shard(frames: Path, out: Path, flow: Flow, threads: int = 1, progress: Progress = iter) -> None:
    """TV-L1 flow of every decoded video: `out/<video>.flow`; `frames` is what `decode_shard` made."""

    def one(entry: Status, path: Path) -> Status:
        fields = flow_pairs(Clip(frames / f"{entry.video}.frames"), flow, threads)
        write_clip(path, (stored(field, flow) for field in fields))
        return entry

    _each(read_status(frames / STATUS), out, ".flow", one, progress)


def extract_shard(
    frames: Path, flows: Path, out: Path, made_with: MadeWith, recipe: Recipe, progress: Progress = iter
) -> None:
    """Feature shard `out` (HDF5) from what `decode_shard` and `flow_shard` made."""
    parts, streams = out.with_name(out.name + ".parts"), made_with.streams()
    fps, extraction = made_with.decoding.fps, made_with.extraction

    def one(entry: Status, path: Path) -> Status:
        fields = (restored(values, made_with.flow) for values in Clip(flows / f"{entry.video}.flow"))
        pairs = zip(Clip(frames / f"{entry.video}.frames"), fields, strict=True)
        try:
            features = video_features(pairs, *streams, fps, extraction)
        except TooShort as error:
            raise BrokenVideo(str(error)) from None
        write_shard(path, [(entry.video, features)], recipe.full)
        return entry

    _each(read_status(flows / STATUS), parts, ".h5", one, progress)
    statuses = read_status(parts / STATUS)
    made = [parts / f"{s.video}.h5" for s in statuses if s.status != "set aside"]
    write_shard(
        out, (video for path in made for video in iterate_shards(path)), recipe.full, statuses, plain(made_with)
    )
    shutil.rmtree(parts)


def _each(
    entries: Sequence[Entry | Status],
    out: Path,
    suffix: str,
    one: Callable[[Entry | Status, Path], Status],
    progress: Progress,
) -> None:
    """Make `out/<video><suffix>` for every entry by `one`, keeping what an interrupted run has made."""
    if (out / STATUS).exists():
        return
    partial = out.with_name(out.name + ".partial")
    notes = partial / "notes"  # one line per video that is done, so that a restart knows
    if not (partial / STATUS).exists():
        notes.mkdir(parents=True, exist_ok=True)
        statuses = []
        for entry in progress(entries):
            note = notes / f"{entry.video}.csv"
            if not note.exists():
                write_rows(note, [_guarded(one, entry, partial / (entry.video + suffix))], Status)
            statuses += read_status(note)
        write_rows(partial / STATUS, statuses, Status)
    shutil.rmtree(notes, ignore_errors=True)
    partial.rename(out)


def _guarded(one: Callable, entry: Entry | Status, path: Path) -> Status:
    """What `one` makes of an entry; a video set aside before stays so, a broken one is set aside now."""
    if isinstance(entry, Status) and entry.status == "set aside":
        return entry
    try:
        return one(entry, path)
    except BrokenVideo as error:
        return Status(entry.video, 0, "set aside", str(error))
