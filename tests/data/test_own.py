"""A user's own folders become a list, and what does not fit together is one line that names it."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from actionbytes.data import own as own_module
from actionbytes.data.annotations import read_annotations
from actionbytes.data.manifests import Entry, read_manifest
from actionbytes.data.own import OwnData, own_data
from actionbytes.errors import UserError


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """`clips/<class>/` with three clips, `videos/` with two untrimmed videos, `truth.json`."""
    for name in ("clips/run/a.mp4", "clips/run/b.mp4", "clips/jump/a.mp4", "videos/deep/v_x.mp4", "videos/y.mkv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    truth = {
        "x": {"subset": "val", "duration": 9.0, "annotations": [{"label": "run", "segment": [1, 2]}]},
        "y": {"subset": "testing", "annotations": []},
    }
    (tmp_path / "truth.json").write_text(json.dumps({"database": truth}))
    return tmp_path


def listed(folders: Path) -> OwnData:
    return own_data("mine", folders / "home", folders / "clips", "training", folders / "videos", folders / "truth.json")


def test_folders_and_annotations_become_rows(folders: Path):
    rows = [(row.video, row.subset, row.file, row.label) for row in listed(folders).rows]
    assert rows == [
        ("jump_a", "training", "clips/jump/a.mp4", "jump"),
        ("run_a", "training", "clips/run/a.mp4", "run"),
        ("run_b", "training", "clips/run/b.mp4", "run"),
        ("x", "validation", "videos/deep/v_x.mp4", ""),
        ("y", "test", "videos/y.mkv", ""),
    ]


def test_without_a_subset_the_first_level_of_folders_is_one(folders: Path):
    (folders / "all").mkdir()
    (folders / "clips").rename(folders / "all" / "train")
    data = own_data("mine", folders / "home", folders / "all", None, None, None)
    assert [(row.video, row.subset) for row in data.rows] == [
        (f"train_{name}", "training") for name in ("jump_a", "run_a", "run_b")
    ]


def test_what_is_written_can_be_read(folders: Path):
    data = listed(folders)
    data.write({"run_a": 2.5, "run_b": 3.0})
    assert [entry.video for entry in read_manifest(data.home / "videos.csv")] == [row.video for row in data.rows]
    videos = read_annotations(data.home / "annotations.json")
    assert [(i.label, i.start, i.end) for i in videos["run_a"].instances] == [("run", 0.0, 2.5)]
    assert videos["jump_a"].duration is None, "this clip cannot be read"
    assert (videos["x"].subset, videos["x"].duration) == ("validation", 9.0)
    assert data.marker.is_file()


def test_a_change_of_content_or_labels_changes_the_digests(folders: Path):
    before = listed(folders)
    (folders / "clips/run/a.mp4").rename(folders / "clips/run/c.mp4")
    renamed = listed(folders)
    assert renamed.content != before.content
    (folders / "clips/run/c.mp4").rename(folders / "clips/run/a.mp4")
    (folders / "truth.json").write_text((folders / "truth.json").read_text().replace("[1, 2]", "[1, 3]"))
    relabelled = listed(folders)
    assert (relabelled.content, relabelled.labels != before.labels) == (before.content, True)


def test_only_new_files_are_hashed(folders: Path, monkeypatch: pytest.MonkeyPatch):
    listed(folders)
    hashed: list[str] = []
    digest = own_module.file_digest
    monkeypatch.setattr(own_module, "file_digest", lambda path: hashed.append(path.name) or digest(path))
    (folders / "clips/run/new.mp4").write_bytes(b"new")
    listed(folders)
    assert sorted(hashed) == ["new.mp4", "truth.json"]


def test_without_the_folders_the_last_list_stands(folders: Path):
    before = listed(folders)
    before.write({})
    (folders / "clips").rename(folders / "away")
    (folders / "videos").rename(folders / "gone")
    after = listed(folders)
    assert (list(after.rows), after.labels) == (list(before.rows), before.labels)


def test_a_file_that_has_changed_is_refused(folders: Path):
    data = listed(folders)
    row = data.rows[0]
    entry = Entry(row.video, row.subset, row.file, row.sha256)
    assert data.unchanged(entry) == folders / "clips/jump/a.mp4"
    (folders / "clips/jump/a.mp4").write_bytes(b"other")
    with pytest.raises(UserError, match="has changed since the run began"):
        data.unchanged(entry)
    with pytest.raises(UserError, match="is in none of the folders"):
        data.path("clips/../../etc/passwd")


MISTAKES: dict[str, tuple[Callable[[Path], object], str]] = {
    "loose clip": (lambda f: (f / "clips/loose.mp4").write_bytes(b""), "loose.mp4 is beside, not in, class folders"),
    "empty class": (lambda f: (f / "clips/none").mkdir(), "none holds no video; add clips or remove it"),
    "clips too deep": (lambda f: (f / "clips/none/deep").mkdir(parents=True), "must be directly in a class folder"),
    "no file": (lambda f: (f / "videos/y.mkv").unlink(), "video 'y' has no file"),
    "no annotation": (lambda f: (f / "videos/z.mp4").write_bytes(b""), "z.mp4 has no annotation"),
    "two of one name": (lambda f: (f / "videos/y.mp4").write_bytes(b""), "y.mkv and .*y.mp4 have one name"),
    "two of one id": (lambda f: (f / "clips/run/a.avi").write_bytes(b""), "are both named 'run_a'"),
    "no folder": (lambda f: (f / "videos").rename(f / "moved"), "mine.videos: .*: no such folder"),
    "no truth": (lambda f: (f / "truth.json").unlink(), "mine.annotations: .*: no such file"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(folders: Path, mistake: str):
    make, problem = MISTAKES[mistake]
    make(folders)
    with pytest.raises(UserError, match=problem):
        listed(folders)


def test_a_file_that_keeps_its_size_and_time_is_hashed_again_once_it_was_refused(folders: Path):
    """A copy that keeps times: to start the run again helps."""
    data = listed(folders)
    data.write({})
    entry = next(e for e in read_manifest(data.home / "videos.csv") if e.video == "run_a")
    path = folders / "clips/run/a.mp4"
    times = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert listed(folders).content == data.content, "the hash by size and time still stands"
    with pytest.raises(UserError, match="start the run again"):
        data.unchanged(entry)
    assert listed(folders).content != data.content
    assert listed(folders).unchanged(entry_of(listed(folders), "run_a")) == path


def entry_of(data: OwnData, video: str) -> Entry:
    """The entry of a video in the list as it is now."""
    row = next(row for row in data.rows if row.video == video)
    return Entry(row.video, row.subset, row.file, row.sha256)


def test_videos_behind_a_linked_folder_are_there(folders: Path):
    (folders / "disk").mkdir()
    (folders / "videos" / "deep").rename(folders / "disk" / "deep")
    (folders / "videos" / "disk2").symlink_to(folders / "disk")
    assert {row.video for row in listed(folders).rows} >= {"x", "y"}


def test_a_clip_that_is_a_dangling_link_is_named(folders: Path):
    (folders / "clips" / "run" / "c.mp4").symlink_to(folders / "annex" / "c.mp4")
    with pytest.raises(UserError, match=r"run/c\.mp4: is a link to a file that is not there"):
        listed(folders)
    assert not (folders / "home" / "videos.csv").exists()


def test_what_is_hidden_is_no_video(folders: Path):
    for name in ("videos/.trash/z.mp4", "videos/__MACOSX/y.mkv", "videos/._y.mkv", "clips/run/._a.mp4"):
        (folders / name).parent.mkdir(exist_ok=True)
        (folders / name).write_bytes(b"")
    assert len(listed(folders).rows) == 5


@pytest.mark.parametrize("name", ["é" * 110, "caf\udce9"], ids=["more than 200 bytes", "not UTF-8"])
def test_a_name_that_cannot_be_a_file_of_ours_is_refused(folders: Path, name: str):
    path = folders / "clips" / "run" / f"{name}.mp4"
    path.write_bytes(b"")
    with pytest.raises(UserError, match="cannot name a video"):
        listed(folders)


def test_a_class_folder_with_a_blank_at_its_end_is_refused(folders: Path):
    (folders / "clips" / "run").rename(folders / "clips" / "run ")
    with pytest.raises(UserError, match="begins or ends with a blank"):
        listed(folders)
