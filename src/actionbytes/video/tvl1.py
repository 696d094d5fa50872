"""TV-L1 optical flow: the duality scheme of Zach, Pock and Bischof, compiled, with OpenCV's parameters and results.

The inner iterations are here; warps, medians and resizing are OpenCV's, which are fast.  Every floating-point operation
is done in the order in which OpenCV's DualTVL1 does it and rounded in between (no `fastmath`), because the scheme is
chaotic: a change of one unit in the last place moves the warp at which an iteration stops, and then whole regions.
So on x86 the result equals OpenCV's bit for bit; what is faster is that an iteration is two passes over cached rows
instead of ten over memory, and that pairs, not rows, are shared out among threads.
"""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numba import njit

from actionbytes.video.flow import Flow

# The state of one level: planes of (h + 2, w + 1) with a border of zeros above, below and right, flattened; the zero
# right of a row is also the left neighbour of the next.
U, V, P11, P12, P21, P22, WX, WY, RHO, INSIDE, CHANGE, PLANES = range(12)
ROWS = 64  # rows per block: a block stays in the second-level cache for both passes
ONE, HALF, ZERO, SMALLEST = np.float32(1), np.float32(0.5), np.float32(0), np.finfo(np.float32).eps


def _compiled(function: Callable, fastmath: bool | set[str] = False) -> Callable:
    """Compile on first call, release the GIL, keep the result on disk where there is a place for it."""
    options = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        return njit(**options)(function)


def pyramid(gray: np.ndarray, flow: Flow) -> list[np.ndarray]:
    """Levels of one frame, finest first: (h, w, 3) float32, the image and its two central differences.

    gray: (H, W) uint8 or float32 in 0..255. A level smaller than 16 pixels ends the pyramid, as in OpenCV.
    """
    image = gray.astype(np.float32)
    levels = [image]
    for _ in range(1, flow.nscales):
        image = cv2.resize(image, None, fx=flow.scale_step, fy=flow.scale_step, interpolation=cv2.INTER_LINEAR)
        if min(image.shape) < 16:
            break
        levels.append(image)
    return [_with_gradients(level) for level in levels]


def between(first: list[np.ndarray], second: list[np.ndarray], flow: Flow) -> np.ndarray:
    """Flow between two frames given as pyramids: (H, W, 2) float32 in pixels, not clipped.

    Zach, Pock, Bischof 2007, "A duality based approach for realtime TV-L1 optical flow", eq. 8-16, coarse to fine.
    """
    field = np.zeros((2, *first[-1].shape[:2]), np.float32)
    for level in range(len(first) - 1, -1, -1):
        _one_level(first[level], second[level], field, flow)
        if level:
            size = first[level - 1].shape[1::-1]
            field = np.stack([cv2.multiply(cv2.resize(part, size), 1 / flow.scale_step) for part in field])  # (2, h, w)
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
        _linearise(cv2.remap(second, target, None, cv2.INTER_CUBIC), first, field, planes)
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
    field: np.ndarray, planes: np.ndarray, lt: float, theta: float, taut: float, stop: float, iterations: int
) -> float:
    """Iterate until the squared change of the field is at most `stop`, or `iterations` times; return that change."""
    _, h, w = field.shape
    pitch = w + 1
    for y in range(h):
        for x in range(w):
            planes[U, (y + 1) * pitch + x] = field[0, y, x]
            planes[V, (y + 1) * pitch + x] = field[1, y, x]
    column = np.empty((2, h), np.float32)
    change = stop
    for _ in range(iterations):
        _first_column(h, pitch, planes, column, lt, theta)
        change = ZERO
        dual_done = pitch
        for top in range(0, h, ROWS):
            bottom = min(top + ROWS, h)
            change += _primal(pitch, top, bottom, planes, column, lt, theta)
            # The dual needs the next row's new field, and the next block's primal this row's old dual: lag one row.
            _dual(dual_done, bottom * pitch, pitch, planes, taut)
            dual_done = bottom * pitch
        _dual(dual_done, dual_done + pitch, 0, planes, taut)
        if abs(change - stop) <= stop * (np.float32(h * w) * SMALLEST):
            change = _sum_in_order(planes[CHANGE])
        if change <= stop:
            break
    for y in range(h):
        for x in range(w):
            field[0, y, x] = planes[U, (y + 1) * pitch + x]
            field[1, y, x] = planes[V, (y + 1) * pitch + x]
    return change


@_compiled
def _threshold(wx: float, wy: float, rho: float, u: float, v: float, lt: float) -> float:
    """The factor of the image gradient in the thresholding step (eq. 12)."""
    gradient = wx * wx + wy * wy
    rest = rho + (wx * u + wy * v)
    limit = lt * gradient
    step = -rest / gradient if gradient > SMALLEST else ZERO
    step = -lt if rest > limit else step
    return lt if rest < -limit else step


