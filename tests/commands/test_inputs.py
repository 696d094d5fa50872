"""What commands take from the folders that a user names."""

from pathlib import Path

import pytest

from actionbytes.commands.inputs import named_files, video_files
from actionbytes.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one video, one behind a link, a dangling link, and what is no video."""
    videos, disk = tmp_path / "videos", tmp_path / "disk2"
    for path in (videos / "a.mp4", disk / "b.MP4", videos / "._a.mp4", videos / ".trash" / "c.mp4"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    (videos / "x.mp4").mkdir()
    (videos / "more").symlink_to(disk)
    (videos / "gone.mp4").symlink_to(tmp_path / "gone.mp4")
    return videos


def test_folders_are_searched_behind_links_and_without_hidden_files(folder: Path):
    assert [path.name for path in video_files((folder,))] == ["a.mp4", "gone.mp4", "b.MP4"]
    assert set(named_files([folder])) == {"a", "b", "gone", "more_b"}


def test_two_files_of_one_name_and_a_folder_without_videos_are_refused(folder: Path, tmp_path: Path):
    with pytest.raises(UserError, match="two files are named a"):
        video_files((folder, tmp_path / "a.avi"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no video"):
        video_files((tmp_path / "empty",))
