"""What is opened as a video: files that hold their pictures themselves, and nothing else."""

import os

import cv2
import pytest

from actionbytes.errors import UserError
from actionbytes.parameters import validated
from actionbytes.video.decode import BrokenVideo, frames_of
from actionbytes.video.parameters import Decoding

PLAYLISTS = {
    "concat": "ffconcat version 1.0\nfile clip.mkv\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nclip.ts\n#EXT-X-ENDLIST\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_text_file_opens_no_other_file(tmp_path, numbered, write_video, small, kind):
    for suffix in ("mkv", "ts"):
        write_video(tmp_path / f"clip.{suffix}", [numbered(k) for k in range(5)], codec="mpeg2video")
    for name in ("list.mp4", "list.m3u8"):
        (tmp_path / name).write_text(PLAYLISTS[kind])
        with pytest.raises(BrokenVideo, match="not a readable video file"):
            list(frames_of(tmp_path / name, small))
    assert len(list(frames_of(tmp_path / "clip.ts", small))) == 5


def test_a_pattern_or_a_picture_opens_no_pictures(tmp_path, numbered, write_video, small):
    for k in range(3):
        cv2.imwrite(str(tmp_path / f"img{k:03}.png"), numbered(k))
    (tmp_path / "img%03d.png").write_bytes((tmp_path / "img000.png").read_bytes())
    with pytest.raises(BrokenVideo, match="not a readable video file"):
        list(frames_of(tmp_path / "img%03d.png", small))


def test_what_is_no_file_is_not_opened(tmp_path, small):
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "disk" / "gone.mp4")
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    problems = {"gone": "link to a file that is not there", "folder": "not a file", "pipe": "not a file"}
    for name, problem in problems.items():
        with pytest.raises(BrokenVideo, match=problem):
            list(frames_of(tmp_path / f"{name}.mp4", small))


@pytest.mark.parametrize(("side", "value"), [("crop", 1025), ("short_side", 4097)])
def test_frames_have_a_largest_size(side, value):
    """A file that says how features are made, of a stranger, cannot ask for gigabytes a batch."""
    with pytest.raises(UserError, match=side):
        validated(Decoding, {"short_side": 4096, side: value}, "features.json")
