"""Manifests: which videos a dataset has (`videos.csv`), and which shard each of them belongs to."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from actionbytes.data.annotations import Video, nearest, same_subset
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
        if PurePosixPath(entry.file).is_absolute() or ".." in PurePosixPath(entry.file).parts:
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


def entries_of_subset(entries: Iterable[Entry], subset: str) -> list[Entry]:
    """The entries of a subset, in any of its spellings (see `same_subset`); UserError if there is none."""
    listed = list(entries)
    chosen = [entry for entry in listed if same_subset(entry.subset) == same_subset(subset)]
    if not chosen:
        subsets = sorted({entry.subset for entry in listed})
        raise UserError(f"subset {subset!r}: no video of the list is in it; {nearest(subset, subsets)}")
    return chosen


def entries_of_shard(entries: Iterable[Entry], shard: str, shards: int) -> list[Entry]:
    """The entries of shard `<subset>_<k>`, sorted by video; UserError if no video at all is in the subset."""
    subset, _, number = shard.rpartition("_")
    chosen = [entry for entry in entries_of_subset(entries, subset) if shard_of(entry.video, shards) == int(number)]
    return sorted(chosen, key=lambda entry: entry.video)


def listed_content(home: Path, entries: Iterable[Entry]) -> list[Entry]:
    """The entries, after a look that each file is the one that was listed: features go by the hash of the list.

    Args:
        home: Folder of the list.
        entries: Some of its entries.

    Raises:
        UserError: A file has come, gone or changed since.
    """
    checked = list(entries)
    for entry in checked:
        path = home / entry.file
        if path.is_file() != bool(entry.sha256):
            problem = "is gone" if entry.sha256 else "has come"
        elif entry.sha256 and file_digest(path) != entry.sha256:
            problem = "has changed"
        else:
            continue
        raise UserError(f"{path}: {problem} since videos.csv was written; run `actionbytes index {home}`")
    return checked


def videos_below(folder: Path) -> list[Path]:
    """The video files in a folder, at any depth, sorted; the one way in which folders are searched for videos.

    Linked folders are entered, each folder once. Hidden files and folders, and what macOS leaves in archives, are no
    videos; nor are folders, pipes and devices of such a name. A link to a file that is not there is listed, so that
    somebody says so.
    """
    files, entered = [], set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        here = os.path.realpath(parent)
        if here in entered:
            folders.clear()
            continue
        entered.add(here)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        files += [Path(parent) / name for name in names if is_video(Path(parent) / name)]
    return sorted(files)


def is_video(path: Path) -> bool:
    """Whether a path is that of a video file by its name, or of a link to one, perhaps to one that is not there."""
    if path.suffix.lower() not in VIDEO_SUFFIXES or path.name.startswith("."):
        return False
    return path.is_file() or (path.is_symlink() and not path.exists())


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
    `v_` and the id. A link to a file that is not there counts as none.

    Args:
        folder: The dataset's folder.
        videos: The annotated videos by id.
        progress: Called after each video, since hashing reads every byte.

    Returns:
        The ids of videos without a file; they are listed too, without a hash.

    Raises:
        UserError: There is no video file at all, or there are two files for one video.
    """
    files: dict[str, list[Path]] = defaultdict(list)
    for path in videos_below(folder / "videos"):
        files[path.stem].append(path)
    if not files:
        raise UserError(f"{folder / 'videos'}: holds no video files")
    rows, missing = [], []
    for name in each(sorted(videos), progress):
        row = {"video": name, "subset": videos[name].subset}
        candidates = files[name] + ([] if f"v_{name}" in videos else files[f"v_{name}"])
        if len(candidates) > 1:
            first, second = (path.relative_to(folder) for path in candidates[:2])
            raise UserError(f"{folder}: {first} and {second} are both of video {name!r}; move one away")
        if candidates and candidates[0].exists():
            path = candidates[0]
            size = path.stat().st_size
            rows.append(row | {"file": path.relative_to(folder).as_posix(), "bytes": size, "sha256": file_digest(path)})
        else:
            missing.append(name)
            rows.append(row | {"file": f"videos/{name}.mp4", "bytes": 0, "sha256": ""})
    write_csv(folder / "videos.csv", rows, ("video", "subset", "file", "bytes", "sha256"))
    return missing
