"""Layers that several methods share."""

import torch
from torch import Tensor, nn


def linear(dim: int, out: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer with Xavier-uniform weights and zero biases."""
    layer = nn.utils.skip_init(nn.Linear, dim, out)
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def project(rows: Tensor, layer: nn.Linear) -> Tensor:
    """`layer(rows)` in the precision of `rows`, returned as float32."""
    return nn.functional.linear(rows, layer.weight.to(rows.dtype), layer.bias.to(rows.dtype)).float()
