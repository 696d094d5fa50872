"""Own videos: folders that stay where they are, listed as a dataset of the workflow.

Two kinds, one or both: `clips`, a folder of class folders with trimmed clips, each labelled as a whole; and `videos`, a
folder of untrimmed videos, with `annotations`, an ActivityNet JSON. Nothing is opened here as a video: a list of files,
what their names and folders say, and a hash of what they hold.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from actionbytes.data.annotations import Instance, Video, read_annotations, same_subset, write_annotations
from actionbytes.data.manifests import VIDEO_SUFFIXES, Entry
from actionbytes.errors import UserError
from actionbytes.files import file_digest, read_csv, write_csv, write_text
from actionbytes.recipes import digest

ID = re.compile(r"[^/\\.\x00-\x1f][^/\\\x00-\x1f]{0,199}")  # names files and HDF5 groups, and leaves no folder
COLUMNS = ("video", "subset", "file", "bytes", "sha256", "label")


@dataclass(frozen=True)
class OwnVideo:
    """One file: `file` is its path below `clips/` or `videos/`, whatever folder stands for these; label: of a clip."""

    video: str
    subset: str
    file: str
    label: str = ""
    bytes: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class OwnData:
    """A dataset of own videos, as listed: what the rule `list_own_videos` writes and the plan names things by."""

    home: Path  # data/<suite>/<dataset>
    roots: Mapping[str, Path]  # "clips" and "videos" -> the folder
    annotations: Path | None
    rows: Sequence[OwnVideo] = field(repr=False)
    labels_sha256: str = ""  # of the JSON

    @property
    def content(self) -> str:
        """Digest of the videos: their names, subsets and content; where they lie and what they show is left out."""
        return digest([[row.video, row.subset, row.sha256] for row in self.rows])

    @property
    def labels(self) -> str:
        """Digest of the videos and of all that is said about them."""
        return digest([self.content, [[row.video, row.label] for row in self.rows], self.labels_sha256])

    @property
    def marker(self) -> Path:
        """The file that says that list and annotations are those of these videos."""
        return self.home / f"own-{self.labels}.json"

    def path(self, file: str) -> Path:
        """Where a `file` of the list lies."""
        root, _, below = file.partition("/")
        if root not in self.roots or ".." in Path(below).parts:
            raise UserError(f"{self.home / 'videos.csv'}: {file!r} lies in none of the folders of params.yaml")
        return self.roots[root] / below

    def unchanged(self, entry: Entry) -> Path:
        """Where the video of an entry lies; a UserError if it is no longer what was listed."""
        path = self.path(entry.file)
        if not path.is_file() or file_digest(path) != entry.sha256:
            raise UserError(f"{path}: has changed since the run began; start the run again")
        return path

    def write(self, durations: Mapping[str, float]) -> None:
        """Write `videos.csv`, `annotations.json` and the marker. durations: seconds of each clip that can be read."""
        for old in self.home.glob("own-*.json"):
            old.unlink()
        truth = read_annotations(self.annotations) if self.annotations else {}
        videos = []
        for row in self.rows:
            if row.label:  # a clip shows its class from beginning to end; of one that cannot be read, nothing
                end = durations.get(row.video)
                videos.append(Video(row.video, row.subset, end, None, (Instance(row.label, 0.0, end or 0.0),)))
            else:
                videos.append(replace(truth[row.video], subset=row.subset))
        write_csv(self.home / "videos.csv", [vars(row) for row in self.rows], COLUMNS)
        write_annotations(self.home / "annotations.json", videos)
        about = {"content": self.content, "annotations": self.labels_sha256, "videos": len(self.rows)}
        write_text(self.marker, json.dumps(about, indent=1, sort_keys=True) + "\n")


def own_data(
    where: str, home: Path, clips: Path | None, subset: str | None, videos: Path | None, annotations: Path | None
) -> OwnData:
    """List own folders, hashing only files that are new or have changed since (`home/hashes.csv`).

    Where the folders are gone, as in a clone that has only the features, the list made before stands for them.
    where: opens every error. Raises UserError in one line for whatever is missing or does not fit together.
    """
    roots = {name: path for name, path in (("clips", clips), ("videos", videos)) if path}
    listed = home / "videos.csv"
    if listed.exists() and not any(path.exists() for path in roots.values()):
        rows = [OwnVideo(**{c: row[c] for c in COLUMNS}) for row in read_csv(listed, COLUMNS)]
        about = [json.loads(path.read_text(encoding="utf-8")) for path in home.glob("own-*.json")]
        return OwnData(home, roots, annotations, rows, about[0]["annotations"] if about else "")
    rows = _clips(where, clips, subset) if clips else []
    labels_sha256 = ""
    if videos and annotations:
        rows += _untrimmed(where, videos, annotations)
        labels_sha256 = file_digest(annotations)
    seen: dict[str, OwnVideo] = {}
    for row in rows:
        if not ID.fullmatch(row.video):
            raise UserError(f"{where}: {row.video!r} cannot name a video (no '/', no leading dot); rename it")
        if not re.fullmatch(r"\w+", row.subset):
            raise UserError(f"{where}: {row.subset!r} cannot name a subset (letters, digits and _ only); rename it")
        if (first := seen.setdefault(row.video, row)) is not row:
            raise UserError(f"{where}: {first.file} and {row.file} are both named {row.video!r}; rename one")
    data = OwnData(home, roots, annotations, sorted(rows, key=lambda row: row.video), labels_sha256)
    return replace(data, rows=_hashed(data))


def _clips(where: str, folder: Path, subset: str | None) -> list[OwnVideo]:
    """Clips in `folder/<class>/` with `subset` given, in `folder/<subset>/<class>/` without; ids begin with these."""
    rows = []
    for part in [folder] if subset else _folders(f"{where}.clips", folder, "subset folders, or name a subset"):
        for kind in _folders(f"{where}.clips", part, "class folders"):
            files = [path for path in sorted(kind.iterdir()) if _is_video(path)]
            if not files:
                deeper = any(path.is_dir() for path in kind.iterdir())
                hint = "clips lie directly in a class folder" if deeper else "add clips or remove it"
                raise UserError(f"{where}.clips: class folder {kind} holds no video; {hint}")
            for path in files:
                below = path.relative_to(folder)
                name = "_".join(below.with_suffix("").parts)
                named = same_subset(subset or part.name)
                rows.append(OwnVideo(name, named, f"clips/{below.as_posix()}", kind.name))
    return rows


def _folders(where: str, folder: Path, what: str) -> list[Path]:
    """The folders in `folder`, sorted; it must hold some, and no videos beside them."""
    if not folder.is_dir():
        raise UserError(f"{where}: {folder}: no such folder")
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if loose := [path for path in inside if _is_video(path)]:
        raise UserError(f"{where}: {loose[0]} lies beside, not in, {what}; move it or remove it")
    found = [path for path in inside if path.is_dir()]
    if not found:
        raise UserError(f"{where}: {folder}: is empty; it must hold {what}")
    return found


def _untrimmed(where: str, folder: Path, annotations: Path) -> list[OwnVideo]:
    """The videos that a JSON annotates, each with its one file in `folder` (any depth): `<id>.*` or `v_<id>.*`."""
    if not folder.is_dir():
        raise UserError(f"{where}.videos: {folder}: no such folder")
    if not annotations.is_file():
        raise UserError(f"{where}.annotations: {annotations}: no such file")
    truth = read_annotations(annotations)
    files: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if _is_video(path) and (first := files.setdefault(path.stem, path)) != path:
            raise UserError(f"{where}.videos: {first} and {path} have one name; rename one")
    rows = []
    for name, video in truth.items():
        if not ID.fullmatch(name):
            raise UserError(f"{annotations}: {name!r} cannot name a video (no '/', no leading dot); rename it")
        path = files.pop(name, None) or files.pop(f"v_{name}", None)
        if path is None:
            raise UserError(f"{annotations}: video {name!r} has no file in {folder}; add it or drop its annotation")
        rows.append(OwnVideo(name, same_subset(video.subset), f"videos/{path.relative_to(folder).as_posix()}"))
    if files:
        lost = min(files.values())
        more = f" (and {len(files) - 1} more)" if len(files) > 1 else ""
        raise UserError(f"{where}.videos: {lost}{more} has no annotation in {annotations}; add one or move it away")
    return rows


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".") and path.is_file()


def _hashed(data: OwnData) -> list[OwnVideo]:
    """The rows with size and SHA-256; a file of the same size and time as when it was hashed last is not read again."""
    cache = data.home / "hashes.csv"
    known = {}
    if cache.exists():
        known = {(r["file"], r["bytes"], r["time_ns"]): r["sha256"] for r in read_csv(cache, _HASH_COLUMNS)}
    rows, hashes = [], []
    for row in data.rows:
        path = data.path(row.file)
        about = path.stat()
        key = (row.file, str(about.st_size), str(about.st_mtime_ns))
        sha256 = known.get(key) or file_digest(path)
        rows.append(replace(row, bytes=about.st_size, sha256=sha256))
        hashes.append(dict(zip(_HASH_COLUMNS, (*key, sha256), strict=True)))
    if {tuple(h.values()) for h in hashes} != {(*key, value) for key, value in known.items()}:
        write_csv(cache, hashes, _HASH_COLUMNS)
    return rows


_HASH_COLUMNS = ("file", "bytes", "time_ns", "sha256")
