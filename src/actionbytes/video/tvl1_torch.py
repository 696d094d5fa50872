"""TV-L1 for many pairs at once in torch: the scheme of `tvl1`, for a GPU.

The same steps with the same stopping rule for every pair, but not the same rounding: where `tvl1` equals OpenCV to the
bit, this one differs from both by what rounding does to a chaotic scheme (docs/video.md).
"""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample, pad

from actionbytes.video.parameters import Flow

BATCH = 32  # pairs at once, fixed, so that results do not depend on memory
LOOK = 5  # iterations between two looks at whether all pairs have stopped, each of which waits for the device


def flows(grays: Iterable[np.ndarray], flow: Flow, device: str) -> Iterator[np.ndarray]:
    """Flow from each gray frame (H, W) to the next: (H, W, 2) float32 in pixels, not clipped; one fewer than frames."""
    frames: list[np.ndarray] = []
    for gray in grays:
        frames.append(gray)
        if len(frames) == BATCH + 1:
            yield from between(np.stack(frames[:-1]), np.stack(frames[1:]), flow, device)
            del frames[:-1]
    if len(frames) > 1:
        yield from between(np.stack(frames[:-1]), np.stack(frames[1:]), flow, device)


@torch.inference_mode()
def between(first: np.ndarray, second: np.ndarray, flow: Flow, device: str) -> np.ndarray:
    """Flow of a batch of pairs (B, H, W) of gray values in 0..255: (B, H, W, 2) float32 in pixels, not clipped."""
    images = torch.from_numpy(np.stack([first, second])).to(device, torch.float32)  # (2, B, H, W)
    levels = [images]
    for _ in range(1, flow.nscales):
        h, w = (round(n * flow.scale_step) for n in levels[-1].shape[-2:])
        if min(h, w) < 16:
            break
        levels.append(_resized(levels[-1], h, w, 1 / flow.scale_step))
    field = torch.zeros(len(first), 2, *levels[-1].shape[-2:], device=device)  # (B, 2, h, w)
    for level in range(len(levels) - 1, -1, -1):
        first_image, second_image = levels[level]
        field = _one_level(first_image, second_image, field, flow)
        if level:
            field = _resized(field, *levels[level - 1].shape[-2:]) / flow.scale_step
    return field.permute(0, 2, 3, 1).cpu().numpy()  # (B, H, W, 2)


def _one_level(first: Tensor, second: Tensor, field: Tensor, flow: Flow) -> Tensor:
    batch, h, w = first.shape
    # In double precision: grid_sample wants places in -1..1, and rounding those moves flat regions of still pictures.
    moving = torch.stack([second, *_central_differences(second)], 1).double()  # (B, 3, h, w)
    grid = torch.stack(torch.meshgrid(torch.arange(w), torch.arange(h), indexing="xy")).to(moving)  # (2, h, w)
    half = torch.tensor([max(w - 1, 1), max(h - 1, 1)]).to(moving) / 2
    dual = field.new_zeros(batch, 2, 2, h, w)  # of each component, of each direction
    stop = flow.epsilon**2 * h * w
    for _ in range(flow.warps):
        target = (grid + field).permute(0, 2, 3, 1) / half - 1  # (B, h, w, 2)
        image, wx, wy = grid_sample(moving, target, "bicubic", "zeros", align_corners=True).to(field).unbind(1)
        slope = torch.stack([wx, wy], 1)  # (B, 2, h, w)
        rho = (image - first)[:, None] - (slope * field).sum(1, keepdim=True)  # (B, 1, h, w)
        square = slope.square().sum(1, keepdim=True)
        active = torch.ones(batch, 1, 1, 1, dtype=torch.bool, device=field.device)
        for _ in range(flow.outer_iterations):
            if flow.median > 1:
                field = torch.where(active, _median(field, flow.median), field)
            for k in range(flow.inner_iterations):
                field, dual, change = _iteration(field, dual, slope, square, rho, active, flow)
                active = active & (change > stop)
                if k % LOOK == LOOK - 1 and not active.any():
                    break
            if not active.any():
                break
    return field


def _iteration(
    field: Tensor, dual: Tensor, slope: Tensor, square: Tensor, rho: Tensor, active: Tensor, flow: Flow
) -> tuple[Tensor, Tensor, Tensor]:
    """One step of the active pairs (Zach, Pock, Bischof 2007, eq. 11-16), and its squared change (B, 1, 1, 1)."""
    limit, taut = flow.lam * flow.theta, flow.tau / flow.theta
    rest = rho + (slope * field).sum(1, keepdim=True)
    flat = square <= torch.finfo(torch.float32).eps
    step = torch.where(flat, -limit * rest.sign(), (-rest / square.clamp_min(1e-30)).clamp(-limit, limit))
    new = field + step * slope + flow.theta * _divergence(dual)
    change = (new - field).square().sum((1, 2, 3), keepdim=True)
    field = torch.where(active, new, field)
    slopes = _forward_differences(field)  # (B, 2, 2, h, w)
    grown = (dual + taut * slopes) / (1 + taut * slopes.square().sum(2, keepdim=True).sqrt())
    return field, torch.where(active[..., None], grown, dual), change


def _divergence(dual: Tensor) -> Tensor:
    """(B, 2, 2, h, w) to (B, 2, h, w), by backward differences with zeros outside."""
    x, y = dual.unbind(2)
    return x - pad(x, (1, 0))[..., :-1] + y - pad(y, (0, 0, 1, 0))[..., :-1, :]


def _forward_differences(field: Tensor) -> Tensor:
    """(B, 2, h, w) to (B, 2, 2, h, w): to the right and down, zero in the last column and row."""
    right = pad(field[..., 1:] - field[..., :-1], (0, 1))
    down = pad(field[..., 1:, :] - field[..., :-1, :], (0, 0, 0, 1))
    return torch.stack([right, down], 2)


def _central_differences(image: Tensor) -> tuple[Tensor, Tensor]:
    """(B, h, w) to its two derivatives, the border repeated."""
    wide = pad(image[:, None], (1, 1, 1, 1), "replicate")[:, 0]
    return (wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2]) / 2, (wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1]) / 2


def _median(field: Tensor, side: int) -> Tensor:
    """Median of side x side pixels, the border repeated."""
    edge = side // 2
    wide = pad(field, (edge, edge, edge, edge), "replicate")
    return wide.unfold(2, side, 1).unfold(3, side, 1).flatten(4).median(-1).values


def _resized(images: Tensor, h: int, w: int, scale: float | None = None) -> Tensor:
    """Bilinear as OpenCV does it: (..., H, W) to (..., h, w); scale: of places, where it is not the sizes' ratio."""
    rows, columns = (_places(old, new, scale).to(images) for old, new in zip(images.shape[-2:], (h, w), strict=True))
    return rows @ images @ columns.T


def _places(old: int, new: int, scale: float | None) -> Tensor:
    """Weights (new, old) of linear interpolation."""
    place = ((torch.arange(new, dtype=torch.float64) + 0.5) * (scale or old / new) - 0.5).clamp(0, old - 1)
    low = place.floor().long().clamp_max(max(old - 2, 0))
    weights = torch.zeros(new, old, dtype=torch.float64)
    weights.scatter_(1, low[:, None], (1 - (place - low))[:, None])
    return weights.scatter_add_(1, (low + 1).clamp_max(old - 1)[:, None], (place - low)[:, None])
