"""Features of video files are kept as they are finished: interrupted or killed, nothing is lost or made twice."""

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from actionbytes.data.manifests import Status
from actionbytes.errors import UserError
from actionbytes.features import keeping
from actionbytes.features.extract import Streamed
from actionbytes.features.keeping import Unfinished, write_features
from actionbytes.features.made_with import MadeWith, WeightFile
from actionbytes.features.store import VideoFeatures, open_shard, read_statuses
from actionbytes.video.decode import BrokenVideo


class Reader:
    status, reason = "ok", ""


class Extractor:
    """Stands for the networks: counts what it is asked for, and stops where it is told to."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.stop_at, self.error = "", BaseException

    def __call__(self, paths, made_with, networks, threads, device):
        for path in paths:
            if path.stem == self.stop_at:
                raise self.error
            self.made.append(path.stem)
            if path.read_bytes() == b"broken":
                yield Streamed(path, Reader(), None, BrokenVideo(f"{path}: is broken"))
                continue
            x = np.full((2, 3), float(len(self.made)), np.float32) * 0 + len(path.read_bytes())
            yield Streamed(path, Reader(), VideoFeatures({"rgb": x}, 1.28, 32, 25.0, 16, 0.64), None)


@pytest.fixture
def extractor(monkeypatch: pytest.MonkeyPatch) -> Extractor:
    stand_in = Extractor()
    monkeypatch.setattr(keeping, "stream_features", stand_in)
    monkeypatch.setattr(MadeWith, "streams", lambda self, device: {})
    return stand_in


@pytest.fixture
def made_with(tmp_path: Path) -> MadeWith:
    weights = {"rgb": WeightFile(file=tmp_path / "w", sha256="0")}
    return MadeWith(decoding={}, flow={}, features={"streams": ["rgb"]}, weights=weights)


@pytest.fixture
def videos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"v{i}.mp4" for i in range(4)]
    for i, path in enumerate(paths):
        path.write_bytes(b"x" * (i + 1))
    paths[1].write_bytes(b"broken")
    return paths


def folder(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir() if not entry.name.endswith(".mp4")}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, UserError("the disk is full"), RuntimeError])
@pytest.mark.parametrize("stop_at", ["v0", "v2", "v3"])
def test_a_second_call_goes_on_and_ends_with_the_same_bytes(tmp_path, videos, made_with, extractor, stop_at, error):
    write_features(videos, tmp_path / "whole.h5", made_with, "cpu", 1)
    extractor.made, extractor.stop_at, extractor.error = [], stop_at, error
    with pytest.raises(error if isinstance(error, type) else type(error)):
        write_features(videos, tmp_path / "x.h5", made_with, "cpu", 1)
    assert not (tmp_path / "x.h5").exists()
    extractor.stop_at = ""
    statuses = write_features(videos, tmp_path / "x.h5", made_with, "cpu", 1)
    assert sorted(set(extractor.made)) == ["v0", "v1", "v2", "v3"]
    finished = [name for name in extractor.made if name != "v1"]
    assert len(finished) == len(set(finished)), "only what was set aside is tried again"
    assert [status.status for status in statuses] == ["ok", "set aside", "ok", "ok"]
    assert (tmp_path / "x.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert folder(tmp_path) == {"x.h5", "whole.h5"}


def test_a_shard_that_is_there_is_done_or_kept(tmp_path, videos, made_with, extractor):
    out = tmp_path / "x.h5"
    first = write_features(videos, out, made_with, "cpu", 1)
    content, made = out.read_bytes(), list(extractor.made)
    assert write_features(videos, out, made_with, "cpu", 1) == first
    assert extractor.made == made
    with pytest.raises(UserError, match="is there already, with features of other videos"):
        write_features(videos[:1], out, made_with, "cpu", 1)
    videos[0].write_bytes(b"changed")
    with pytest.raises(UserError, match="settings that have changed since"):
        write_features(videos, out, made_with, "cpu", 1)
    assert out.read_bytes() == content


def test_a_video_that_has_changed_is_made_again(tmp_path, videos, made_with, extractor):
    extractor.stop_at = "v3"
    with pytest.raises(BaseException):  # noqa: B017
        write_features(videos, tmp_path / "x.h5", made_with, "cpu", 1)
    videos[0].write_bytes(b"another film")
    (tmp_path / ".x.h5.videos" / ".v3.h5.1.part").write_bytes(b"of a killed process")
    (tmp_path / ".x.h5.1.part").write_bytes(b"of a killed process")
    (tmp_path / ".x.h5.videos" / "v2.h5").write_bytes(b"half")
    extractor.made, extractor.stop_at = [], ""
    write_features(videos, tmp_path / "x.h5", made_with, "cpu", 1)
    assert extractor.made == ["v0", "v1", "v2", "v3"]
    with h5py.File(tmp_path / "x.h5") as file:
        assert file["v0/rgb"][0, 0] == len(b"another film")
    assert folder(tmp_path) == {"x.h5"}


def test_where_no_video_can_be_used_nothing_is_written(tmp_path, videos, made_with, extractor):
    with pytest.raises(UserError, match="no video could be used"):
        write_features(videos[1:2], tmp_path / "x.h5", made_with, "cpu", 1)
    with pytest.raises(UserError, match="is broken"):
        write_features(videos, tmp_path / "y.h5", made_with, "cpu", 1, strict=True)
    assert folder(tmp_path) == {".y.h5.videos"}


def test_a_folder_of_arrays_goes_on_too(tmp_path, videos, made_with, extractor):
    extractor.stop_at, extractor.error = "v3", KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        write_features(videos, tmp_path / "npy", made_with, "cpu", 1)
    assert {path.name for path in (tmp_path / "npy" / "rgb").iterdir()} == {"v0.npy", "v2.npy"}
    extractor.made, extractor.stop_at = [], ""
    write_features(videos, tmp_path / "npy", made_with, "cpu", 1)
    assert extractor.made == ["v1", "v3"]
    assert folder(tmp_path) == {"npy"}


def test_two_at_once_is_one_line(tmp_path, videos, made_with, extractor):
    with Unfinished(tmp_path / "x.h5").held(), pytest.raises(UserError, match="another process is making"):
        write_features(videos, tmp_path / "x.h5", made_with, "cpu", 1)
    assert folder(tmp_path) == set()
    write_features(videos, tmp_path / "x.h5", made_with, "cpu", 1)


def test_statuses_come_back(tmp_path, videos, made_with, extractor):
    write_features(videos, tmp_path / "x.h5", made_with, "cpu", 1)
    with open_shard(tmp_path / "x.h5") as file:
        assert read_statuses(file)[0] == Status("v0", 32, "ok")
        assert set(json.loads(file.attrs["recipe"])["videos"]) == {"v0", "v1", "v2", "v3"}


@pytest.mark.parametrize("name", ["..mp4", os.fsdecode(b"caf\xe9.mp4"), "a\\b.mp4"])
def test_names_are_checked_before_the_work(tmp_path, cli, name):
    (tmp_path / name).write_bytes(b"x")
    (tmp_path / "w.pt").write_bytes(b"x")
    weights = ("--weights-rgb", tmp_path / "w.pt", "--weights-flow", tmp_path / "w.pt")
    status, _, err = cli("features", tmp_path / name, "--out", tmp_path / "x.h5", *weights)
    assert status == 2
    assert "cannot name a video" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "x.h5").exists()
