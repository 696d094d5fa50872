"""Speed of detection mAP beside plain per-detection loops of the same rule, and how it grows.

    python benchmarks/evaluation.py [--largest 5000000] [--seed 0]

The truth has the size of THUMOS14's test set: 212 videos, 20 classes, 3358 instances; ten thresholds, 0.1 to 0.95.
Half of the detections lie around an instance of their class, the other half anywhere in any video and class.
Two loops: one that goes about it as the original evaluator does (a data frame per class, asked for its video at every
detection, a row of locks per threshold), and a leaner one on lists. Scores have two decimals, as many equal ones as
published files have, in the original's order; the growth is measured with distinct scores and with these. Seconds are
of the processor, not of the wall. Exit status 1 if results differ by more than 1e-12, or if a target is missed.
"""

import argparse
import resource
import sys
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))
import reference_map  # noqa: I001

from actionbytes.data.annotations import Instance, Video
from actionbytes.data.detections import Detections
from actionbytes.evaluation.protocols import PROTOCOLS
from actionbytes.evaluation.recall import average_recall
from actionbytes.evaluation.scoring import in_scoring_order, score
from actionbytes.evaluation.truth import Truth

VIDEOS, CLASSES, INSTANCES = 212, 20, 3358
TIOU = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]


def make_truth(rng):
    """Annotated videos: one class for most, as in THUMOS14, times with one decimal, as annotators give them."""
    length = rng.uniform(30, 600, VIDEOS)
    main = rng.integers(CLASSES, size=VIDEOS)
    instances = [[] for _ in range(VIDEOS)]
    for video in np.append(np.arange(VIDEOS), rng.integers(VIDEOS, size=INSTANCES - VIDEOS)):
        label = main[video] if rng.random() < 0.9 else rng.integers(CLASSES)
        start = rng.uniform(0, length[video] - 10)
        end = start + 0.2 + rng.gamma(2.0, 2.0)
        instances[video].append(Instance(f"class{label:02}", round(start, 1), round(end, 1)))
    names = [f"video_test_{i:07}" for i in range(VIDEOS)]
    return {n: Video(n, "test", float(d), 30.0, tuple(i)) for n, d, i in zip(names, length, instances, strict=True)}


def make_detections(rng, videos, n, equal=False):
    """`n` detections in random order with distinct scores, or with `equal` with scores of two decimals."""
    truth = Truth.of(videos)
    near = rng.random(n) < 0.5
    pick = rng.integers(len(truth), size=n)
    length = truth.end[pick] - truth.start[pick]
    video = np.where(near, truth.video[pick], rng.integers(len(truth.videos), size=n))
    label = np.where(near, truth.label[pick], rng.integers(len(truth.labels), size=n))
    duration = np.array([videos[name].duration for name in truth.videos])[video]
    start = np.where(near, truth.start[pick] + rng.normal(0, 0.4, n) * length, rng.random(n) * duration)
    end = start + np.where(near, length * rng.uniform(0.5, 1.6, n), rng.gamma(2.0, 2.0, n)) + 0.05
    score_ = rng.permutation(n) / n
    return Detections(truth.videos, truth.labels, video, label, start, end, score_.round(2) if equal else score_)


def as_the_original(rows, instances):
    """AP (K, C) by the steps of the original evaluator."""
    truth = pd.DataFrame(instances, columns=["video", "label", "start", "end"])
    found = pd.DataFrame(rows, columns=["video", "label", "start", "end", "score"])
    result = []
    for label in sorted(truth["label"].unique()):
        own = truth[truth["label"] == label].reset_index(drop=True)
        locked = np.full((len(TIOU), len(own)), -1)
        by_video = own.reset_index().groupby("video")
        ranked = found[found["label"] == label].reset_index(drop=True)
        ranked = ranked.loc[ranked["score"].to_numpy().astype(np.longdouble).argsort()[::-1]]
        hits = np.zeros((len(TIOU), len(ranked)))
        for position, (_, detection) in enumerate(ranked.iterrows()):
            try:
                here = by_video.get_group(detection["video"])
            except KeyError:
                continue
            starts, ends = here["start"].to_numpy(), here["end"].to_numpy()
            overlap = np.minimum(ends, detection["end"]) - np.maximum(starts, detection["start"])
            overlap = overlap.clip(0)
            tiou = overlap / ((ends - starts) + (detection["end"] - detection["start"]) - overlap)
            order = tiou.astype(np.longdouble).argsort()[::-1]
            for k, threshold in enumerate(TIOU):
                for j in order:
                    if tiou[j] < threshold:
                        break
                    instance = here["index"].iloc[j]
                    if locked[k, instance] < 0:
                        locked[k, instance] = position
                        hits[k, position] = 1
                        break
        result.append([reference_map.interpolated(row, len(own)) for row in hits])
    return np.array(result).T


