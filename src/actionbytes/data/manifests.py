"""Manifests: which videos a dataset has (`videos.csv`), and how they are dealt into shards."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from actionbytes.errors import UserError
from actionbytes.files import read_csv

VIDEO_SUFFIXES = {".mp4", ".mkv", ".avi", ".mov", ".webm", ".mpg", ".mpeg", ".m4v", ".wmv", ".flv", ".ts"}


@dataclass(frozen=True)
class Entry:
    """One row of `videos.csv`: a video, its subset and its file (relative to the folder of the CSV)."""

    video: str
    subset: str
    file: str
    sha256: str = ""


@dataclass(frozen=True)
class Status:
    """What became of a video: `ok`, `damaged` (what decoded is kept) or `set aside`, with the reason."""

    video: str
    frames: int
    status: str
    reason: str = ""


def read_manifest(path: Path) -> list[Entry]:
    """Read `videos.csv`; further columns are ignored. Names and files that could leave the folder are errors."""
    rows = read_csv(path, ("video", "subset", "file"))
    entries = []
    for number, row in enumerate(rows, 2):
        entry = Entry(row["video"], row["subset"], row["file"], row.get("sha256") or "")
        if not entry.video or "/" in entry.video or entry.video.startswith("."):
            raise UserError(f"{path}, line {number}: {entry.video!r} cannot name a video (no '/', no leading dot)")
        if PurePosixPath(entry.file).is_absolute():
            raise UserError(f"{path}, line {number}: {entry.file!r} must be relative to the folder of the list")
        entries.append(entry)
    if len({entry.video for entry in entries}) < len(entries):
        raise UserError(f"{path}: lists a video twice")
    return entries


def shard_of(video: str, shards: int) -> int:
    """The shard of a video, by a hash of its id alone, so that other videos coming or going moves nothing."""
    return int.from_bytes(hashlib.sha256(video.encode()).digest()[:8]) % shards


def shard_names(subset: str, shards: int) -> list[str]:
    """Names of the shards of a subset: `test_00`, `test_01`, ..."""
    return [f"{subset}_{k:02d}" for k in range(shards)]


def entries_of_shard(entries: Iterable[Entry], shard: str, shards: int) -> list[Entry]:
    """The entries of shard `<subset>_<k>`, sorted by video."""
    subset, _, number = shard.rpartition("_")
    mine = [e for e in entries if e.subset == subset and shard_of(e.video, shards) == int(number)]
    return sorted(mine, key=lambda e: e.video)


def read_status(path: Path) -> list[Status]:
    """Read a status CSV written by `write_rows`."""
    rows = read_csv(path, ("video", "frames", "status", "reason"))
    return [Status(r["video"], int(r["frames"]), r["status"], r["reason"]) for r in rows]