@_compiled
def _first_column(h: int, pitch: int, planes: np.ndarray, column: np.ndarray, lt: float, theta: float) -> None:
    """New field in the first column, where OpenCV adds up the divergence in another order."""
    for y in range(h):
        i = (y + 1) * pitch
        u, v, wx, wy = planes[U, i], planes[V, i], planes[WX, i], planes[WY, i]
        step = _threshold(wx, wy, planes[RHO, i], u, v, lt)
        column[0, y] = (u + step * wx) + theta * (planes[P11, i] + planes[P12, i] - planes[P12, i - pitch])
        column[1, y] = (v + step * wy) + theta * (planes[P21, i] + planes[P22, i] - planes[P22, i - pitch])


@_compiled
def _primal(
    pitch: int, top: int, bottom: int, planes: np.ndarray, column: np.ndarray, lt: float, theta: float
) -> float:
    """New field in the rows top..bottom (eq. 11-13) and its squared change."""
    lo, hi = (top + 1) * pitch, (bottom + 1) * pitch
    u, v, wx, wy, rho = planes[U, lo:hi], planes[V, lo:hi], planes[WX, lo:hi], planes[WY, lo:hi], planes[RHO, lo:hi]
    change = planes[CHANGE, lo:hi]
    p11, p12, p21, p22 = planes[P11, lo:hi], planes[P12, lo:hi], planes[P21, lo:hi], planes[P22, lo:hi]
    left11, left21 = planes[P11, lo - 1 : hi - 1], planes[P21, lo - 1 : hi - 1]
    above12, above22 = planes[P12, lo - pitch : hi - pitch], planes[P22, lo - pitch : hi - pitch]
    old_u, old_v = planes[U, lo:hi:pitch].copy(), planes[V, lo:hi:pitch].copy()
    for i in range(hi - lo):
        old1, old2 = u[i], v[i]
        step = _threshold(wx[i], wy[i], rho[i], old1, old2, lt)
        new1 = (old1 + step * wx[i]) + theta * ((p11[i] - left11[i]) + (p12[i] - above12[i]))
        new2 = (old2 + step * wy[i]) + theta * ((p21[i] - left21[i]) + (p22[i] - above22[i]))
        u[i] = new1
        v[i] = new2
        change[i] = (new1 - old1) * (new1 - old1) + (new2 - old2) * (new2 - old2)
    for y in range(bottom - top):
        i = y * pitch
        du, dv = column[0, top + y] - old_u[y], column[1, top + y] - old_v[y]
        u[i] = column[0, top + y]
        v[i] = column[1, top + y]
        change[i] = du * du + dv * dv
    return _sum(change)


@_compiled
def _dual(lo: int, hi: int, down: int, planes: np.ndarray, taut: float) -> None:
    """New dual variables from the field's forward differences (eq. 14-16); `down` is 0 in the last row."""
    u, right_u, below_u = planes[U, lo:hi], planes[U, lo + 1 : hi + 1], planes[U, lo + down : hi + down]
    v, right_v, below_v = planes[V, lo:hi], planes[V, lo + 1 : hi + 1], planes[V, lo + down : hi + down]
    p11, p12, p21, p22 = planes[P11, lo:hi], planes[P12, lo:hi], planes[P21, lo:hi], planes[P22, lo:hi]
    inside = planes[INSIDE, lo:hi]
    for i in range(hi - lo):
        ux, uy = inside[i] * (right_u[i] - u[i]), below_u[i] - u[i]
        vx, vy = inside[i] * (right_v[i] - v[i]), below_v[i] - v[i]
        norm_u = ONE + taut * np.float32(np.sqrt(np.float64(ux) * np.float64(ux) + np.float64(uy) * np.float64(uy)))
        norm_v = ONE + taut * np.float32(np.sqrt(np.float64(vx) * np.float64(vx) + np.float64(vy) * np.float64(vy)))
        p11[i] = (p11[i] + taut * ux) / norm_u
        p12[i] = (p12[i] + taut * uy) / norm_u
        p21[i] = (p21[i] + taut * vx) / norm_v
        p22[i] = (p22[i] + taut * vy) / norm_v


@partial(_compiled, fastmath={"reassoc", "nsz"})
def _sum(values: np.ndarray) -> float:
    total = ZERO
    for value in values:
        total += value
    return total


@_compiled
def _sum_in_order(values: np.ndarray) -> float:
    """The sum as OpenCV adds it up, for the rare case that the stop hangs on its rounding."""
    total = ZERO
    for value in values:
        total += value
    return total
