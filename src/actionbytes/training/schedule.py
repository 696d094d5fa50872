"""What the loop adds to a method's optimizers: steps of the learning rate, and a limit for gradients."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.optim import Optimizer

from actionbytes.training.parameters import Training


def lr_scale(training: Training, step: int) -> float:
    """What learning rates are multiplied by at step `step` (from 0) of a round."""
    return training.lr_factor ** sum(step >= boundary for boundary in training.lr_steps)


def set_lr(optimizers: Iterable[Optimizer], training: Training, step: int) -> None:
    """Set every learning rate for step `step` (from 0) of a round.

    The rate that a group of weights was given is kept in its `initial_lr`. So the rate depends on the step alone, and a
    run that goes on has nothing to restore.
    """
    scale = lr_scale(training, step)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * scale


def clip_gradients(optimizers: Mapping[str, Optimizer], most: float) -> None:
    """Scale the gradients of each optimizer down to an l2 norm of `most` before each of its steps."""

    def clip(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        torch.nn.utils.clip_grad_norm_(weights, most)

    for optimizer in optimizers.values():
        optimizer.register_step_pre_hook(clip)
