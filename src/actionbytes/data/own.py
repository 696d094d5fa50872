"""A user's own videos as a dataset of the workflow: what their folders, names and hashes tell.

There are two kinds, and a dataset may have both: `clips`, a folder of class folders with trimmed clips that carry one
label each; and `videos`, a folder of untrimmed videos, with `annotations`, an ActivityNet JSON. The folders stay where
they are, and no file is opened as a video here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from actionbytes.data.annotations import Instance, Video, read_annotations, same_subset, write_annotations
from actionbytes.data.manifests import Entry, is_video, videos_below
from actionbytes.data.names import check_id, check_label, check_subset
from actionbytes.errors import UserError
from actionbytes.files import file_digest, read_csv, read_json, write_csv, write_text
from actionbytes.recipes import digest

COLUMNS = ("video", "subset", "file", "bytes", "sha256", "label")
HASHES = "hashes.csv"  # in the dataset's folder: hashes by size and time of files
_HASH_COLUMNS = ("file", "bytes", "time_ns", "sha256")


@dataclass(frozen=True)
class OwnVideo:
    """One video file.

    Attributes:
        video: Id of the video.
        subset: Its subset.
        file: Path that begins with `clips/` or `videos/`, which stand for the folders that the user named.
        label: Class of a trimmed clip; "" for an untrimmed video.
        bytes: Size of the file.
        sha256: Hash of its content.
    """

    video: str
    subset: str
    file: str
    label: str = ""
    bytes: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class OwnData:
    """A listed dataset of own videos; its digests are part of the names of what is made from them.

    Attributes:
        home: The dataset's folder, `data/<suite>/<dataset>`.
        roots: The user's folders by "clips" and "videos".
        annotations: The JSON of the untrimmed videos.
        rows: The videos, sorted by id.
        labels_sha256: Hash of the JSON.
    """

    home: Path
    roots: Mapping[str, Path]
    annotations: Path | None
    rows: Sequence[OwnVideo] = field(repr=False)
    labels_sha256: str = ""

    @property
    def content(self) -> str:
        """Digest of the ids, subsets and content of the videos, without their folders and labels."""
        return digest([[row.video, row.subset, row.sha256] for row in self.rows])

    @property
    def labels(self) -> str:
        """Digest of the videos and of their labels."""
        return digest([self.content, [[row.video, row.label] for row in self.rows], self.labels_sha256])

    @property
    def marker(self) -> Path:
        """The file whose name tells that `videos.csv` and `annotations.json` are of these videos and labels."""
        return self.home / f"own-{self.labels}.json"

    def classes(self, subset: str) -> set[str]:
        """The classes that the videos of a subset show, by their folders and by the JSON."""
        rows = [row for row in self.rows if row.subset == same_subset(subset)]
        labels = {row.label for row in rows if row.label}
        if self.annotations and self.annotations.is_file():
            truth = read_annotations(self.annotations)
            shown = [truth[row.video] for row in rows if row.video in truth and not row.label]
            labels |= {instance.label for video in shown for instance in video.instances}
        return labels

    def path(self, file: str) -> Path:
        """The path of a `file` of the list; a UserError if it is outside the user's folders."""
        root, _, inside = file.partition("/")
        if root not in self.roots or ".." in Path(inside).parts:
            raise UserError(f"{self.home / 'videos.csv'}: {file!r} is in none of the folders of params.yaml")
        return self.roots[root] / inside

    def unchanged(self, entry: Entry) -> Path:
        """The path of the video of an entry; a UserError if its content has changed since it was listed."""
        path = self.path(entry.file)
        if not path.is_file() or file_digest(path) != entry.sha256:
            (self.home / HASHES).unlink(missing_ok=True)  # one with the size and time of before would be believed again
            raise UserError(f"{path}: has changed since the run began; start the run again")
        return path

    def write(self, durations: Mapping[str, float]) -> None:
        """Write `videos.csv`, `annotations.json` and the marker.

        Args:
            durations: Length in seconds of each clip that can be read.
        """
        for old in self.home.glob("own-*.json"):
            old.unlink()
        truth = read_annotations(self.annotations) if self.annotations else {}
        videos = []
        for row in self.rows:
            if row.label:  # a clip shows its class from beginning to end; one that cannot be read has no length
                duration = durations.get(row.video)
                videos.append(
                    Video(row.video, row.subset, duration, None, (Instance(row.label, 0.0, duration or 0.0),))
                )
            else:
                videos.append(replace(truth[row.video], subset=row.subset))
        write_csv(self.home / "videos.csv", [vars(row) for row in self.rows], COLUMNS)
        write_annotations(self.home / "annotations.json", videos)
        marks = {"content": self.content, "annotations": self.labels_sha256, "videos": len(self.rows)}
        write_text(self.marker, json.dumps(marks, indent=1, sort_keys=True) + "\n")


