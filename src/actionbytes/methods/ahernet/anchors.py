"""AherNet's anchors: where they lie, which truth each belongs to, and how a segment is written relative to one.

A segment is a centre and a width in steps. The time line has `steps` of them; anchor layer j (from 1) has
`steps / (4 * 2^(j-1))` cells, each with three anchors around its centre.
"""

from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = TypeVar("Array", Tensor, NDArray[np.float64])
Ratios = Literal["exact", "rounded"]
RATIOS: dict[Ratios, tuple[float, ...]] = {
    "exact": (1.0, 2.0 ** (1 / 3), 2.0 ** (2 / 3)),  # the paper
    "rounded": (1.0, 1.26, 1.587),  # public code
}
SCALES = 3  # anchors of a cell
FIRST = 4  # steps that a cell of the first layer covers


class Assignment(NamedTuple):
    """Which truth each of A anchors belongs to.

    iou: (A,) the anchor's best overlap with any truth, 0 where it meets none; truth: (A, 2) centre and width of that
    truth in steps, the anchor itself where it meets none.
    """

    iou: NDArray[np.float64]
    truth: NDArray[np.float64]


def cells(steps: int = 512, layers: int = 8) -> list[int]:
    """Cells of each anchor layer."""
    counts = [steps // (FIRST << j) for j in range(layers)]
    if steps != counts[-1] * (FIRST << (layers - 1)):
        raise ValueError(f"{steps} steps cannot be halved into {layers} anchor layers")
    return counts


def anchors(steps: int = 512, layers: int = 8, ratios: Ratios = "exact") -> NDArray[np.float64]:
    """Centre and width of every anchor in steps, (A, 2): layer by layer, cell by cell, scale by scale (eq. 3).

    Args:
        steps: length S of the time line.
        layers: anchor layers J; the last one's cell spans the time line where S = 4 * 2^(J-1), as in the paper.
        ratios: widths relative to a cell: `exact` are 1, 2^(1/3), 2^(2/3), the paper's; `rounded` 1, 1.26, 1.587, the
            public code's.
    """
    rows = []
    for j, count in enumerate(cells(steps, layers)):
        size = FIRST << j
        for cell in range(count):
            rows += [((cell + 0.5) * size, ratio * size) for ratio in RATIOS[ratios]]
    return np.array(rows)


def encode(truth: Array, anchors: Array, scale: float = 0.1) -> Array:
    """Offsets (N, 2) of segments relative to anchors (the inverse of eq. 5).

    Args:
        truth: Centre and width of each segment, (N, 2), widths > 0; a tensor or an array.
        anchors: The anchor of each, likewise.
        scale: Both alphas of eq. 5: 1 in the paper, 0.1 in its public code. A smaller one makes larger offsets.
    """
    library = _library(truth)
    centre = (truth[:, 0] - anchors[:, 0]) / anchors[:, 1] / scale
    width = library.log(truth[:, 1] / anchors[:, 1]) / scale
    offsets: Array = library.stack([centre, width], 1)
    return offsets


def decode(offsets: Array, anchors: Array, scale: float = 0.1) -> Array:
    """Segments (N, 2), centre and width, from offsets (N, 2) to anchors (N, 2), tensors or arrays (eq. 5)."""
    library = _library(offsets)
    centre = anchors[:, 0] + scale * anchors[:, 1] * offsets[:, 0]
    width = anchors[:, 1] * library.exp(scale * offsets[:, 1])
    segments: Array = library.stack([centre, width], 1)
    return segments


def _library(values: Tensor | NDArray[np.float64]) -> Any:
    """The module whose functions take these values."""
    return torch if isinstance(values, Tensor) else np


def assign(anchors: NDArray[np.floating], truths: NDArray[np.floating], steps: int) -> Assignment:
    """The truth that overlaps each anchor most.

    As in the public code anchors are clipped to [0, steps - 1] for the overlap, of equal truths the first counts, and
    no truth is given "its best anchor anyway": one that overlaps none by enough has no foreground.

    Args:
        anchors: (A, 2) centre and width.
        truths: (N, 2) start and end in steps, N >= 0, each longer than 0.
        steps: length of the time line.
    """
    start = np.maximum(anchors[:, 0] - anchors[:, 1] / 2, 0)
    end = np.minimum(anchors[:, 0] + anchors[:, 1] / 2, steps - 1)
    truths = np.asarray(truths, dtype=np.float64).reshape(-1, 2)
    if not len(truths):
        return Assignment(np.zeros(len(anchors)), np.array(anchors, dtype=np.float64))
    overlap = np.minimum(end[:, None], truths[:, 1]) - np.maximum(start[:, None], truths[:, 0])  # (A, N)
    overlap = np.maximum(overlap, 0)
    iou = overlap / ((end - start)[:, None] + (truths[:, 1] - truths[:, 0]) - overlap)
    best = iou.argmax(1)  # (A,)
    highest = iou[np.arange(len(anchors)), best]
    nearest = np.stack([truths.mean(1), truths[:, 1] - truths[:, 0]], 1)[best]  # (A, 2)
    return Assignment(highest, np.where(highest[:, None] > 0, nearest, anchors))


def covered(assigned: Assignment, truths: NDArray[np.floating], foreground: float) -> int:
    """How many of the truths (N, 2), start and end, own an anchor that overlaps them by more than `foreground`."""
    truths = np.asarray(truths, dtype=np.float64).reshape(-1, 2)
    owned = assigned.truth[assigned.iou > foreground]  # (F, 2)
    nearest = np.stack([truths.mean(1), truths[:, 1] - truths[:, 0]], 1)
    return int((nearest[:, None] == owned).all(2).any(1).sum())
