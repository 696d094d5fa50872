"""Decoding in a process of its own."""

import os
import re
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from actionbytes.errors import UserError
from actionbytes.video import isolated
from actionbytes.video.decode import BrokenVideo, VideoReader
from actionbytes.video.isolated import REPORTED, IsolatedReader
from actionbytes.video.parameters import Decoding


@pytest.fixture
def children(monkeypatch):
    """The decoding processes that a test starts."""
    started = []

    class Watched(isolated._Child):
        def __init__(self):
            super().__init__()
            started.append(self)

    isolated._end_all()
    monkeypatch.setattr(isolated, "_Child", Watched)
    yield started
    isolated._end_all()
    assert all(child.process.poll() is not None for child in started)


@pytest.fixture
def video(tmp_path, numbered, write_video):
    return write_video(tmp_path / "Ümläut.mp4", [numbered(k) for k in range(200)], fps=20)


@pytest.mark.slow
def test_the_same_frames_and_attributes(video, small, children):
    here, there = VideoReader(video, small), IsolatedReader(video, small)
    for _ in range(2):
        assert all(np.array_equal(a, b) for a, b in zip(here, there, strict=True))
        assert [getattr(here, name) for name in REPORTED] == [getattr(there, name) for name in REPORTED]
    cut = (1.0, 2.0)
    frames = list(IsolatedReader(video, small, cut))
    assert all(np.array_equal(a, b) for a, b in zip(frames, VideoReader(video, small, cut), strict=True))
    assert len(children) == 1


def test_broken_videos_say_the_same(tmp_path, small, children):
    (tmp_path / "empty.mp4").touch()
    for name in ("empty.mp4", "missing.mp4"):
        messages = []
        for reader in (VideoReader, IsolatedReader):
            with pytest.raises(BrokenVideo) as error:
                list(reader(tmp_path / name, small))
            messages.append(str(error.value))
        assert messages[0] == messages[1]
    assert len(children) == 1
    with pytest.raises(UserError, match="no interval"):
        IsolatedReader(tmp_path / "empty.mp4", small, (2.0, 1.0))


def _killed_at(reader, children, kills):
    """The frames of a reader whose decoders are killed: `kills` holds (frames after which, signal) in order."""
    frames, kills = [], list(kills)
    for frame in reader:
        frames.append(frame)
        if kills and len(frames) >= kills[0][0]:
            os.kill(children[-1].process.pid, kills.pop(0)[1])
            children[-1].process.wait()
    return frames


def test_a_decoder_that_dies_once_is_tried_again(video, children):
    """Whatever ended it: the frames are those of a decoder that lives, and nothing is said of the video."""
    decoding = Decoding(short_side=256, crop=256)
    expected = list(VideoReader(video, decoding))
    for number in (signal.SIGKILL, signal.SIGSEGV):
        reader = IsolatedReader(video, decoding)
        frames = _killed_at(reader, children, [(3, number)])
        assert (reader.status, reader.reason, reader.frames) == ("ok", "", 250)
        assert all(np.array_equal(a, b) for a, b in zip(frames, expected, strict=True))


def test_a_decoder_that_dies_twice_keeps_what_it_gave(video, children):
    reader = IsolatedReader(video, Decoding(short_side=256, crop=256))
    frames = _killed_at(reader, children, [(1, signal.SIGSEGV), (9, signal.SIGABRT)])
    assert reader.frames == len(frames) < 200
    assert reader.status == "damaged" and reader.reason == f"the decoder dies (SIGABRT) after {reader.frames} frames"
    assert len(list(IsolatedReader(video, Decoding(short_side=64, crop=64)))) == 250 and len(children) == 3


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_decoder_killed_from_outside_says_nothing_of_the_video(video, children, number):
    """Such as by the system where memory is short: the job fails and is made again, no video is called damaged."""
    reader = IsolatedReader(video, Decoding(short_side=256, crop=256))
    with pytest.raises(UserError, match=rf"killed 2 times and not by the video \(dies \({number.name}\)\)") as error:
        _killed_at(reader, children, [(1, number), (9, number)])
    assert not isinstance(error.value, BrokenVideo) and reader.status == "ok"


def test_a_decoder_that_dies_at_once_breaks_the_video(video, small, children, monkeypatch):
    monkeypatch.setattr(isolated._Child, "ask", lambda self, question: os.kill(self.process.pid, signal.SIGABRT))
    with pytest.raises(BrokenVideo, match=r"the decoder dies \(SIGABRT\) on it"):
        list(IsolatedReader(video, small))
    assert len(children) == 2


def test_a_small_file_cannot_ask_for_much_memory(tmp_path, write_video, numbered, small, children):
    """Sixty-six bytes that announce 65535 x 65535 pixels: refused by the limit of pictures, in little memory."""
    header = b"GIF89a\xff\xff\xff\xff\x80\x00\x00" + bytes(6)
    image = b"\x2c" + bytes(4) + b"\xff\xff\xff\xff\x00\x02\x02\x4c\x01\x00"
    (tmp_path / "a.mp4").write_bytes(header + image * 2 + b"\x3b")
    with pytest.raises(BrokenVideo):
        list(IsolatedReader(tmp_path / "a.mp4", small))
    status = Path(f"/proc/{children[-1].process.pid}/status")
    if status.exists():
        peak = int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1])
        assert peak < 400_000


def test_the_decoder_has_a_limit_of_memory(video, small, children):
    next(frames := iter(IsolatedReader(video, small)))
    soft, _ = resource.prlimit(children[0].process.pid, resource.RLIMIT_AS)
    assert isolated.MEMORY < soft < 2 * isolated.MEMORY
    frames.close()


def test_a_decoder_that_hangs(video, small, children, monkeypatch):
    monkeypatch.setattr(isolated._Child, "ask", lambda self, question: None)
    monkeypatch.setattr(isolated, "PATIENCE_S", 0.2)
    with pytest.raises(BrokenVideo, match=r"the decoder hangs for 0\.2 s on it"):
        list(IsolatedReader(video, small))


def test_leaving_early_and_a_death_between_videos(video, small, children):
    frames = iter(IsolatedReader(video, small))
    next(frames)
    frames.close()
    assert children[0].process.poll() is not None
    assert len(list(IsolatedReader(video, small))) == 250
    children[1].process.kill()
    children[1].process.wait()
    assert len(list(IsolatedReader(video, small))) == 250
    assert len(children) == 3