def own_data(
    key: str, home: Path, clips: Path | None, subset: str | None, videos: Path | None, annotations: Path | None
) -> OwnData:
    """List a user's folders, hashing only files that are new or have changed since the last time.

    Hashes are kept in `home/hashes.csv`. If the folders are gone, as in a clone that has only the features, the list of
    the last time is returned.

    Args:
        key: The dataset's key in params.yaml; it opens every error.
        home: The dataset's folder, `data/<suite>/<dataset>`.
        clips: Folder of trimmed clips: `<class>/` folders, or `<subset>/<class>/` ones if there is no `subset`.
        subset: The subset of all clips.
        videos: Folder of untrimmed videos.
        annotations: ActivityNet JSON of the untrimmed videos.

    Raises:
        UserError: A folder or file is missing, or names, folders and annotations do not fit together.
    """
    roots = {name: path for name, path in (("clips", clips), ("videos", videos)) if path}
    listed = home / "videos.csv"
    if listed.exists() and not any(path.exists() for path in roots.values()):
        rows = [
            OwnVideo(row["video"], row["subset"], row["file"], row["label"], int(row["bytes"]), row["sha256"])
            for row in read_csv(listed, COLUMNS)
        ]
        marks = [read_json(path) for path in home.glob("own-*.json")]
        return OwnData(home, roots, annotations, rows, marks[0]["annotations"] if marks else "")
    rows = _clips(key, clips, subset) if clips else []
    labels_sha256 = ""
    if videos and annotations:
        rows += _untrimmed(key, videos, annotations)
        labels_sha256 = file_digest(annotations)
    seen: dict[str, OwnVideo] = {}
    for row in rows:
        check_id(key, row.video)
        check_subset(key, row.subset)
        if row.label:
            check_label(key, row.label)
        if (first := seen.setdefault(row.video, row)) is not row:
            raise UserError(f"{key}: {first.file} and {row.file} are both named {row.video!r}; rename one")
    data = OwnData(home, roots, annotations, sorted(rows, key=lambda row: row.video), labels_sha256)
    return replace(data, rows=_hashed(data))


def _clips(key: str, folder: Path, subset: str | None) -> list[OwnVideo]:
    """Clips in `folder/<class>/` if `subset` is given, else in `folder/<subset>/<class>/`; ids start with these."""
    rows = []
    for subset_folder in [folder] if subset else _folders(f"{key}.clips", folder, "subset folders, or name a subset"):
        for class_folder in _folders(f"{key}.clips", subset_folder, "class folders"):
            files = [path for path in sorted(class_folder.iterdir()) if is_video(path)]
            if not files:
                deeper = any(path.is_dir() for path in class_folder.iterdir())
                hint = "clips must be directly in a class folder" if deeper else "add clips or remove it"
                raise UserError(f"{key}.clips: class folder {class_folder} holds no video; {hint}")
            for path in files:
                inside = path.relative_to(folder)
                video = "_".join(inside.with_suffix("").parts)
                in_subset = same_subset(subset or subset_folder.name)
                rows.append(OwnVideo(video, in_subset, f"clips/{inside.as_posix()}", class_folder.name))
    return rows


def _folders(key: str, folder: Path, contents: str) -> list[Path]:
    """The folders in `folder`, sorted; it must hold some and no videos beside them. `contents` says which in errors."""
    if not folder.is_dir():
        raise UserError(f"{key}: {folder}: no such folder")
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if loose := [path for path in inside if is_video(path)]:
        raise UserError(f"{key}: {loose[0]} is beside, not in, {contents}; move it or remove it")
    folders = [path for path in inside if path.is_dir()]
    if blank := [path for path in folders if path.name != path.name.strip()]:
        raise UserError(f"{key}: the name of {str(blank[0])!r} begins or ends with a blank; rename the folder")
    if not folders:
        raise UserError(f"{key}: {folder}: is empty; it must hold {contents}")
    return folders


def _untrimmed(key: str, folder: Path, annotations: Path) -> list[OwnVideo]:
    """The annotated videos, each with its one file in `folder` at any depth: `<id>.*` or `v_<id>.*`."""
    if not folder.is_dir():
        raise UserError(f"{key}.videos: {folder}: no such folder")
    if not annotations.is_file():
        raise UserError(f"{key}.annotations: {annotations}: no such file")
    truth = read_annotations(annotations)
    files: dict[str, Path] = {}
    for path in videos_below(folder):
        if (first := files.setdefault(path.stem, path)) != path:
            raise UserError(f"{key}.videos: {first} and {path} have one name; rename one")
    rows = []
    for name, video in truth.items():
        stem = name if name in files else f"v_{name}"
        if stem not in files:
            raise UserError(f"{annotations}: video {name!r} has no file in {folder}; add it or drop its annotation")
        inside = files.pop(stem).relative_to(folder)
        rows.append(OwnVideo(name, same_subset(video.subset), f"videos/{inside.as_posix()}"))
    if files:
        more = f" (and {len(files) - 1} more)" if len(files) > 1 else ""
        raise UserError(
            f"{key}.videos: {min(files.values())}{more} has no annotation in {annotations}; add one or move it away"
        )
    return rows


def _hashed(data: OwnData) -> list[OwnVideo]:
    """The rows with size and SHA-256; a file with the size and time of its last hashing is not read again."""
    cache = data.home / HASHES
    cached = {}
    if cache.exists():
        cached = {(r["file"], r["bytes"], r["time_ns"]): r["sha256"] for r in read_csv(cache, _HASH_COLUMNS)}
    rows, hashes = [], {}
    for row in data.rows:
        path = data.path(row.file)
        if not path.exists():
            raise UserError(f"{path}: is a link to a file that is not there; mount its disk, or remove the link")
        status = path.stat()
        state = (row.file, str(status.st_size), str(status.st_mtime_ns))
        hashes[state] = cached.get(state) or file_digest(path)
        rows.append(replace(row, bytes=status.st_size, sha256=hashes[state]))
    if hashes != cached:
        lines = [dict(zip(_HASH_COLUMNS, (*state, sha256), strict=True)) for state, sha256 in hashes.items()]
        write_csv(cache, lines, _HASH_COLUMNS)
    return rows
