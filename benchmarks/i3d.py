"""I3D, chunks of 16x224x224: the plain fp32 forward, ours exact, ours in bf16; ratios of one run, and how close.

    python benchmarks/i3d.py [--chunks 1] [--repeats 5] [--threads 1] [--size 224]

Plain is what public extraction code does: each layer by itself, padding by hand, PyTorch's default memory format.
Weights are drawn, then calibrated: BatchNorm takes the statistics of moving textures, without which the signal of a
drawn network fades or explodes on the way and any cosine is 1. One thread is timed in processor seconds, which other
work on the machine disturbs less; the runs take turns, and the least time of each counts.
"""

import time

import click
import torch
from torch.nn import functional as F

from actionbytes.backbones.fast import Features
from actionbytes.backbones.i3d import I3D, NETWORK, initialize, same_padding


def plain_features(state, x):
    """(N, Cin, 16, H, W) -> (N, D), written from the layers of the published network and the state dict alone."""

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


def textures(count, size, seed):
    """Smooth moving textures of differing brightness: (N, 3, 16, S, S) in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((count, 3, 5, 8, 8), generator=generator) * 2 - 1
    coarse += torch.rand((count, 3, 1, 1, 1), generator=generator) * 2 - 1
    return F.interpolate(coarse, (16, size, size), mode="trilinear").clamp(-1, 1)


@torch.no_grad()
def calibrated_model(size):
    model = I3D(3)
    initialize(model, torch.Generator().manual_seed(0))
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm3d)]
    for norm in norms:
        norm.momentum = None
    model.train().trunk(textures(8, size // 2, seed=1))
    return model.eval()


def centred_cosine(found, expected):
    """Cosine of what tells chunks apart: over all of them, and the least of any."""
    centre = expected.mean(0)
    found, expected = found - centre, expected - centre
    least = F.cosine_similarity(found, expected).min()
    return float(F.cosine_similarity(found.flatten(), expected.flatten(), dim=0)), float(least)


def least_seconds(runs, repeats, threads):
    """Least time of each run, the runs taking turns."""
    clock = time.process_time if threads == 1 else time.perf_counter
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(repeats + 1):  # the first turn warms up, and is never the least
        for name, run in runs.items():
            start = clock()
            run()
            best[name] = min(best[name], clock() - start)
    return best


@click.command()
@click.option("--chunks", default=1, show_default=True, help="Chunks of one call.")
@click.option("--repeats", default=5, show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--size", default=224, show_default=True, help="Pixels of a side.")
@torch.inference_mode()
def main(chunks, repeats, threads, size):
    """Compare the forwards of I3D."""
    torch.set_num_threads(threads)
    model = calibrated_model(size)
    state = model.state_dict()
    x, samples = textures(chunks, size, seed=2), textures(12, size // 2, seed=3)
    exact, bf16 = Features(model), Features(model, "bf16")
    ways = {
        "plain, layer by layer, fp32": lambda x: plain_features(state, x),
        "module, fp32": model.features,
        "exact, fp32": exact,
        "bf16": bf16,
    }
    expected = ways["plain, layer by layer, fp32"](samples)
    runs = {name: (lambda way=way: way(x)) for name, way in ways.items()}
    seconds = least_seconds(runs, repeats, threads)
    plain = seconds["plain, layer by layer, fp32"]
    print(f"{chunks} x 16 x {size} x {size}, {threads} thread(s), {torch.cpu.get_capabilities().get('cpu_name')}")
    print(f"{'':28} {'ms/chunk':>8} {'ratio':>6} {'largest error':>14} {'centred cosine (least)':>24}")
    for name, way in ways.items():
        found = way(samples)
        error = f"{float((found - expected).abs().max() / expected.abs().max()):.1e}"
        cosine = "{:.4f} ({:.4f})".format(*centred_cosine(found, expected))
        ms = 1000 * seconds[name] / chunks
        print(f"{name:28} {ms:8.0f} {plain / seconds[name]:5.2f}x {error:>14} {cosine:>24}")
    for note in exact.notes + bf16.notes:
        print(note)


if __name__ == "__main__":
    main()
