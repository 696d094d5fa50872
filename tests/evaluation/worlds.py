"""Random truth and detections: small, crowded, with ties where asked for, and odd in every way where asked for."""

import numpy as np

from actionbytes.data.annotations import Instance, Video
from actionbytes.data.detections import Detections


def make_videos(rng, n_videos=4, n_classes=3, most=8, digits=1, disjoint=False, ambiguous=True, bare=True):
    """Truth on a grid of 10**-digits s; with `bare`, the last video has no instance."""
    videos = {}
    for v in range(n_videos):
        count = 0 if bare and v == n_videos - 1 else rng.integers(1, most + 1)
        label = rng.integers(n_classes, size=count)
        if v == 0:
            label[: min(n_classes, count)] = np.arange(min(n_classes, count))
        start = rng.uniform(0, 50, count)
        if disjoint:
            start = np.arange(count) * 7.0 + rng.uniform(0, 1, count)
        end = start + rng.uniform(1.5, 5.5, count)
        times = np.round(np.stack([start, end], 1), digits).tolist()
        instances = tuple(Instance(f"c{k}", s, e) for k, (s, e) in zip(label.tolist(), times, strict=True))
        unsure = tuple((float(s), float(s) + 3.0) for s in rng.uniform(0, 50, rng.integers(3))) if ambiguous else ()
        videos[f"v{v}"] = Video(f"v{v}", "test", 60.0, 30.0, instances, unsure)
    return videos


def make_detections(rng, videos, n=60, distinct=True, digits=2):
    """Half around instances, half anywhere; scores all different, or from a few values."""
    instances = [(v.id, i) for v in videos.values() for i in v.instances]
    labels = sorted({i.label for _, i in instances})
    scores = rng.permutation(n) / n if distinct else rng.integers(0, 5, n) / 5
    rows = []
    for score in scores.tolist():
        if rng.random() < 0.5:
            video, i = instances[rng.integers(len(instances))]
            length = i.end - i.start
            start = i.start + rng.normal(0, 0.3) * length
            row = (video, i.label, start, start + length * rng.uniform(0.5, 2))
        else:
            start = rng.uniform(0, 50)
            row = (rng.choice(list(videos)), rng.choice(labels), start, start + rng.uniform(0.5, 20))
        rows.append((str(row[0]), str(row[1]), round(float(row[2]), digits), round(float(row[3]), digits), score))
    return Detections.from_rows(rows)


def rows_of(d):
    """Detections as (video, label, start, end, score) rows."""
    names = [d.videos[i] for i in d.video], [d.labels[i] for i in d.label]
    return list(zip(*names, d.start.tolist(), d.end.tolist(), d.score.tolist(), strict=True))


def truth_as_detections(videos, rng):
    """Every instance detected exactly, with distinct scores in random order."""
    instances = [(v.id, i.label, i.start, i.end) for v in videos.values() for i in v.instances]
    scores = rng.permutation(len(instances)) + 1.0
    return Detections.from_rows((*row, score) for row, score in zip(instances, scores.tolist(), strict=True))


def odd_world(rng):
    """Truth and detections with everything in which evaluators differ: (videos, detections).

    Equal scores and equal overlaps, more than 16 detections of a class and in some worlds more than 16 instances in a
    video, videos that the truth does not have (first and last by name), bare videos, reversed and empty segments on
    both sides, duplicates, instances of one snippet or less, Ambiguous segments; times on a grid of s or of snippets.
    """
    crowded = rng.random() < 0.3
    step = rng.choice([1.0, 0.64, 0.5])
    classes = ["a"] if crowded else ["a", "b"]

    def segments(n):
        start = rng.integers(0, 12 if crowded else 25, n)
        length = rng.choice([0, 1, 1, 2, 3, 4, 6], n)
        length = np.where(rng.random(n) < 0.06, -length, length)
        return np.stack([start, start + length], 1) * step

    videos = {}
    for name, count in (("k1", rng.integers(1, 40) if crowded else 8), ("k0", 4), ("m", 3), ("bare", 0)):
        labels = rng.choice(classes, count)
        labels[: len(classes)] = classes[:count]
        instances = [Instance(str(c), *map(float, s)) for c, s in zip(labels, segments(count), strict=True)]
        instances += [instances[i] for i in rng.integers(0, count, 2 if count and rng.random() < 0.3 else 0)]
        if count and rng.random() < 0.5:
            instances.append(Instance("a", 3.0, 3.0 + rng.choice([0.2, 0.64])))
        ambiguous = tuple(tuple(map(float, s)) for s in segments(rng.integers(3)))
        videos[name] = Video(name, "test", 60.0, 25.0, tuple(instances), ambiguous)
    n = int(rng.integers(5, 90))
    scores = rng.permutation(n) / n if rng.random() < 0.2 else rng.integers(0, rng.choice([2, 4, 12]), n) / 4
    names = rng.choice(["k1", "k1", "k1", "k0", "m", "bare", "a unknown", "z unknown"], n)
    rows = zip(names.tolist(), rng.choice(classes, n).tolist(), segments(n).tolist(), scores.tolist(), strict=True)
    return videos, Detections.from_rows((video, label, *segment, score) for video, label, segment, score in rows)


def parts_of(videos):
    """Instances (video, label, start, end) and Ambiguous segments (video, start, end) in the order of the file."""
    instances = [(v.id, i.label, i.start, i.end) for v in videos.values() for i in v.instances]
    return instances, [(v.id, *segment) for v in videos.values() for segment in v.ambiguous]
