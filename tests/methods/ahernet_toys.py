"""A small world for AherNet: untrimmed videos of two classes with segments, moments of three others."""

import numpy as np

from actionbytes.features.store import PackedFeatures
from actionbytes.training.parameters import Training
from actionbytes.training.sources import training_set

DIM = 10
NET = {"stem": (12, 12), "channels": (8, 8, 12, 12, 16)}  # 64 steps
SMALL = {**NET, "min_foreground": 4, "min_moment": 4, "generator_hidden": 8}


def quick(**changes):
    return Training(**{"iterations": 6, "lr": 1e-3, "log_every": 3, "weight_decay": 0.0, "batch": 4} | changes)


def looks():
    """What each of five classes looks like, and background; the same in every set."""
    rng = np.random.default_rng(7)
    return 2 * rng.random((5, DIM)), 0.5 * rng.random(DIM)


def untrimmed(classes=(0, 1), names=("a", "b"), count=16, seed=1):
    """Videos of 40 to 90 snippets with one to two actions of one class."""
    rng, (shown, background) = np.random.default_rng(seed), looks()
    videos, segments, kinds = [], [], np.arange(count) % len(classes)
    for kind in kinds:
        length = int(rng.integers(40, 90))
        x, spans = np.tile(background, (length, 1)), []
        for half in range(int(rng.integers(1, 3))):
            start = half * length // 2 + int(rng.integers(2, 8))
            end = start + int(rng.integers(length // 6, length // 3))
            x[start:end] = shown[classes[kind]]
            spans.append((start, end, kind))
        videos.append(np.maximum(x + 0.1 * rng.normal(size=x.shape), 0))
        segments.append(np.array(spans, dtype=np.float64))
    return packed(videos, kinds, names, tuple(segments))


def moments(classes=(2, 3, 4), names=("c", "d", "e"), count=18, seed=2):
    """Clips of 8 to 20 snippets that show their class throughout."""
    rng, (shown, _) = np.random.default_rng(seed), looks()
    kinds, videos = np.arange(count) % len(classes), []
    for kind in kinds:
        x = np.tile(shown[classes[kind]], (int(rng.integers(8, 21)), 1))
        videos.append(np.maximum(x + 0.1 * rng.normal(size=x.shape), 0))
    return packed(videos, kinds, names, None)


def packed(videos, kinds, names, segments):
    lengths = np.array([len(x) for x in videos])
    ids, offsets = [f"v{i}" for i in range(len(videos))], np.concatenate([[0], np.cumsum(lengths)])
    features = PackedFeatures(ids, offsets, np.concatenate(videos).astype(np.float32), 0.32, lengths * 0.32)
    return training_set(features, np.eye(len(names), dtype=bool)[kinds], names, segments)


def sets():
    return {"untrimmed": untrimmed(), "moments": moments()}
