"""TV-L1 optical flow: the duality scheme of Zach, Pock and Bischof, compiled, with OpenCV's parameters and results.

The iterations are here, as two fused and vectorised passes where OpenCV makes ten; warps, medians and resizing are
OpenCV's, which are fast.  The scheme is chaotic: one unit in the last place can move the iteration at which a warp
stops, and then whole regions by a tenth of a pixel.  So every operation is done in OpenCV's order and rounded as there
(no `fastmath`), and on x86 the result equals its DualTVL1 bit for bit.

Source: C. Zach, T. Pock, H. Bischof, "A duality based approach for realtime TV-L1 optical flow", DAGM 2007.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
from numba import njit

from actionbytes.video.parameters import Flow

# The state of one level: planes of (h + 2, w + 1) with a border of zeros above, below and right, flattened; the zero
# right of a row is also the left neighbour of the next. Unsigned indices, as numba allows for negative ones otherwise.
U, V, P11, P12, P21, P22, WX, WY, RHO, INSIDE, CHANGE, PLANES = range(12)
ONE, HALF, ZERO, SMALLEST = np.float32(1), np.float32(0.5), np.float32(0), np.finfo(np.float32).eps
STAY, NEXT = np.uintp(0), np.uintp(1)


def _compiled(function: Callable, fastmath: bool | set[str] = False) -> Callable:
    """Compile on first call, release the GIL, keep the result on disk where there is a place for it."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        return njit(**options)(function)


def pyramid(gray: np.ndarray, flow: Flow) -> list[np.ndarray]:
    """Scale one frame down level by level; one smaller than 16 pixels ends the pyramid, as in OpenCV.

    Args:
        gray: (H, W) uint8 or float32 in 0..255.
        flow: Number of levels and their ratio.

    Returns:
        Levels, finest first: (h, w, 3) float32, the image and its two central differences.
    """
    image: np.ndarray = gray.astype(np.float32)
    levels = [image]
    for _ in range(1, flow.nscales):
        image = cv2.resize(image, None, fx=flow.scale_step, fy=flow.scale_step, interpolation=cv2.INTER_LINEAR)
        if min(image.shape) < 16:
            break
        levels.append(image)
    return [_with_gradients(level) for level in levels]


def between(first: list[np.ndarray], second: list[np.ndarray], flow: Flow) -> np.ndarray:
    """Flow between two frames, coarse to fine (eq. 8-16).

    Args:
        first: Pyramid of a frame.
        second: Pyramid of the next frame.
        flow: Parameters of the scheme.

    Returns:
        (H, W, 2) float32 in pixels, not clipped.
    """
    field = np.zeros((2, *first[-1].shape[:2]), np.float32)
    for level in range(len(first) - 1, -1, -1):
        _one_level(first[level], second[level], field, flow)
        if level:
            size = first[level - 1].shape[1::-1]
            parts = [cv2.resize(part, size) for part in field]
            field = np.stack([cv2.multiply(part, 1 / flow.scale_step) for part in parts])  # type: ignore[call-overload]
    return np.ascontiguousarray(field.transpose(1, 2, 0))  # (H, W, 2)


def _one_level(first: np.ndarray, second: np.ndarray, field: np.ndarray, flow: Flow) -> None:
    """Improve `field` (2, h, w) in place."""
    h, w, _ = first.shape
    planes = np.zeros((PLANES, (h + 2) * (w + 1) + 1), np.float32)
    planes[INSIDE, :-1].reshape(h + 2, w + 1)[:, : w - 1] = 1
    target = np.empty((h, w, 2), np.float32)
    stop = np.float32(flow.epsilon * flow.epsilon * h * w)
    weights = np.float32(flow.lam * flow.theta), np.float32(flow.theta), np.float32(flow.tau / flow.theta)
    for _ in range(flow.warps):
        _targets(field, target)
        warped = cv2.remap(second, target, None, cv2.INTER_CUBIC)  # type: ignore[call-overload]
        _linearise(warped, first, field, planes)
        for _ in range(flow.outer_iterations):
            if flow.median > 1:
                for part in field:
                    cv2.medianBlur(part, flow.median, part)
            if _iterate(field, planes, *weights, stop, flow.inner_iterations) <= stop:
                break


