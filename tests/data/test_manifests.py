"""Lists of videos: what is read, what is refused, how videos are dealt into shards, and how a list is made."""

import hashlib
import os
from pathlib import Path

import pytest

from actionbytes.data.annotations import Video
from actionbytes.data.manifests import (
    Entry,
    entries_of_shard,
    listed_content,
    read_manifest,
    read_status,
    shard_names,
    shard_of,
    videos_below,
    write_manifest,
)
from actionbytes.errors import UserError


def test_a_list_is_made_from_files_and_annotations(tmp_path: Path):
    (tmp_path / "videos" / "deep").mkdir(parents=True)
    (tmp_path / "videos" / "deep" / "a.mp4").write_bytes(b"a")
    (tmp_path / "videos" / "v_b.webm").write_bytes(b"bb")
    (tmp_path / "videos" / "notes.txt").write_bytes(b"")
    seen = []
    videos = {name: Video(name, "test") for name in ("c", "b", "a")}
    missing = write_manifest(tmp_path, videos, lambda done, total, note="": seen.append((done, total)))
    assert missing == ["c"]
    assert read_manifest(tmp_path / "videos.csv") == [
        Entry("a", "test", "videos/deep/a.mp4", hashlib.sha256(b"a").hexdigest()),
        Entry("b", "test", "videos/v_b.webm", hashlib.sha256(b"bb").hexdigest()),
        Entry("c", "test", "videos/c.mp4", ""),
    ]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(UserError, match="holds no video files"):
        write_manifest(tmp_path / "elsewhere", videos)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("../a,test,a.mp4", "line 2: '../a' cannot name a video"),
        (".a,test,a.mp4", "cannot name a video"),
        (",test,a.mp4", "cannot name a video"),
        ("a,test,/etc/a.mp4", "must be relative"),
        ("a,test,videos/../../a.mp4", "must be relative"),
        ("a,test,a.mp4\na,test,b.mp4", "lists a video twice"),
        ("a,test", "row 2 has more or fewer fields"),
    ],
)
def test_a_list_that_is_not_safe_is_refused(tmp_path: Path, row: str, problem: str):
    (tmp_path / "videos.csv").write_text(f"video,subset,file\n{row}\n")
    with pytest.raises(UserError, match=problem):
        read_manifest(tmp_path / "videos.csv")


def test_every_video_is_in_one_shard_whatever_the_others_are():
    entries = [Entry(f"v{k}", "test" if k % 3 else "validation", "") for k in range(60)]
    shards = {name: entries_of_shard(entries, name, 4) for s in ("test", "validation") for name in shard_names(s, 4)}
    assert sorted(e.video for rows in shards.values() for e in rows) == sorted(e.video for e in entries)
    fewer = entries[::2]
    for name, rows in shards.items():
        assert [e for e in rows if e in fewer] == entries_of_shard(fewer, name, 4)
    assert [shard_of(f"v{k}", 4) for k in range(6)] == [3, 2, 1, 2, 2, 3], "features in all clones are named by it"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A folder with `videos/a.mp4` and `videos/b.mp4`."""
    (tmp_path / "videos").mkdir()
    for name in "ab":
        (tmp_path / "videos" / f"{name}.mp4").write_bytes(name.encode())
    return tmp_path


ANNOTATED = {name: Video(name, "test") for name in "abc"}


@pytest.mark.parametrize("second", ["a.webm", "old/a.mp4", "v_a.mp4"])
def test_two_files_of_one_video_are_refused_and_nothing_is_written(dataset: Path, second: str):
    (dataset / "videos" / "old").mkdir()
    (dataset / "videos" / second).write_bytes(b"cut")
    with pytest.raises(UserError, match=r"videos/\S+ and videos/\S+ are both of video 'a'; move one away"):
        write_manifest(dataset, ANNOTATED)
    assert not (dataset / "videos.csv").exists()


def test_two_annotated_videos_may_differ_by_the_mark_of_activitynet(dataset: Path):
    (dataset / "videos" / "v_a.mp4").write_bytes(b"another")
    assert write_manifest(dataset, {**ANNOTATED, "v_a": Video("v_a", "test")}) == ["c"]


def test_links_are_followed_and_what_is_no_file_is_no_video(dataset: Path):
    disk = dataset / "disk"
    disk.mkdir()
    (disk / "c.mp4").write_bytes(b"c")
    (dataset / "videos" / "linked").symlink_to(disk)
    (disk / "round").symlink_to(dataset / "videos")
    (dataset / "videos" / "gone.mp4").symlink_to(dataset / "nowhere.mp4")
    (dataset / "videos" / "endless.mp4").symlink_to("/dev/zero")
    (dataset / "videos" / "folder.mp4").mkdir()
    (dataset / "videos" / "._a.mp4").write_bytes(b"")
    os.mkfifo(dataset / "videos" / "pipe.mp4")
    assert [path.name for path in videos_below(dataset / "videos")] == ["a.mp4", "b.mp4", "gone.mp4", "c.mp4"]
    videos = ANNOTATED | {name: Video(name, "test") for name in ("gone", "endless", "folder", "pipe")}
    assert write_manifest(dataset, videos) == ["endless", "folder", "gone", "pipe"]
    assert next(e for e in read_manifest(dataset / "videos.csv") if e.video == "c").file == "videos/linked/c.mp4"


def test_subsets_are_those_of_the_json_in_any_spelling():
    entries = [Entry("a", "Validation", ""), Entry("b", "Test", "")]
    assert entries_of_shard(entries, "test_00", 1) == entries_of_shard(entries, "testing_00", 1) == entries[1:]
    with pytest.raises(UserError, match=r"subset 'training': no video of the list is in it; nearest is '\w+'"):
        entries_of_shard(entries, "training_00", 1)


def test_a_video_that_is_not_what_was_listed_is_refused(dataset: Path):
    write_manifest(dataset, ANNOTATED)
    entries = read_manifest(dataset / "videos.csv")
    assert listed_content(dataset, entries) == entries
    for name, content, problem in (("b", b"longer", "has changed"), ("b", None, "is gone"), ("c", b"c", "has come")):
        path = dataset / "videos" / f"{name}.mp4"
        before = path.read_bytes() if path.exists() else None
        _put(path, content)
        with pytest.raises(UserError, match=rf"{name}\.mp4: {problem} since .* run `actionbytes index"):
            listed_content(dataset, entries)
        _put(path, before)
    assert listed_content(dataset, entries) == entries


def _put(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


@pytest.mark.parametrize("frames", ["", "many", "-1", "1.5", "9" * 5000])
def test_a_status_without_a_number_is_one_line(tmp_path, frames):
    (tmp_path / "status.csv").write_text(f"video,frames,status,reason\nv,{frames},ok,\n")
    with pytest.raises(UserError, match=r"status\.csv, line 2: .* is no number of frames"):
        read_status(tmp_path / "status.csv")
