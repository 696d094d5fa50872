"""Lists of videos: what is read, what is refused, how videos are dealt into shards, and how a list is made."""

import hashlib
from pathlib import Path

import pytest

from actionbytes.data.annotations import Video
from actionbytes.data.manifests import (
    Entry,
    entries_of_shard,
    read_manifest,
    read_status,
    shard_names,
    shard_of,
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


@pytest.mark.parametrize("frames", ["", "many", "-1", "1.5", "9" * 5000])
def test_a_status_without_a_number_is_one_line(tmp_path, frames):
    (tmp_path / "status.csv").write_text(f"video,frames,status,reason\nv,{frames},ok,\n")
    with pytest.raises(UserError, match=r"status\.csv, line 2: .* is no number of frames"):
        read_status(tmp_path / "status.csv")
