"""I3D, 16x224x224 chunks: the plain fp32 forward, ours exact, ours fast; ratios of one run, and how close they are.

    python benchmarks/i3d.py [--chunks 2] [--repeats 5] [--threads N]

Plain is what public extraction code does: each layer by itself, padding by hand, PyTorch's default memory format.
Weights are drawn, then calibrated: BatchNorm takes the statistics of moving textures, without which the signal of a
drawn network fades or explodes on the way and any cosine is 1.
"""

import torch
from torch.nn import functional as F

from actionbytes.backbones.i3d import NETWORK, same_padding


def plain_features(state, x):
    """(N, Cin, 16, H, W) -> (N, D), written from the table of methods.md 1.1 and the state dict alone."""

    def pad(x, kernel, stride):
        pads = [same_padding(*axis) for axis in zip(x.shape[2:], kernel, stride, strict=True)]
        return F.pad(x, [zeros for pad in reversed(pads) for zeros in pad])

    def unit(name, x, stride=(1, 1, 1)):
        weight = state[f"{name}.conv3d.weight"]
        x = F.conv3d(pad(x, weight.shape[2:], stride), weight, stride=stride)
        bn = {part: state[f"{name}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")}
        return F.relu(F.batch_norm(x, **bn, eps=1e-3))

    def mixed(name, x):
        pooled = F.max_pool3d(pad(x, (3, 3, 3), (1, 1, 1)), (3, 3, 3), (1, 1, 1))
        branches = [unit(f"{name}.b0", x)]
        branches += [unit(f"{name}.b{i}b", unit(f"{name}.b{i}a", x)) for i in (1, 2)]
        return torch.cat([*branches, unit(f"{name}.b3b", pooled)], dim=1)

    for name, (kind, *arguments) in NETWORK.items():
        if kind == "conv":
            x = unit(name, x, arguments[1])
        elif kind == "mixed":
            x = mixed(name, x)
        else:
            x = F.max_pool3d(pad(x, *arguments), *arguments)
    return F.avg_pool3d(x, x.shape[2:]).flatten(1)