def timed(function, *arguments):
    """The result and the processor's seconds."""
    begin = process_time()
    result = function(*arguments)
    return result, process_time() - begin


def evaluated(detections, videos, name):
    """AP (K, C), from columns to AP."""
    if name == "ar-an":
        return average_recall(detections, videos).recall
    truth, protocol = Truth.of(videos), PROTOCOLS[name]
    return score(in_scoring_order(detections, truth, protocol), truth, protocol, TIOU).ap


def main():
    """Print the ratio and the growth; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=5_000_000, help="detections in the last row")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    videos = make_truth(rng)
    detections = make_detections(rng, videos, 100_000, equal=True)

    ours, seconds = min((timed(evaluated, detections, videos, "activitynet") for _ in range(5)), key=lambda run: run[1])
    columns = (detections.video, detections.label, detections.start, detections.end, detections.score)
    rows = [
        (detections.videos[v], detections.labels[c], s, e, x)
        for v, c, s, e, x in zip(*(column.tolist() for column in columns), strict=True)
    ]
    instances = [(v.id, i.label, i.start, i.end) for v in videos.values() for i in v.instances]
    print(f"100 000 detections, {VIDEOS} videos, {CLASSES} classes, {len(TIOU)} thresholds, rule activitynet")
    print(f"  ours                 {seconds:7.3f} s")
    plain, slow = timed(as_the_original, rows, instances)
    lean, less_slow = timed(reference_map.activitynet, rows, instances, TIOU)
    print(f"  as the original does {slow:7.3f} s, {slow / seconds:5.0f} times as long")
    print(f"  leaner loop          {less_slow:7.3f} s, {less_slow / seconds:5.0f} times as long")
    difference = max(float(np.abs(ours - other).max()) for other in (plain, lean))
    print(f"  largest difference {difference:.1e}")

    names = [*PROTOCOLS, "ar-an"]
    print("detections     scores  " + "  ".join(f"{name:>13}" for name in names) + "   (s)")
    seconds_of = {}
    for n in (100_000, 500_000, 1_000_000, arguments.largest):
        for equal in (False, True):
            many = make_detections(rng, videos, n, equal)
            seconds_of[n, equal] = [timed(evaluated, many, videos, name)[1] for name in names]
            title = "2 decimals" if equal else "distinct"
            print(f"{n:10d} {title:>10}  " + "  ".join(f"{value:13.3f}" for value in seconds_of[n, equal]), flush=True)
    growth = max(
        last / before * 1_000_000 / arguments.largest
        for equal in (False, True)
        for last, before in zip(seconds_of[arguments.largest, equal], seconds_of[1_000_000, equal], strict=True)
    )
    slowest = max(*seconds_of[100_000, False], *seconds_of[100_000, True])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"100 000 detections: at most {slowest:.3f} s; peak memory {peak:.1f} GiB")
    print(f"seconds per million, {arguments.largest} to 1 000 000 detections: at most {growth:.2f} times (1 is linear)")
    good = difference <= 1e-12 and slow / seconds >= 300 and slowest < 0.5 and growth < 2
    print("targets met" if good else "TARGETS MISSED: >= 300 times, < 0.5 s, equal to 1e-12, linear")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
