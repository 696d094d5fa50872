"""Optical flow between consecutive frames, in order, on several cores at once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import chain

import cv2
import numpy as np

from actionbytes.video.parameters import Flow

cv2.setNumThreads(1)  # one pair per thread: OpenCV's own threads, row by row, would only get in each other's way


def flow_pairs(frames: Iterable[np.ndarray], flow: Flow, threads: int = 1, device: str = "cpu") -> Iterator[np.ndarray]:
    """Flow from each frame to the next one, the last repeated, so that N frames give N flows.

    Frames are taken as they are needed: at most 2 * threads + 2 are held, or one batch of tvl1_torch.

    Args:
        frames: (H, W, 3) uint8 RGB.
        flow: Algorithm and its parameters.
        threads: Pairs of frames at a time; the values do not depend on it.
        device: Where tvl1_torch computes; the other algorithms use the CPU.

    Yields:
        (H, W, 2) float32, horizontal then vertical displacement in pixels, clipped to +-bound. The flow of a single
        frame is zero.
    """
    grays = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames)
    first = next(grays, None)
    if first is None:
        return
    field = np.zeros((*first.shape, 2), np.float32)
    for field in _fields(chain([first], grays), flow, max(1, threads), device):
        yield np.clip(field, -flow.bound, flow.bound, out=field)
    yield field


def stored(field: np.ndarray, flow: Flow) -> np.ndarray:
    """Flow (..., 2) in pixels as it is stored: float16, or uint8 with q = round((v + bound) * 255 / (2 * bound))."""
    if flow.storage == "float16":
        return field.astype(np.float16)
    return np.rint((field + np.float32(flow.bound)) * np.float32(255 / (2 * flow.bound))).astype(np.uint8)


def restored(values: np.ndarray, flow: Flow) -> np.ndarray:
    """Pixels (..., 2) float32 from what `stored` made; in 8 bit a zero becomes +0.078 pixels at a bound of 20."""
    if flow.storage == "float16":
        return values.astype(np.float32)
    return values.astype(np.float32) * np.float32(2 * flow.bound / 255) - np.float32(flow.bound)


def _fields(grays: Iterable[np.ndarray], flow: Flow, threads: int, device: str) -> Iterator[np.ndarray]:
    """Flow between consecutive gray frames, not clipped; numba and torch are imported only where they are used."""
    if flow.algorithm == "opencv":
        return _in_threads(grays, lambda gray: gray, partial(_opencv, flow), threads)
    if flow.algorithm == "tvl1_torch":
        from actionbytes.video import tvl1_torch

        return tvl1_torch.flows(grays, flow, device)
    from actionbytes.video import tvl1

    return _in_threads(grays, partial(tvl1.pyramid, flow=flow), partial(tvl1.between, flow=flow), threads)


def _in_threads(
    grays: Iterable[np.ndarray], prepare: Callable, between: Callable, threads: int
) -> Iterator[np.ndarray]:
    """One pair per thread: `prepare` once per frame, `between` for two prepared ones, results in order."""
    waiting: deque[Future] = deque()
    previous = None
    pool = ThreadPoolExecutor(threads)
    try:
        for gray in grays:
            current = pool.submit(prepare, gray)
            if previous is not None:
                # Both were handed in before, so waiting for them cannot block the pool.
                waiting.append(pool.submit(lambda a, b: between(a.result(), b.result()), previous, current))
            previous = current
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _opencv(flow: Flow, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    solver = cv2.optflow.DualTVL1OpticalFlow_create(  # type: ignore[attr-defined]
        flow.tau, flow.lam, flow.theta, flow.nscales, flow.warps, flow.epsilon,
        flow.inner_iterations, flow.outer_iterations, flow.scale_step, 0.0, flow.median, False,
    )  # fmt: skip
    return solver.calc(first, second, None)
