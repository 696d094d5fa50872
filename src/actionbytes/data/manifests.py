"""Manifests: which videos a dataset has (`videos.csv`), and which shard each of them belongs to."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from actionbytes.data.annotations import Video
from actionbytes.data.names import check_id, check_subset
from actionbytes.errors import UserError
from actionbytes.files import file_digest, read_csv, write_csv
from actionbytes.progress import Progress, each, silent

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
    """What became of a video: `ok`, `damaged` (the readable part is kept) or `set aside`, with the reason."""

    video: str
    frames: int
    status: str
    reason: str = ""


def read_manifest(path: Path) -> list[Entry]:
    """Read `videos.csv`; further columns are ignored.

    Raises:
        UserError: The file cannot be read, lists a video twice, or has a name or path that could leave the folder.
    """
    rows = read_csv(path, ("video", "subset", "file"))
    entries = []
    for number, row in enumerate(rows, 2):
        entry = Entry(row["video"], row["subset"], row["file"], row.get("sha256") or "")
        check_id(f"{path}, line {number}", entry.video)
        check_subset(f"{path}, line {number}", entry.subset)
        if PurePosixPath(entry.file).is_absolute():
            raise UserError(f"{path}, line {number}: {entry.file!r} must be relative to the folder of the list")
        entries.append(entry)
    if len({entry.video for entry in entries}) < len(entries):
        raise UserError(f"{path}: lists a video twice")
    return entries


def shard_of(video: str, shards: int) -> int:
    """The number of a video's shard: a hash of its id alone, so that adding or removing videos moves no other."""
    return int.from_bytes(hashlib.sha256(video.encode()).digest()[:8]) % shards


def shard_names(subset: str, shards: int) -> list[str]:
    """Names of the shards of a subset: `test_00`, `test_01`, ..."""
    return [f"{subset}_{k:02d}" for k in range(shards)]


def entries_of_shard(entries: Iterable[Entry], shard: str, shards: int) -> list[Entry]:
    """The entries of shard `<subset>_<k>`, sorted by video."""
    subset, _, number = shard.rpartition("_")
    chosen = [entry for entry in entries if entry.subset == subset and shard_of(entry.video, shards) == int(number)]
    return sorted(chosen, key=lambda entry: entry.video)


def read_status(path: Path) -> list[Status]:
    """Read a status CSV written by `write_rows`."""
    statuses = []
    for number, row in enumerate(read_csv(path, ("video", "frames", "status", "reason")), 2):
        if not (row["frames"].isdecimal() and len(row["frames"]) < 10):
            raise UserError(f"{path}, line {number}: {row['frames']!r:.40} is no number of frames; make it again")
        statuses.append(Status(row["video"], int(row["frames"]), row["status"], row["reason"]))
    return statuses


def write_manifest(folder: Path, videos: Mapping[str, Video], progress: Progress = silent) -> list[str]:
    """List annotated videos and the hashes of their files in `folder/videos.csv`.

    The file of a video is the one in `folder/videos`, at any depth, whose name without its ending is the video's id, or
    `v_` and the id.

    Args:
        folder: The dataset's folder.
        videos: The annotated videos by id.
        progress: Called after each video, since hashing reads every byte.

    Returns:
        The ids of videos without a file; they are listed too, without a hash.

    Raises:
        UserError: There is no video file at all.
    """
    files = sorted(path for path in (folder / "videos").rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    if not files:
        raise UserError(f"{folder / 'videos'}: holds no video files")
    by_stem = {path.stem: path for path in files}
    rows, missing = [], []
    for name in each(sorted(videos), progress):
        row = {"video": name, "subset": videos[name].subset}
        path = by_stem.get(name) or by_stem.get(f"v_{name}")
        if path is None:
            missing.append(name)
            rows.append(row | {"file": f"videos/{name}.mp4", "bytes": 0, "sha256": ""})
        else:
            file, size = path.relative_to(folder).as_posix(), path.stat().st_size
            rows.append(row | {"file": file, "bytes": size, "sha256": file_digest(path)})
    write_csv(folder / "videos.csv", rows, ("video", "subset", "file", "bytes", "sha256"))
    return missing
