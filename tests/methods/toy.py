"""A toy for methods of two streams: videos whose middle third shows their class, and a batch of it."""

import numpy as np
import torch

from actionbytes.features.store import PackedFeatures
from actionbytes.localization.nms import segment_iou
from actionbytes.methods.sets import Batch

DIM = 12  # of each stream


def world(count=24, classes=4):
    """Features and labels of videos of 12 to 30 snippets; each stream shows the class in its own way."""
    rng = np.random.default_rng(0)
    shown = 4 * rng.random((classes, 2 * DIM)) * (rng.random((classes, 2 * DIM)) < 0.5)
    numbers, videos = np.arange(count) % classes, []
    for number in numbers:
        rows = rng.random((int(rng.integers(12, 31)), 2 * DIM))
        third = len(rows) // 3
        rows[third : 2 * third] += shown[number]
        videos.append(rows)
    lengths = np.array([len(rows) for rows in videos])
    names, offsets = [f"v{i}" for i in range(count)], np.concatenate([[0], np.cumsum(lengths)])
    features = PackedFeatures(names, offsets, np.concatenate(videos).astype(np.float16), 0.6, lengths * 0.6)
    return features, np.eye(classes, dtype=bool)[numbers]


def one_stream(features, stream):
    part = features.rows[:, :DIM] if stream == "rgb" else features.rows[:, DIM:]
    return PackedFeatures(features.names, features.offsets, part, 0.6, features.durations, (stream,))


def batch(rows, lengths, labels, seed=0):
    """A batch of videos of these lengths; labels: (B, C)."""
    offsets, labels = np.concatenate([[0], np.cumsum(lengths)]), torch.tensor(labels, dtype=torch.float32)
    alone = np.full(len(lengths), -1)
    return Batch(rows, offsets, labels, labels, alone, None, np.random.default_rng(seed))


def overlaps(method, features, labels, rules):
    """Of each video, the tIoU of the best segment with the middle third, 0 if its class is wrong."""
    result = []
    for i, classes in enumerate(labels):
        segments = method.detect(features.video(i), rules).segments
        third = len(features.video(i)) // 3
        best = segments.score.argmax()
        tiou = segment_iou(segments.start[best], segments.end[best], third, 2 * third)
        result.append(float(tiou) if classes[segments.label[best]] else 0.0)
    return result


def stop_after(count):
    """A progress that interrupts at its `count`-th call."""
    calls = iter(range(1, 10_000))

    def progress(done, total, losses):
        if next(calls) == count:
            raise KeyboardInterrupt

    return progress