@_compiled
def _with_gradients(image: np.ndarray) -> np.ndarray:
    h, w = image.shape
    result = np.empty((h, w, 3), np.float32)
    for y in range(h):
        above, below = max(y - 1, 0), min(y + 1, h - 1)
        for x in range(w):
            result[y, x, 0] = image[y, x]
            result[y, x, 1] = HALF * (image[y, min(x + 1, w - 1)] - image[y, max(x - 1, 0)])
            result[y, x, 2] = HALF * (image[below, x] - image[above, x])
    return result


@_compiled
def _targets(field: np.ndarray, target: np.ndarray) -> None:
    """Where each pixel goes: (h, w, 2)."""
    h, w, _ = target.shape
    for y in range(h):
        for x in range(w):
            target[y, x, 0] = np.float32(x) + field[0, y, x]
            target[y, x, 1] = np.float32(y) + field[1, y, x]


@_compiled
def _linearise(warped: np.ndarray, first: np.ndarray, field: np.ndarray, planes: np.ndarray) -> None:
    """The data term around `field`: rho(u) = RHO + WX u1 + WY u2 (eq. 9)."""
    h, w, _ = warped.shape
    for y in range(h):
        for x in range(w):
            i = (y + 1) * (w + 1) + x
            wx, wy = warped[y, x, 1], warped[y, x, 2]
            planes[WX, i] = wx
            planes[WY, i] = wy
            planes[RHO, i] = warped[y, x, 0] - wx * field[0, y, x] - wy * field[1, y, x] - first[y, x, 0]


@_compiled
def _iterate(
    field: np.ndarray, planes: np.ndarray, lt: float, theta: float, taut: float, stop: np.float32, iterations: int
) -> np.float32:
    """Iterate until the squared change of the field is at most `stop`, or `iterations` times; return that change."""
    _, h, w = field.shape
    pitch = np.uintp(w + 1)
    for y in range(h):
        for x in range(w):
            planes[U, (y + 1) * (w + 1) + x] = field[0, y, x]
            planes[V, (y + 1) * (w + 1) + x] = field[1, y, x]
    column = np.empty((3, h), np.float32)
    change = stop
    for _ in range(iterations):
        _first_column(pitch, planes, column, lt, theta)
        _primal(w + 1, (h + 1) * (w + 1), pitch, planes, lt, theta)
        _set_first_column(pitch, planes, column)
        _dual(w + 1, h * (w + 1), pitch, planes, taut)
        _dual(h * (w + 1), (h + 1) * (w + 1), STAY, planes, taut)
        change = _sum(planes[CHANGE])
        if abs(change - stop) <= stop * (np.float32(h * w) * SMALLEST):
            change = _sum_in_order(planes[CHANGE])
        if change <= stop:
            break
    for y in range(h):
        for x in range(w):
            field[0, y, x] = planes[U, (y + 1) * (w + 1) + x]
            field[1, y, x] = planes[V, (y + 1) * (w + 1) + x]
    return change


@_compiled
def _primal(lo: int, hi: int, pitch: int, planes: np.ndarray, lt: float, theta: float) -> None:
    """New field at the places lo..hi (eq. 11-13), and its squared change."""
    for place in range(lo, hi):
        i = np.uintp(place)
        left, above = i - NEXT, i - pitch
        u, v, wx, wy = planes[U, i], planes[V, i], planes[WX, i], planes[WY, i]
        step = _threshold(wx, wy, planes[RHO, i], u, v, lt)
        div1 = (planes[P11, i] - planes[P11, left]) + (planes[P12, i] - planes[P12, above])
        div2 = (planes[P21, i] - planes[P21, left]) + (planes[P22, i] - planes[P22, above])
        new_u, new_v = (u + step * wx) + theta * div1, (v + step * wy) + theta * div2
        planes[U, i], planes[V, i] = new_u, new_v
        planes[CHANGE, i] = (new_u - u) * (new_u - u) + (new_v - v) * (new_v - v)


