"""The anchor network: convolutions over a time line, and for every anchor what it predicts."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actionbytes.methods.ahernet.anchors import SCALES
from actionbytes.methods.layers import linear


class Anchored(NamedTuple):
    """What is predicted for every anchor of B time lines.

    objectness: (B, A, 2) logits of background and foreground; offsets: (B, A, 2) of centre and width; overlap: (B, A)
    with the nearest truth, 0 to 1.
    """

    objectness: Tensor
    offsets: Tensor
    overlap: Tensor


class Backbone(nn.Module):
    """Convolutions of kernel 3 over time, halving it from layer to layer.

    Two convolutions keep the length, a pool takes it from S to S/2 - 1, and every anchor layer halves it again: S/4,
    S/8, ..., 1 cells. Padding is TensorFlow's, as in the public code: at an even length only behind the end.

    Args:
        dim: D of the features.
        stem: Channels of the first two convolutions.
        channels: Channels of each anchor layer.
        generator: Source of the initial weights.
    """

    def __init__(self, dim: int, stem: Sequence[int], channels: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        self.stem = nn.ModuleList(convolution(a, b, generator) for a, b in pairwise([dim, *stem]))
        self.layers = nn.ModuleList(convolution(a, b, generator, 2) for a, b in pairwise([stem[-1], *channels]))

    def forward(self, features: Tensor) -> list[Tensor]:
        """Maps (B, C_j, T_j) of every anchor layer, float32, from features (B, S, D) in whose precision it computes."""
        x = features.transpose(1, 2)
        for layer in self.stem:
            x = F.relu(padded(layer, x))
        x, maps = F.max_pool1d(x, 3, 2), []
        for layer in self.layers:
            x = F.relu(padded(layer, x))
            maps.append(x.float())
        return maps


class Heads(nn.Module):
    """For each anchor layer a convolution of kernel 3 that predicts all about its anchors but their class."""

    def __init__(self, channels: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        self.layers = nn.ModuleList(convolution(width, 5 * SCALES, generator) for width in channels)

    def forward(self, maps: Sequence[Tensor]) -> Anchored:
        """Predictions for anchors, layer by layer, cell by cell, scale by scale, from maps (B, C_j, T_j)."""
        parts = [layer(x).transpose(1, 2).flatten(1) for layer, x in zip(self.layers, maps, strict=True)]
        values = torch.cat(parts, 1).unflatten(1, (-1, 5))  # (B, A, 5)
        return Anchored(values[..., :2], values[..., 2:4], values[..., 4].sigmoid())


class Classifiers(nn.Module):
    """For each anchor layer a linear classifier of its channels: of pooled maps, or cell by cell."""

    def __init__(self, channels: Sequence[int], classes: int, generator: torch.Generator) -> None:
        super().__init__()
        self.layers = nn.ModuleList(linear(width, classes, generator) for width in channels)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Class logits (J, B, C) of whole videos or moments: each layer's of its mean over cells."""
        return torch.stack([layer(x.mean(2)) for layer, x in zip(self.layers, maps, strict=True)])

    def weights(self) -> list[tuple[Tensor, Tensor]]:
        """Weights (C, C_j) and biases (C,) of every layer."""
        return [(layer.weight, layer.bias) for layer in self.layers if isinstance(layer, nn.Linear)]


class CellClasses(nn.Module):
    """For each anchor layer a convolution of kernel 3 that classifies its cells, without weight transfer."""

    def __init__(self, channels: Sequence[int], classes: int, generator: torch.Generator) -> None:
        super().__init__()
        self.layers = nn.ModuleList(convolution(width, classes, generator) for width in channels)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Class logits (B, K, C) of all cells."""
        return torch.cat([layer(x).transpose(1, 2) for layer, x in zip(self.layers, maps, strict=True)], 1)


def cell_logits(maps: Sequence[Tensor], weights: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Class logits (B, K, C) of all cells, from a weight (C, C_j) and bias (C,) for each layer."""
    parts = [F.linear(x.transpose(1, 2), weight, bias) for x, (weight, bias) in zip(maps, weights, strict=True)]
    return torch.cat(parts, 1)


def convolution(width: int, out: int, generator: torch.Generator, stride: int = 1) -> nn.Conv1d:
    """A convolution of kernel 3, Xavier-uniform with zero biases; padded by itself only at stride 1."""
    layer = nn.utils.skip_init(nn.Conv1d, width, out, 3, stride=stride, padding=1 if stride == 1 else 0)
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def padded(layer: nn.Module, x: Tensor) -> Tensor:
    """`layer` of x (B, C, T) in x's precision: ceil(T / stride) steps are left, as TensorFlow's SAME padding does."""
    assert isinstance(layer, nn.Conv1d) and layer.bias is not None
    if layer.stride[0] > 1:
        x = F.pad(x, (x.shape[2] % 2, 1))
    return F.conv1d(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype), layer.stride, layer.padding)
