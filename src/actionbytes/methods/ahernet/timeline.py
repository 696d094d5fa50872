"""AherNet's time line: snippets of any number as a fixed number of steps, moments set between contexts.

Everything here is a table of positions to read at. So gradients flow to what is read, and nothing else.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Resize = Literal["legacy", "half_pixel"]
Synthesis = Literal["centred", "shifted"]


class Layout(NamedTuple):
    """How a synthetic video of S steps is put together from its parts, one after another.

    position: (S,) where each step reads in the parts start context (S / 4), moment (S / 2), end context (S / 4) side
    by side, between `first` and `last` of its part; truth: start and end of the moment in steps.
    """

    position: NDArray[np.float64]
    truth: tuple[int, int]


def resampled(rows: Tensor, steps: int) -> Tensor:
    """Features (n, D) of n snippets, n >= 1, as (steps, D) that divide the same time evenly.

    Snippet i stands for the time from i to i + 1 hops and its feature for the middle of that. A step is the mean of
    the linearly interpolated feature at its start, middle and end. As in the public code a step that lies wholly before
    the first or behind the last middle is zero, and of one that reaches beyond it the part inside counts. A single
    snippet fills every step.
    """
    count = len(rows)
    if count == 1:
        return rows.expand(steps, -1)
    bounds = np.arange(steps + 1) * (count / steps) - 0.5  # of steps, in snippets
    inside = bounds.clip(0, count - 1)
    points = np.empty(2 * steps + 1)  # starts, middles and ends
    points[::2], points[1::2] = inside, (inside[:-1] + inside[1:]) / 2
    values = read(rows, points)  # (2 steps + 1, D)
    means = (values[:-1:2] + values[1::2] + values[2::2]) / 3
    outside = (bounds[1:] < -1e-9) | (bounds[:-1] > count - 1 + 1e-9)  # (steps,); touching is not outside
    return means.masked_fill(torch.from_numpy(outside)[:, None], 0)


def read(rows: Tensor, position: NDArray[np.floating]) -> Tensor:
    """Rows (n, D) at positions (m,) from 0 to n - 1, interpolated linearly: (m, D)."""
    low = np.floor(position).astype(np.int64)
    high = np.minimum(low + 1, len(rows) - 1)
    share = torch.from_numpy(position - low).to(rows.dtype)[:, None]
    return torch.lerp(rows[torch.from_numpy(low)], rows[torch.from_numpy(high)], share)


def resize_positions(length: int, count: int, rule: Resize = "legacy") -> NDArray[np.float64]:
    """Where `count` steps made from `length` of them read, for bilinear resizing.

    `legacy` is TensorFlow 1's rule, step i reads at i * length / count; `half_pixel` aligns the middles of steps.
    """
    step = np.arange(count)
    position = step * length / count if rule == "legacy" else (step + 0.5) * length / count - 0.5
    return position.clip(0, length - 1)


def layout(
    steps: int,
    ratio: int,
    shift: int,
    rule: Synthesis = "centred",
    *,
    odd: bool = False,
    fixed_end: bool = True,
    resize: Resize = "legacy",
) -> Layout:
    """Where the parts of one synthetic video go.

    The moment gets `ratio` twentieths of the steps, rounded down; of the rest the start context gets half, rounded
    down, the end context what is left.

    Args:
        steps: S, divisible by 4.
        ratio: twentieths of the video that the moment takes, 1 to 19.
        shift: twentieths by which the moment moves into a context, for `shifted`.
        rule: `centred` is the paper's eq. 2: start context, moment, end context. `shifted` is its public code's: the
            moment cuts one context in two, after floor((1 - ratio / 20) * length * shift / 20) of its steps.
        odd: whether the moment cuts the end context and not the start one; the code does so in every second video.
        fixed_end: whether the end of the moment is told where it is. The code forgets the first context of odd videos.
        resize: how moment and contexts are brought to length.
    """
    length = steps * ratio // 20
    before = (steps - length) // 2
    after = steps - length - before
    start = resize_positions(steps // 4, before, resize)
    moment = steps // 4 + resize_positions(steps // 2, length, resize)
    end = 3 * steps // 4 + resize_positions(steps // 4, after, resize)
    if rule == "centred":
        return Layout(np.concatenate([start, moment, end]), (before, before + length))
    cut = (20 - ratio) * (after if odd else before) * shift // 400
    if odd:
        parts = [start, end[:cut], moment, end[cut:]]
        return Layout(np.concatenate(parts), (before + cut, cut + length + (before if fixed_end else 0)))
    return Layout(np.concatenate([start[:cut], moment, start[cut:], end]), (cut, cut + length))


def synthesize(start: Tensor, moment: Tensor, end: Tensor, layouts: Sequence[Layout]) -> Tensor:
    """Synthetic videos (B, S, D) from start contexts (B, S/4, D), moments (B, S/2, D) and end contexts (B, S/4, D)."""
    parts = torch.cat([start, moment, end], 1)  # (B, S, D)
    position = np.stack([x.position for x in layouts])  # (B, S)
    low = np.floor(position).astype(np.int64)
    high = np.minimum(low + 1, _last(start.shape[1], moment.shape[1], end.shape[1])[low])
    offset = np.arange(len(position))[:, None] * parts.shape[1]
    flat = parts.flatten(0, 1)  # (B S, D)
    share = torch.from_numpy(position - low).to(parts.dtype)[:, :, None]
    return torch.lerp(flat[torch.from_numpy(low + offset)], flat[torch.from_numpy(high + offset)], share)


def _last(*lengths: int) -> NDArray[np.int64]:
    """For every step of parts side by side, the last step of its part."""
    return np.repeat(np.cumsum(lengths) - 1, lengths)
