"""Optical flow between consecutive frames, streaming and in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from actionbytes.parameters import Parameters


class Flow(Parameters):
    """TV-L1 and its constants: OpenCV's defaults, which the field uses."""

    algorithm: Literal["tvl1", "opencv"] = Field(
        "tvl1", description="compiled here, or OpenCV's own [R] methods.md 1.2"
    )
    tau: float = Field(0.25, gt=0, description="step of the dual ascent")
    lam: float = Field(0.15, gt=0, description="weight of the data term (lambda)")
    theta: float = Field(0.3, gt=0, description="tightness of the coupling")
    nscales: int = Field(5, ge=1, description="levels of the pyramid")
    warps: int = Field(5, ge=1, description="warps per level")
    epsilon: float = Field(0.01, gt=0, description="change per pixel at which iterations stop")
    inner_iterations: int = Field(30, ge=1, description="iterations between medians")
    outer_iterations: int = Field(10, ge=1, description="medians per warp")
    scale_step: float = Field(0.8, gt=0, lt=1, description="size of a level relative to the one below")
    median: Literal[1, 3, 5] = Field(5, description="side of the median filter in pixels; 1 is none")
    bound: float = Field(20.0, gt=0, description="pixels to which each component is clipped [R] methods.md 1.2")


def flow_pairs(frames: Iterable[np.ndarray], flow: Flow, threads: int = 1) -> Iterator[np.ndarray]:
    """Flow from each frame to the next one, the last repeated, so that N frames give N flows (methods.md 1.2, 6).

    frames: (H, W, 3) uint8 RGB. Yields (H, W, 2) float32, horizontal then vertical displacement in pixels, clipped to
    +-bound. Holds at most 2 * threads + 2 frames; the values do not depend on `threads`. One frame alone stands still.
    """
    between = _algorithm(flow)
    grays = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames)
    with ThreadPoolExecutor(max(1, threads)) as pool:
        waiting: deque = deque()
        field, gray = None, None
        for previous, gray in pairwise(grays):
            waiting.append(pool.submit(between, previous, gray))
            if len(waiting) > 2 * threads:
                yield (field := waiting.popleft().result())
        while waiting:
            yield (field := waiting.popleft().result())
        if field is not None:
            yield field


def _algorithm(flow: Flow) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        solver = cv2.optflow.DualTVL1OpticalFlow_create(
            flow.tau, flow.lam, flow.theta, flow.nscales, flow.warps, flow.epsilon,
            flow.inner_iterations, flow.outer_iterations, flow.scale_step, 0.0, flow.median, False,
        )  # fmt: skip
        return np.clip(solver.calc(first, second, None), -flow.bound, flow.bound)

    return between
