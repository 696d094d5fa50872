"""Features of video files, each kept on the disk as soon as it is finished, so that a second call goes on.

Beside the file that a command makes lies, while it works, the folder `.<name>.videos` with one shard per finished
video. A shard there counts only if it is of the same recipe, device and content of the file; it is removed when the
command's own file is written. What cannot be used is judged anew by each call.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

from actionbytes.data.manifests import Status
from actionbytes.errors import UserError
from actionbytes.features.extract import stream_features
from actionbytes.features.made_with import MadeWith
from actionbytes.features.store import VideoFeatures, open_shard, read_statuses, read_video, write_npy, write_shard
from actionbytes.files import file_digest
from actionbytes.progress import Progress, each, silent
from actionbytes.recipes import plain

LOCK = "lock"


@dataclass(frozen=True)
class Outcome:
    """What became of one video file.

    Attributes:
        path: The file.
        status: In words; its video is the name of the file without the ending.
        features: The features; None where it is set aside.
    """

    path: Path
    status: Status
    features: VideoFeatures | None


class Unfinished:
    """The finished videos of a command that is not finished itself.

    Attributes:
        out: What the command makes.
        folder: Where they lie.
    """

    def __init__(self, out: Path) -> None:
        self.out, self.folder = out, out.with_name(f".{out.name}.videos")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from the folder during the block; removes it afterwards if nothing is in it.

        Raises:
            UserError: Another process holds it, or it cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise UserError(f"{self.folder}: cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise UserError(f"{self.folder}: another process is making this; wait for it") from None
        try:
            for folder, pattern in ((self.folder, ".*.part"), (self.folder.parent, f".{escape(self.out.name)}.*.part")):
                for path in folder.glob(pattern):  # what a killed process has left
                    path.unlink(missing_ok=True)
            yield
        finally:
            with suppress(OSError):
                if [path.name for path in self.folder.iterdir()] == [LOCK]:
                    (self.folder / LOCK).unlink()
                    self.folder.rmdir()
            os.close(descriptor)

    def read(self, video: str, recipe: dict[str, Any]) -> tuple[Status, VideoFeatures] | None:
        """The features of a finished video, if they are of this recipe."""
        path = self.folder / f"{video}.h5"
        if not path.is_file():
            return None
        try:
            with open_shard(path) as file:
                if file.attrs["recipe"] != json.dumps(recipe, sort_keys=True):
                    return None
                return read_statuses(file)[0], read_video(file, video)
        except (UserError, IndexError):  # not whole: it is made again
            return None

    def all(self, recipes: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, VideoFeatures]]:
        """The features of finished videos, which are given by name with their recipes."""
        for video, recipe in recipes.items():
            if not (kept := self.read(video, recipe)):
                raise UserError(f"{self.folder}: {video} was finished and is gone now; call again")
            yield video, kept[1]

    def keep(self, status: Status, features: VideoFeatures, recipe: dict[str, Any]) -> None:
        """Keep a finished video."""
        write_shard(self.folder / f"{status.video}.h5", [(status.video, features)], recipe, [status])

    def discard(self, videos: Iterable[str]) -> None:
        """Remove what was kept of these videos."""
        for video in videos:
            (self.folder / f"{video}.h5").unlink(missing_ok=True)


def _recipe(made_with: MadeWith, device: str, digest: str) -> dict[str, Any]:
    """What the shard of a finished video must be made from to count."""
    return {"made_with": plain(made_with), "device": device, "sha256": digest}


def digest_or_none(path: Path) -> str:
    """SHA-256 of a file; empty where it cannot be read, which is said when it is decoded."""
    try:
        return file_digest(path)
    except UserError:
        return ""


def kept_features(
    paths: Sequence[Path],
    digests: Sequence[str],
    made_with: MadeWith,
    device: str,
    threads: int,
    unfinished: Unfinished | None,
    progress: Progress = silent,
) -> Iterator[Outcome]:
    """Features of video files in their order, taken from what is kept or made now.

    Args:
        paths: The files; their names without the ending are the videos.
        digests: SHA-256 of each file; empty where it cannot be read.
        made_with: How to make the features.
        device: What to compute on.
        threads: Pairs of frames whose flow is computed at a time.
        unfinished: Where finished videos are kept; None: nowhere.
        progress: Called after each video.
    """
    recipes = [_recipe(made_with, device, digest) for digest in digests]

    def there(path: Path, recipe: dict[str, Any]) -> tuple[Status, VideoFeatures] | None:
        return unfinished.read(path.stem, recipe) if unfinished and recipe["sha256"] else None

    missing = [path for path, recipe in zip(paths, recipes, strict=True) if not there(path, recipe)]
    networks = made_with.streams(device) if missing else {}
    with closing(stream_features(missing, made_with, networks, threads, device)) as made:
        for path, recipe in zip(each(paths, progress), recipes, strict=True):
            if path not in missing:
                kept = there(path, recipe)
                assert kept, "what was there at the beginning is held by this process"
                yield Outcome(path, *kept)
                continue
            streamed = next(made)
            if streamed.features is None:
                yield Outcome(path, Status(path.stem, 0, "set aside", str(streamed.broken)), None)
                continue
            reader, features = streamed.reader, streamed.features
            status = Status(path.stem, features.frames, reader.status, reader.reason)
            if unfinished:
                unfinished.keep(status, features, recipe)
            yield Outcome(path, status, features)


def write_features(
    paths: Sequence[Path],
    out: Path,
    made_with: MadeWith,
    device: str,
    threads: int,
    strict: bool = False,
    progress: Progress = silent,
) -> list[Status]:
    """Write the features of video files as one shard (`.h5`) or as a folder of `<stream>/<video>.npy`.

    A shard that is there already is not touched: if it is what would be made, it is done; else it is an error.

    Args:
        paths: The files; their names without the ending are the videos.
        out: The shard or folder.
        made_with: How to make the features.
        device: What to compute on.
        threads: Pairs of frames whose flow is computed at a time.
        strict: A video that cannot be used is an error.
        progress: Called after each video.

    Returns:
        What became of each video.

    Raises:
        UserError: `out` holds something else or cannot be written, no video can be used, or with `strict` one cannot.
    """
    digests = [digest_or_none(path) for path in paths]
    names = [path.stem for path in paths]
    recipe = {"made_with": plain(made_with), "videos": dict(zip(names, digests, strict=True))}
    shard = out.suffix == ".h5"
    if shard and out.exists():
        return _finished(out, recipe)
    unfinished, statuses = Unfinished(out), []
    with unfinished.held():
        for outcome in kept_features(paths, digests, made_with, device, threads, unfinished, progress):
            if strict and outcome.features is None:
                raise UserError(outcome.status.reason)
            if outcome.features and not shard:
                write_npy(out, [(outcome.path.stem, outcome.features)])
            statuses.append(outcome.status)
        used = [
            (path, digest) for path, digest, status in zip(paths, digests, statuses, strict=True) if _usable(status)
        ]
        if not used:
            raise UserError(f"no video could be used; the first problem: {statuses[0].reason}")
        if shard:
            finished = unfinished.all({path.stem: _recipe(made_with, device, digest) for path, digest in used})
            write_shard(out, finished, recipe, statuses, plain(made_with))
        unfinished.discard(names)
    return statuses


def _usable(status: Status) -> bool:
    return status.status != "set aside"


def _finished(out: Path, recipe: dict[str, Any]) -> list[Status]:
    """What became of the videos of a shard that is there, if it is of this recipe; a UserError if it is not."""
    with open_shard(out) as file:
        stored = json.loads(file.attrs["recipe"])
        if stored == json.loads(json.dumps(recipe)):
            return read_statuses(file)
        videos = set(stored.get("videos", file)) if isinstance(stored, dict) else set(file)
    apart = "other videos" if videos != set(recipe["videos"]) else "videos or settings that have changed since"
    raise UserError(f"{out}: is there already, with features of {apart}; name another file, or delete it first")
