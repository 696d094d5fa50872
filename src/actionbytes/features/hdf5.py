"""What is in a shard from anywhere: numbers stored in the file itself, of a size that the file bears out.

HDF5 can lead out of a file: by links to other files, by storage in other files, by datasets put together from those.
A shard needs none of this, so only groups and datasets that lie in it are followed. All that reads a shard comes here.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from actionbytes.data.manifests import Status
from actionbytes.errors import UserError

MAX_GROWTH = 100  # bytes in memory for a byte in the file; real features that are packed have about 2
SMALL = 1 << 20  # bytes that are never too many

DAMAGE = (KeyError, RuntimeError, TypeError, ValueError, AttributeError, OSError, OverflowError, MemoryError)

Note = TypeVar("Note", dict, list)


def open_shard(path: Path) -> h5py.File:
    """Open a shard for reading; anything but a whole shard is a UserError."""
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: is no file; name a feature shard")
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise UserError(f"{path}: no such feature file") from None
    except (OSError, RuntimeError, ValueError):
        raise UserError(f"{path}: not a readable HDF5 file; delete it and extract it again") from None
    try:
        with _told(file):
            if "recipe" not in file.attrs:
                raise UserError(f"{path}: an HDF5 file, but not a feature shard (it has no `recipe`)")
    except UserError:
        file.close()
        raise
    return file


def video_names(file: h5py.File) -> list[str]:
    """The videos of an open shard, sorted."""
    with _told(file):
        return list(file)


def read_note(file: h5py.File, name: str, kind: type[Note]) -> Note | None:
    """A JSON attribute of the file, which must be of `kind`; None where the file does not have it."""
    with _told(file):
        if name not in file.attrs:
            return None
        text = _attribute(file, name)
        note = json.loads(text) if isinstance(text, str | bytes) else text
    if note is not None and not isinstance(note, kind):
        raise UserError(f"{file.filename}: its attribute `{name}` is damaged; extract it again")
    return note


def read_statuses(file: h5py.File) -> list[Status]:
    """What became of each video that the shard was made from; empty where the shard does not say."""
    statuses = []
    for entry in read_note(file, "statuses", list) or []:
        with _told(file, "statuses"):
            status = Status(**entry)
            if not isinstance(status.frames, int) or not all(
                isinstance(text, str) for text in (status.video, status.status, status.reason)
            ):
                raise TypeError("a status is no text")
        statuses.append(status)
    return statuses


@dataclass(frozen=True)
class StoredVideo:
    """A video in an open shard, its features not read yet.

    Attributes:
        name: Opens errors: the file and the video.
        streams: Stream -> dataset (T, D).
        duration: Seconds.
        frames: Number of frames after resampling.
        fps: Frames a second after resampling.
        span: Frames that one snippet sees.
        hop_s: Seconds from the start of one snippet to that of the next.
    """

    name: str
    streams: Mapping[str, h5py.Dataset]
    duration: float
    frames: int
    fps: float
    span: int
    hop_s: float

    def read(self, stream: str) -> np.ndarray:
        """Features of a stream, (T, D), in the machine's byte order."""
        with _told(self.streams[stream].file, f"{self.name}/{stream}"):
            x = self.streams[stream][()]
            return x.astype(x.dtype.newbyteorder("="), copy=False)


def stored_video(file: h5py.File, name: str) -> StoredVideo:
    """Find one video of an open shard, and check all but its numbers.

    Raises:
        UserError: The video is incomplete or damaged, leads out of the file, or holds no numbers.
    """
    place = f"{file.filename}: {name}"
    with _told(file, name):
        group = _inside(file, name, place)
        if not isinstance(group, h5py.Group):
            raise UserError(f"{place}: is no group of feature streams; extract it again")
        span = "span" if "span" in group.attrs else "chunk"  # its name in version 0.1
        keys = ("duration", "frames", "fps", span, "hop_s", "complete")
        missing = [key for key in keys if key not in group.attrs]
        if missing or not bool(_attribute(group, "complete")):
            raise UserError(f"{place} is incomplete ({', '.join(missing) or 'unfinished'}); extract it again")
        numbers = {key: float(_attribute(group, key)) for key in keys[:-1]}
        return StoredVideo(
            name=place,
            streams={stream: _dataset(group, stream, f"{place}/{stream}") for stream in group},
            duration=numbers["duration"],
            frames=int(numbers["frames"]),
            fps=numbers["fps"],
            span=int(numbers[span]),
            hop_s=numbers["hop_s"],
        )


def _dataset(group: h5py.Group, stream: str, place: str) -> h5py.Dataset:
    """A dataset of numbers that lies in the file."""
    x = _inside(group, stream, place)
    if not isinstance(x, h5py.Dataset):
        raise UserError(f"{place}: is no array; extract it again")
    if x.external is not None or x.is_virtual:
        raise UserError(f"{place}: its numbers lie in other files, which a shard does not need; it is not read")
    if x.dtype.kind not in "fiu" or x.dtype.itemsize > 8:
        raise UserError(f"{place}: holds {x.dtype}, but features are plain numbers; extract this video again")
    if x.shape is None or len(x.shape) != 2 or not x.size:
        raise UserError(f"{place}: shape {x.shape}, but features are (snippets, dimensions), not empty")
    size, stored = x.size * x.dtype.itemsize, x.id.get_storage_size()
    if stored == 0 or size > max(SMALL, MAX_GROWTH * stored):
        raise UserError(f"{place}: claims {size} bytes, the file has {stored} of it; extract this video again")
    return x


def _inside(group: h5py.Group, name: str, place: str) -> Any:
    """What lies in the file under `name`."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise UserError(f"{place}: leads elsewhere by a link, which a shard does not need; it is not read")
    return group[name]


def _attribute(owner: h5py.File | h5py.Group, name: str) -> Any:
    """A single value; an attribute can be an array of any size."""
    if owner.attrs.get_id(name).shape != ():
        raise TypeError(f"the attribute {name} is no single value")
    return owner.attrs[name]


@contextmanager
def _told(file: h5py.File, part: str = "") -> Iterator[None]:
    """Whatever HDF5 and the parser of JSON say about damage, in one line."""
    try:
        yield
    except DAMAGE as error:
        problem = (str(error).splitlines() or [type(error).__name__])[0]
        place = f"{file.filename}: {part}" if part else file.filename
        raise UserError(f"{place}: is damaged ({problem:.100}); extract it again") from None
