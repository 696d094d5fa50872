"""AherNet's adversary: generators of what is before and after a moment, and discriminators of background."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actionbytes.methods.ahernet.anchornet import convolution, padded
from actionbytes.methods.ahernet.anchors import SCALES


class Generator(nn.Module):
    """Two convolutions over a moment, that make the context on one side of it.

    Args:
        dim: D of the features, which contexts have too.
        hidden: Channels between the convolutions.
        generator: Source of the initial weights.
    """

    def __init__(self, dim: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.first = convolution(dim, hidden, generator)
        self.second = convolution(hidden, dim, generator, 2)

    def forward(self, moments: Tensor) -> Tensor:
        """Contexts (B, S/4, D) of moments (B, S/2, D), in their precision; none below 0, as behind a ReLU."""
        hidden = F.relu(padded(self.first, moments.transpose(1, 2)))
        return F.relu(padded(self.second, hidden)).transpose(1, 2)


class Generators(nn.Module):
    """G1 and G2 of the paper: one makes what comes before a moment, the other what comes after."""

    def __init__(self, dim: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.before = Generator(dim, hidden, generator)
        self.after = Generator(dim, hidden, generator)

    def forward(self, moments: Tensor) -> tuple[Tensor, Tensor]:
        """Start and end contexts (B, S/4, D) of moments (B, S/2, D)."""
        return self.before(moments), self.after(moments)


class Discriminators(nn.Module):
    """For each anchor layer a convolution of kernel 3 that tells for each anchor whether its map is of a real video."""

    def __init__(self, channels: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        self.layers = nn.ModuleList(convolution(width, SCALES, generator) for width in channels)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Logits (B, A) of "real" for every anchor, from maps (B, C_j, T_j)."""
        return torch.cat([layer(x).transpose(1, 2).flatten(1) for layer, x in zip(self.layers, maps, strict=True)], 1)


def noise(moments: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Contexts (B, S/4, D) of random numbers that have each moment's mean and spread, feature by feature; none below 0.

    Args:
        moments: (B, S/2, D).
        draw: Source of the numbers.
    """
    count = moments.shape[1] // 2
    mean, spread = moments.mean(1, keepdim=True), moments.std(1, keepdim=True)
    shape = (len(moments), count, moments.shape[2])
    before, after = (torch.randn(shape, generator=draw).to(moments.dtype) * spread + mean for _ in range(2))
    return F.relu(before), F.relu(after)


def context_loss(made: Tensor, real: Tensor, there: Tensor) -> Tensor:
    """Mean squared error of contexts (B, S/4, D) against real ones, over the videos `there` (B,) that have one."""
    if not there.any():
        return made.sum() * 0
    return F.mse_loss(made[there].float(), real[there])