@_compiled
def _threshold(wx: float, wy: float, rho: float, u: float, v: float, lt: float) -> float | np.float32:
    """The factor of the image gradient in the thresholding step (eq. 12)."""
    gradient = wx * wx + wy * wy
    rest = rho + (wx * u + wy * v)
    limit = lt * gradient
    step = -rest / gradient if gradient > SMALLEST else ZERO
    step = -lt if rest > limit else step
    return lt if rest < -limit else step


@_compiled
def _first_column(pitch: int, planes: np.ndarray, column: np.ndarray, lt: float, theta: float) -> None:
    """What `_primal` should find in the first column, where OpenCV adds up the divergence in another order."""
    for y in range(column.shape[1]):
        i = np.uintp(y + 1) * pitch
        u, v, wx, wy = planes[U, i], planes[V, i], planes[WX, i], planes[WY, i]
        step = _threshold(wx, wy, planes[RHO, i], u, v, lt)
        div1 = (planes[P11, i] + planes[P12, i]) - planes[P12, i - pitch]
        div2 = (planes[P21, i] + planes[P22, i]) - planes[P22, i - pitch]
        new_u, new_v = (u + step * wx) + theta * div1, (v + step * wy) + theta * div2
        column[0, y], column[1, y] = new_u, new_v
        column[2, y] = (new_u - u) * (new_u - u) + (new_v - v) * (new_v - v)


@_compiled
def _set_first_column(pitch: int, planes: np.ndarray, column: np.ndarray) -> None:
    for y in range(column.shape[1]):
        i = np.uintp(y + 1) * pitch
        planes[U, i], planes[V, i], planes[CHANGE, i] = column[0, y], column[1, y], column[2, y]


@_compiled
def _dual(lo: int, hi: int, down: int, planes: np.ndarray, taut: float) -> None:
    """New dual variables at lo..hi from the field's forward differences (eq. 14-16); `down` is 0 in the last row."""
    for place in range(lo, hi):
        i = np.uintp(place)
        right, below = i + NEXT, i + down
        inside, u, v = planes[INSIDE, i], planes[U, i], planes[V, i]
        ux, uy = inside * (planes[U, right] - u), planes[U, below] - u
        vx, vy = inside * (planes[V, right] - v), planes[V, below] - v
        norm_u = ONE + taut * _hypot(ux, uy)
        norm_v = ONE + taut * _hypot(vx, vy)
        planes[P11, i] = (planes[P11, i] + taut * ux) / norm_u
        planes[P12, i] = (planes[P12, i] + taut * uy) / norm_u
        planes[P21, i] = (planes[P21, i] + taut * vx) / norm_v
        planes[P22, i] = (planes[P22, i] + taut * vy) / norm_v


@_compiled
def _hypot(x: float, y: float) -> np.float32:
    """Rounded once, as C's hypotf is."""
    x, y = np.float64(x), np.float64(y)
    return np.float32(np.sqrt(x * x + y * y))


@partial(_compiled, fastmath={"reassoc", "nsz"})
def _sum(values: np.ndarray) -> np.float32:
    """The sum in whatever order is fastest; by index, since numba does not vectorise `for value in values`."""
    total = ZERO
    for i in range(values.shape[0]):
        total += values[i]
    return total


@_compiled
def _sum_in_order(values: np.ndarray) -> np.float32:
    """The sum as OpenCV adds it up, for the rare case that the stop hangs on its rounding."""
    total = ZERO
    for value in values:
        total += value
    return total
