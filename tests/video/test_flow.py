"""TV-L1 and the stream of flows."""

import subprocess
import sys
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import torch

from actionbytes.errors import UserError
from actionbytes.parameters import validated
from actionbytes.video.decode import frames_of
from actionbytes.video.flow import flow_pairs
from actionbytes.video.parameters import Decoding, Flow


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the operations are small
    yield
    torch.set_num_threads(before)


def _moving(count: int, size: tuple[int, int], shift: tuple[float, float], seed: int = 0) -> list[np.ndarray]:
    """A smooth random picture that moves by `shift` (x, y) pixels per frame."""
    height, width = size
    random = np.random.default_rng(seed)
    large = cv2.GaussianBlur(random.uniform(0, 255, (height * 2, width * 2, 3)).astype(np.float32), (0, 0), 3)
    large = cv2.normalize(large, None, 0, 255, cv2.NORM_MINMAX)
    result = []
    for k in range(count):
        move = np.float32([[1, 0, k * shift[0] - width / 2], [0, 1, k * shift[1] - height / 2]])
        result.append(cv2.warpAffine(large, move, (width, height)).astype(np.uint8))
    return result


def _difference(one: np.ndarray, other: np.ndarray, border: int = 8) -> float:
    """Mean end point difference in pixels away from the border, where OpenCV 4 and 5 differ."""
    height, width, _ = one.shape
    distance = np.linalg.norm(one - other, axis=-1)  # (H, W)
    return float(distance[border : height - border, border : width - border].mean())


@pytest.mark.parametrize("size", [(64, 64), (90, 57), (33, 70), (17, 40), (24, 24)])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.4, -0.3), (3.0, 1.5)])
def test_equals_opencv_on_generated_pairs(size, shift):
    frames = _moving(2, size, shift)
    ours, theirs = (next(flow_pairs(frames, Flow(algorithm=name))) for name in ("tvl1", "opencv"))
    assert _difference(ours, theirs, border=0) < 1e-4


@pytest.mark.parametrize(
    "changed",
    [
        {"nscales": 1, "warps": 1, "inner_iterations": 1, "outer_iterations": 1},
        {"median": 1},
        {"median": 3, "outer_iterations": 2},
        {"scale_step": 0.6, "lam": 0.05, "theta": 0.2, "tau": 0.2},
        {"epsilon": 0.05, "warps": 2},
        {"nscales": 9},
    ],
)
def test_equals_opencv_with_other_parameters(changed):
    frames = _moving(2, (72, 61), (1.2, -0.7), seed=1)
    ours, theirs = (next(flow_pairs(frames, Flow(algorithm=name, **changed))) for name in ("tvl1", "opencv"))
    assert _difference(ours, theirs, border=0) < 1e-4


@pytest.mark.parametrize(
    "clip", ["mmaction2/demo.mp4", "torchvision/R6llTwEh07w.mp4", "c3d/v_BaseballPitch_g01_c01.avi"]
)
def test_equals_opencv_on_real_pairs(real, clip):
    decoding = Decoding(short_side=112, crop=96)
    frames = list(frames_of(real / "videos" / clip, decoding, (1.0, 1.2)))
    ours, theirs = (list(flow_pairs(frames, Flow(algorithm=name), threads=2)) for name in ("tvl1", "opencv"))
    assert np.mean([_difference(one, other) for one, other in zip(ours, theirs, strict=True)]) < 0.01


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.4, -0.3), (2.0, 1.5)])
def test_torch_agrees(shift):
    frames = _moving(3, (36, 41), shift, seed=3)
    few = {"nscales": 2, "warps": 2, "outer_iterations": 3}
    one, other = (list(flow_pairs(frames, Flow(algorithm=name, **few))) for name in ("tvl1", "tvl1_torch"))
    assert len(one) == len(other) == 3
    assert np.mean([_difference(a, b, border=0) for a, b in zip(one, other, strict=True)]) < 0.01


def test_torch_does_not_depend_on_the_batch(monkeypatch):
    frames = _moving(6, (24, 24), (0.8, 0.2), seed=4)
    flow = Flow(algorithm="tvl1_torch", warps=2, outer_iterations=2)
    whole = list(flow_pairs(frames, flow))
    monkeypatch.setattr("actionbytes.video.tvl1_torch.BATCH", 2)
    for a, b in zip(whole, flow_pairs(frames, flow), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


def test_finds_a_known_motion():
    x, y = (1.5, -0.8)
    field = next(flow_pairs(_moving(2, (80, 96), (x, y)), Flow()))
    assert field.shape == (80, 96, 2) and field.dtype == np.float32
    np.testing.assert_allclose(np.median(field, axis=(0, 1)), (x, y), atol=0.05)


def test_as_many_flows_as_frames_the_last_repeated():
    frames = _moving(5, (32, 32), (1.0, 0.0))
    fields = list(flow_pairs(frames, Flow(warps=1)))
    assert len(fields) == 5
    np.testing.assert_array_equal(fields[3], fields[4])
    assert not np.array_equal(fields[2], fields[3])


def test_none_and_one_frame():
    assert list(flow_pairs([], Flow())) == []
    (still,) = flow_pairs(_moving(1, (20, 30), (0, 0)), Flow())
    np.testing.assert_array_equal(still, np.zeros((20, 30, 2), np.float32))


def test_values_and_order_do_not_depend_on_threads():
    frames = _moving(12, (40, 48), (0.9, 0.4), seed=2)
    one, three = (list(flow_pairs(frames, Flow(warps=2), threads=n)) for n in (1, 3))
    assert all(np.array_equal(a, b) for a, b in zip(one, three, strict=True))


def test_clips_to_the_bound():
    fields = list(flow_pairs(_moving(3, (64, 64), (3.0, -2.0)), Flow(bound=0.5)))
    assert max(np.abs(field).max() for field in fields) == 0.5


@pytest.mark.parametrize("threads", [1, 4])
def test_takes_frames_only_as_they_are_needed(threads):
    taken = 0

    def frames() -> Iterator[np.ndarray]:
        nonlocal taken
        for frame in _moving(40, (24, 24), (0.5, 0)):
            taken += 1
            yield frame

    stream = flow_pairs(frames(), Flow(warps=1), threads=threads)
    for k in range(10):
        next(stream)
        assert taken - k <= 2 * threads + 2
    stream.close()


def test_an_error_among_the_frames_arrives():
    def frames() -> Iterator[np.ndarray]:
        yield from _moving(3, (24, 24), (0, 0))
        raise UserError("the file ends here")

    with pytest.raises(UserError, match="ends here"):
        list(flow_pairs(frames(), Flow(warps=1), threads=2))


def test_wrong_parameters_are_one_line():
    with pytest.raises(UserError, match=r"flow.yaml: median: 4 is not allowed"):
        validated(Flow, {"median": 4}, "flow.yaml")
    assert "OpenCV" in Flow().version and Flow().version != Flow(algorithm="opencv").version


def test_compiles_where_nothing_can_be_cached():
    code = """
import numba.core.caching as caching
caching.CompileResultCacheImpl._locator_classes = []
from actionbytes.video import tvl1
assert tvl1._sum_in_order(np.ones(5, np.float32)) == 5
"""
    subprocess.run([sys.executable, "-c", "import numpy as np\n" + code], check=True)
