"""What a verification says, without a command around it."""

import numpy as np
import pytest

from actionbytes.errors import UserError
from actionbytes.features.extract import stream_features
from actionbytes.features.store import write_npy, write_shard
from actionbytes.features.verify import verify


@pytest.fixture(scope="module")
def extracted(moving, made_with, tmp_path_factory):
    """Two videos and their features."""
    folder = tmp_path_factory.mktemp("verified")
    paths = [moving(folder / f"{name}.avi", 40, seed=k) for k, name in enumerate("ab")]
    streamed = stream_features(paths, made_with, made_with.streams())
    return {path.stem: path for path in paths}, {video.path.stem: video.features for video in streamed}


def test_what_is_the_same_is_said_to_be(extracted, made_with, tmp_path, capsys):
    files, features = extracted
    write_shard(tmp_path / "x.h5", features.items(), {})
    result = verify(tmp_path / "x.h5", files, made_with)
    assert result.same and (result.stored, result.used) == (2, 2)
    assert [check.name for check in result.checks] == ["a", "b"]
    for check in result.checks:
        assert {stream: fit.snippets for stream, fit in check.fits.items()} == {"rgb": 2, "flow": 2}
        assert all(fit.least > 0.99999 for fit in check.fits.values()) and not check.shapes
    assert [check.name for check in verify(tmp_path / "x.h5", files, made_with, sample=1).checks] == ["a"]
    assert capsys.readouterr().out == ""


def test_what_differs_is_part_of_the_result(extracted, made_with, tmp_path):
    files, features = extracted
    (tmp_path / "broken.avi").write_bytes(b"")
    write_npy(tmp_path / "npy", features.items())
    np.save(tmp_path / "npy" / "rgb" / "a.npy", np.ones((3, 128), np.float32))
    result = verify(tmp_path / "npy", {"a": files["a"], "b": tmp_path / "broken.avi"}, made_with)
    first, second = result.checks
    assert first.shapes == {"rgb": ((3, 128), (2, 128))} and set(first.fits) == {"flow"}
    assert "the file is empty" in second.broken
    assert not result.same and (result.stored, result.used) == (2, 1)
    with pytest.raises(UserError, match="none of its 2 videos is among the files"):
        verify(tmp_path / "npy", {"other": files["a"]}, made_with)
