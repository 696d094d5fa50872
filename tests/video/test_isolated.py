"""Decoding in a process of its own."""

import os
import signal

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


def test_a_decoder_that_dies_keeps_what_it_gave(video, children):
    reader = IsolatedReader(video, Decoding(short_side=256, crop=256))
    frames = iter(reader)
    next(frames)
    os.kill(children[0].process.pid, signal.SIGSEGV)
    rest = list(frames)
    assert reader.frames == 1 + len(rest) < 200
    assert reader.status == "damaged" and reader.reason == f"the decoder dies (SIGSEGV) after {reader.frames} frames"
    assert len(list(IsolatedReader(video, Decoding(short_side=64, crop=64)))) == 250 and len(children) == 2


def test_a_decoder_that_dies_at_once_breaks_the_video(video, small, children, monkeypatch):
    monkeypatch.setattr(isolated._Child, "ask", lambda self, question: os.kill(self.process.pid, signal.SIGABRT))
    with pytest.raises(BrokenVideo, match=r"the decoder dies \(SIGABRT\) on it"):
        list(IsolatedReader(video, small))


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
