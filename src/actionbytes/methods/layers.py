"""Layers and settings of torch that several methods share."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Run torch with `count` threads inside: results must not depend on how many cores a machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def linear(dim: int, out: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer with Xavier-uniform weights and zero biases."""
    layer = nn.utils.skip_init(nn.Linear, dim, out)
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def project(rows: Tensor, layer: nn.Linear) -> Tensor:
    """`layer(rows)` in the precision of `rows`, returned as float32."""
    return nn.functional.linear(rows, layer.weight.to(rows.dtype), layer.bias.to(rows.dtype)).float()
