"""Random truth and detections: small, crowded, with ties where asked for."""

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
