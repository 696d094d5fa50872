"""What networks are made of, written as loops over numbers, and random weights; read by the tests with `runpy`."""

import itertools

import numpy as np
import torch
from torch import nn


def drawn(model: nn.Module, seed: int = 0, gain: float = 1.0) -> nn.Module:
    """`model` in eval mode with weights and statistics from `seed`; values stay near one.

    `gain` is 1 where shortcuts add up, and has to be about 1.5 where there are none.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear):
                fan = module.weight[0].numel()
                module.weight.normal_(0, (2 / fan) ** 0.5, generator=generator)
                if module.bias is not None:
                    module.bias.normal_(0, 0.1, generator=generator)
            elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
                module.weight.uniform_(0.4 * gain, 0.9 * gain, generator=generator)
                module.bias.normal_(0, 0.1, generator=generator)
                module.running_mean.normal_(0, 0.2, generator=generator)
                module.running_var.uniform_(0.5, 1.5, generator=generator)
    return model.eval()


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def windows(shape, kernel, stride, pad, ceil=False):
    """Output index and the window's start, for every output position; starts may lie in the padding."""
    sizes = []
    for size, k, s, p in zip(shape, kernel, stride, pad, strict=True):
        steps = (size + 2 * p - k) / s
        sizes.append(int(np.ceil(steps) if ceil else np.floor(steps)) + 1)
    for index in itertools.product(*map(range, sizes)):
        yield tuple(sizes), index, tuple(i * s - p for i, s, p in zip(index, stride, pad, strict=True))


def each(value, axes):
    return (value,) * axes if isinstance(value, int) else tuple(value)


def convolved(x, state, name, stride=1, pad=0):
    """Convolution of x (C, ...) by `name` of the state dict, without any library's convolution."""
    weight = state[f"{name}.weight"].double().numpy()
    axes = x.ndim - 1
    stride, pad = each(stride, axes), each(pad, axes)
    padded = np.pad(x, [(0, 0)] + [(p, p) for p in pad])
    out = None
    for sizes, index, start in windows(x.shape[1:], weight.shape[2:], stride, pad):
        if out is None:
            out = np.zeros((len(weight), *sizes))
        region = tuple(slice(a + p, a + p + k) for a, p, k in zip(start, pad, weight.shape[2:], strict=True))
        out[(slice(None), *index)] = (weight * padded[(slice(None), *region)]).reshape(len(weight), -1).sum(1)
    if f"{name}.bias" in state:
        out += state[f"{name}.bias"].double().numpy().reshape(-1, *[1] * axes)
    return out


def normed(x, state, name, eps=1e-5):
    """Batch normalisation by the stored statistics."""
    part = {key: state[f"{name}.{key}"].double().numpy() for key in ("weight", "bias", "running_mean", "running_var")}
    part = {key: value.reshape(-1, *[1] * (x.ndim - 1)) for key, value in part.items()}
    return (x - part["running_mean"]) / np.sqrt(part["running_var"] + eps) * part["weight"] + part["bias"]


def pooled(x, kernel, stride, pad=0, kind="max", ceil=False):
    """Pooling of x (C, ...): maxima of what is inside, or means in which padding counts as zeros."""
    axes = x.ndim - 1
    kernel, stride, pad = each(kernel, axes), each(stride, axes), each(pad, axes)
    out = None
    for sizes, index, start in windows(x.shape[1:], kernel, stride, pad, ceil):
        if out is None:
            out = np.zeros((len(x), *sizes))
        inside = tuple(slice(max(a, 0), min(a + k, n)) for a, k, n in zip(start, kernel, x.shape[1:], strict=True))
        values = x[(slice(None), *inside)].reshape(len(x), -1)
        out[(slice(None), *index)] = values.max(1) if kind == "max" else values.sum(1) / np.prod(kernel)
    return out
