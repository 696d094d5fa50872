"""Optimizers as training parameters describe them."""

from collections.abc import Iterable

import torch
from torch import nn

from actionbytes.methods.parameters import Optimization


def optimizer_of(parameters: Iterable[nn.Parameter], training: Optimization) -> torch.optim.Optimizer:
    """An optimizer of some weights, with the algorithm, learning rate, momentum and weight decay of `training`."""
    lr, decay = training.lr, training.weight_decay
    if training.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=lr, momentum=training.momentum, weight_decay=decay, fused=True)
    return torch.optim.Adam(parameters, lr=lr, weight_decay=decay, fused=True)
