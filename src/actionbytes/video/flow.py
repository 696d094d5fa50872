"""Optical flow between consecutive frames: parameters, and a stream that keeps several cores busy in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from actionbytes.parameters import Parameters

VERSION = 1  # raised when the numbers that come out change

cv2.setNumThreads(1)  # one pair per thread: OpenCV's own threads, row by row, would only get in each other's way


class Flow(Parameters):
    """TV-L1 and its constants, which are OpenCV's defaults: the ones behind published I3D features."""

    algorithm: Literal["tvl1", "opencv", "tvl1_torch"] = Field(
        "tvl1",
        description="compiled here; OpenCV's own, same numbers, far slower; batched for a GPU [R] methods.md 1.2",
    )
    tau: float = Field(0.25, gt=0, description="step of the dual ascent")
    lam: float = Field(0.15, gt=0, description="weight of the data term (lambda)")
    theta: float = Field(0.3, gt=0, description="tightness of the coupling of the two fields")
    nscales: int = Field(5, ge=1, description="levels of the pyramid, fewer where a level is under 16 pixels")
    warps: int = Field(5, ge=1, description="warps per level")
    epsilon: float = Field(0.01, gt=0, description="root mean square change in pixels at which iterations stop")
    inner_iterations: int = Field(30, ge=1, description="iterations between two medians")
    outer_iterations: int = Field(10, ge=1, description="medians per warp")
    scale_step: float = Field(0.8, gt=0, lt=1, description="size of a level relative to the one below")
    median: Literal[1, 3, 5] = Field(5, description="side of the median filter in pixels; 1 is none")
    bound: float = Field(20.0, gt=0, description="pixels to which each component is clipped [R] methods.md 1.2")
    storage: Literal["float16", "uint8"] = Field(
        "float16",
        description="what the network sees: float16, or 8 bit as published features; both fit [R] methods.md 1.2",
    )

    @property
    def version(self) -> str:
        """What besides the parameters decides the numbers, for recipes: OpenCV 4 and 5 differ near the border."""
        return f"{self.algorithm} {VERSION}, OpenCV {cv2.__version__}"


def flow_pairs(frames: Iterable[np.ndarray], flow: Flow, threads: int = 1, device: str = "cpu") -> Iterator[np.ndarray]:
    """Flow from each frame to the next one, the last repeated, so that N frames give N flows (methods.md 1.2, 6).

    frames: (H, W, 3) uint8 RGB. Yields (H, W, 2) float32, horizontal then vertical displacement in pixels, clipped to
    +-bound; one frame alone does not move. Frames are taken as they are needed: at most 2 * threads + 2 are held, one
    batch with tvl1_torch, which is the one that heeds `device`. The values do not depend on `threads`.
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
    """Pixels (..., 2) float32 from what `stored` made; in 8 bit a zero becomes +0.078 of 20 pixels (methods.md 1.2)."""
    if flow.storage == "float16":
        return values.astype(np.float32)
    return values.astype(np.float32) * np.float32(2 * flow.bound / 255) - np.float32(flow.bound)


def _fields(grays: Iterable[np.ndarray], flow: Flow, threads: int, device: str) -> Iterator[np.ndarray]:
    """Flow between consecutive gray frames, not clipped; the modules take numba or torch along, so they come late."""
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
    solver = cv2.optflow.DualTVL1OpticalFlow_create(
        flow.tau, flow.lam, flow.theta, flow.nscales, flow.warps, flow.epsilon,
        flow.inner_iterations, flow.outer_iterations, flow.scale_step, 0.0, flow.median, False,
    )  # fmt: skip
    return solver.calc(first, second, None)
