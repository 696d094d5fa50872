"""Manifests: which videos a dataset has (`videos.csv`), and how they are dealt into shards."""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath

from actionbytes.errors import UserError
from actionbytes.files import write_text

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


def read_csv(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV file that has at least the columns `needed`."""
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file") from None
    if rows and (missing := [column for column in needed if column not in rows[0]]):
        raise UserError(f"{path}: has no column {missing[0]!r}; it needs {', '.join(needed)}")
    return rows


def write_rows(path: Path, rows: Sequence, kind: type) -> None:
    """Write dataclass instances of `kind` as CSV, whole or not at all."""
    write_csv(path, [asdict(row) for row in rows], [field.name for field in fields(kind)])


def write_csv(path: Path, rows: Sequence[Mapping], columns: Sequence[str] | None = None) -> None:
    """Write rows as CSV, whole or not at all; `columns` default to all keys in the order in which they come up."""
    text = io.StringIO()
    names = columns if columns is not None else list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
