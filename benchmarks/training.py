"""A W-TALC training step: plain code against ours, at the real lengths of THUMOS14's validation videos.

    python benchmarks/training.py [--steps 12] [--threads 1] [--annotations thumos14_full.json]

Plain is what public code does: every video padded to the longest of the batch, PyTorch's dropout and Adam, losses
video by video and class by class. Ours is the loop of `actionbytes train`, reading features included. Each variant has
a process of its own, so that its peak memory is its own. The lengths are real, the features are drawn.
"""

import argparse
import json
import multiprocessing
import resource
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from actionbytes.features.store import PackedFeatures
from actionbytes.methods.wtalc.network import Wtalc
from actionbytes.methods.wtalc.parameters import WtalcParameters
from actionbytes.threads import threads
from actionbytes.training.batches import Batches
from actionbytes.training.parameters import Training
from actionbytes.training.sources import training_set

ANNOTATIONS = Path(__file__).resolve().parents[2] / "shared" / "real" / "thumos14" / "thumos14_full.json"
DIM = 2048


def plain_losses(videos, targets, pairs, divisor=8, margin=0.5):
    """(L_mil, L_cas) of W-TALC for a list of (latent (T, l), cas (T, C)) and targets (B, C), one by one."""
    mil = 0
    for (_, cas), target in zip(videos, targets, strict=True):
        k = int(np.ceil(len(cas) / divisor))
        pooled = torch.stack([cas[:, c].sort(descending=True).values[:k].mean() for c in range(cas.shape[1])])
        mil = mil - (target / target.sum() * F.log_softmax(pooled, dim=0)).sum()
    terms = []
    for m, n in [(2 * i, 2 * i + 1) for i in range(pairs)]:
        for c in range(targets.shape[1]):
            if targets[m, c] and targets[n, c]:
                (high_m, low_m), (high_n, low_n) = (_high_low(*videos[i], c) for i in (m, n))
                same = _distance(high_m, high_n)
                terms.append(0.5 * F.relu(same - _distance(high_m, low_n) + margin))
                terms.append(0.5 * F.relu(same - _distance(high_n, low_m) + margin))
    return mil / len(videos), sum(terms) / (len(terms) / 2) if terms else torch.zeros(())


def _high_low(latent, cas, c):
    attention = cas[:, c].softmax(dim=0)  # (T,)
    high = (attention[:, None] * latent).sum(dim=0)
    return high, ((1 - attention)[:, None] * latent).sum(dim=0) / max(len(cas) - 1, 1)


def _distance(u, v):
    return 1 - (u * v).sum() / (u.norm() * v.norm()).clamp(min=1e-8)  # one snippet has no rest: 0 / 0


class Plain(nn.Module):
    """The network on padded videos (B, T, D)."""

    def __init__(self, classes):
        super().__init__()
        self.hidden, self.dropout, self.classifier = nn.Linear(DIM, DIM), nn.Dropout(0.7), nn.Linear(DIM, classes)

    def forward(self, x):
        latent = self.dropout(F.relu(self.hidden(x)))
        return latent, self.classifier(latent)


def plain_step(model, optimizer, features, targets, pairs):
    """One step on a list of features (T, D)."""
    lengths = [len(x) for x in features]
    padded = np.zeros((len(features), max(lengths), DIM), dtype=np.float32)
    for row, x in zip(padded, features, strict=True):
        row[: len(x)] = x
    latent, cas = model(torch.from_numpy(padded))
    videos = [(x[:n], a[:n]) for x, a, n in zip(latent, cas, lengths, strict=True)]
    mil, coactivity = plain_losses(videos, targets, pairs)
    optimizer.zero_grad()
    (0.5 * mil + 0.5 * coactivity).backward()
    optimizer.step()


def our_step(model, optimizer, batch):
    """One step of the loop."""
    losses = model.loss(batch)
    optimizer.zero_grad()
    losses["total"].backward()
    optimizer.step()


def measure(variant, annotations, steps, count, answer):
    """Median seconds a step, rows a step and peak memory of one variant."""
    lengths, labels = thumos14(annotations)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.random((n, DIM), dtype=np.float32).astype(np.float16) for n in lengths])
    training = Training(precision="bf16" if variant == "bf16" else "fp32")
    names = [f"v{i}" for i in range(len(lengths))]
    features = PackedFeatures(names, offsets, rows, 0.64, lengths * 0.64)
    classes = [f"c{i}" for i in range(labels.shape[1])]
    drawing = Wtalc(DIM, labels.shape[1], WtalcParameters(), torch.Generator())
    batches = Batches(drawing, {"videos": training_set(features, labels, classes)}, training)
    seconds, used = [], []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with threads(count):
        if variant == "plain":
            model = Plain(labels.shape[1])
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, weight_decay=5e-4)
        else:
            model = drawing
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, weight_decay=5e-4, fused=True)
        for step in range(steps + 2):
            start = time.perf_counter()
            batch = batches.draw({"videos": np.random.default_rng([0, step])})[1]["videos"]
            if variant == "plain":
                features = np.split(batch.rows.numpy(), batch.offsets[1:-1])
                plain_step(model, optimizer, features, batch.targets, int(batch.groups.max()) + 1)
            else:
                our_step(model, optimizer, batch)
            seconds.append(time.perf_counter() - start)
            used.append(len(batch.rows))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    answer.put((float(np.median(seconds[2:])), float(np.mean(used)), peak / 1024))


def thumos14(annotations):
    """Snippets (N,) and labels (N, 20) of the validation videos: 25 fps, 16 frames a snippet."""
    database = json.loads(annotations.read_text())["database"].values()
    videos = [v for v in database if v["subset"] == "validation" and v["annotations"]]
    names = sorted({a["label"] for v in videos for a in v["annotations"]})
    labels = np.array([[any(a["label"] == n for a in v["annotations"]) for n in names] for v in videos])
    return np.array([max(1, int(float(v["duration"]) * 25) // 16) for v in videos]), labels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--annotations", type=Path, default=ANNOTATIONS)
    args = parser.parse_args()
    if not args.annotations.exists():
        raise SystemExit(f"{args.annotations}: no such file; give THUMOS14's in ActivityNet format")
    context, base = multiprocessing.get_context("spawn"), None
    print(f"{'variant':8}{'s / step':>10}{'ratio':>8}{'rows':>8}{'peak MB':>9}   (beyond features and libraries)")
    for variant in ("plain", "fp32", "bf16"):
        answer = context.Queue()
        process = context.Process(target=measure, args=(variant, args.annotations, args.steps, args.threads, answer))
        process.start()
        seconds, rows, peak = answer.get()
        process.join()
        base = base or seconds
        print(f"{variant:8}{seconds:10.3f}{base / seconds:7.1f}x{rows:8.0f}{peak:9.0f}")


if __name__ == "__main__":
    main()
