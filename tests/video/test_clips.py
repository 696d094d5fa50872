"""Clips between the stages."""

import numpy as np
import pytest

from actionbytes.errors import UserError
from actionbytes.video.clips import Clip, write_clip
from actionbytes.video.flow import restored, stored
from actionbytes.video.parameters import Flow

KINDS = [(np.uint8, 3), (np.float16, 2), (np.uint8, 2)]


def _frames(dtype, channels: int, count: int = 5, size: tuple[int, int] = (31, 46)) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.normal(0, 30, (*size, channels)).astype(np.int16).astype(dtype) for _ in range(count)]


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
@pytest.mark.parametrize("size", [(31, 46), (64, 64), (2, 3)])
def test_comes_back_to_the_bit(tmp_path, dtype, channels, size):
    frames = _frames(dtype, channels, size=size)
    assert write_clip(tmp_path / "a.clip", iter(frames), fps=25.0, video="Ümläut: 1") == 5
    clip = Clip(tmp_path / "a.clip")
    assert len(clip) == 5 and clip.attributes == {"fps": 25.0, "video": "Ümläut: 1"}
    assert all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in zip(clip, frames, strict=True))
    np.testing.assert_array_equal(clip.read(), np.stack(frames))


def test_every_half_float_survives(tmp_path):
    values = np.arange(65536, dtype=np.uint16).view(np.float16).reshape(1, 128, 256, 2)
    write_clip(tmp_path / "a.clip", values)
    assert Clip(tmp_path / "a.clip").read().tobytes() == values.tobytes()


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
def test_the_same_bytes_every_time(tmp_path, dtype, channels):
    for name in ("a", "b"):
        write_clip(tmp_path / name, _frames(dtype, channels), fps=25.0)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_whole_or_not_at_all(tmp_path):
    def breaks():
        yield from _frames(np.uint8, 3)
        raise UserError("the source breaks")

    with pytest.raises(UserError, match="the source breaks"):
        write_clip(tmp_path / "a.clip", breaks())
    assert list(tmp_path.iterdir()) == []


def test_takes_frames_one_by_one(tmp_path):
    taken = []

    def frames():
        for k, frame in enumerate(_frames(np.uint8, 3, count=8)):
            taken.append(k)
            yield frame

    write_clip(tmp_path / "a.clip", frames())
    reader = iter(Clip(tmp_path / "a.clip"))
    next(reader)
    reader.close()
    assert taken == list(range(8))


@pytest.mark.parametrize("content", [b"", b"no clip", None])
def test_not_a_clip(tmp_path, content):
    path = tmp_path / "a.clip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="not a readable clip"):
        Clip(path)


def test_a_cut_clip_is_noticed(tmp_path):
    path = tmp_path / "a.clip"
    write_clip(path, _frames(np.uint8, 3))
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(UserError, match="not a readable clip"):
        Clip(path).read()


@pytest.mark.parametrize(("storage", "error"), [("float16", 0.008), ("uint8", 0.0785)])
def test_flow_is_stored_as_the_recipe_says(storage, error):
    flow = Flow(storage=storage)
    field = np.random.default_rng(0).uniform(-20, 20, (8, 9, 2)).astype(np.float32)
    field[0, 0], field[0, 1] = (-20, 20), (0, 0)
    values = stored(field, flow)
    assert values.dtype == np.dtype(storage)
    back = restored(values, flow)
    assert back.dtype == np.float32 and np.abs(back - field).max() <= error
    np.testing.assert_allclose(back[0, 0], (-20, 20), atol=1e-5)


def test_8_bit_flow_is_the_formula_of_the_field():
    values = stored(np.float32([[0, 0.1], [-20, 20]]), Flow(storage="uint8"))
    np.testing.assert_array_equal(values, [[128, 128], [0, 255]])
    assert restored(values, Flow(storage="uint8"))[0, 0] / 20 == pytest.approx(2 * 128 / 255 - 1, abs=1e-6)
