"""Detection mAP as plain loops: one detection, one instance at a time, each protocol written out as its original reads.

Slow and obvious on purpose. Tests compare `actionbytes.evaluation` with it, `evaluation.py` its speed.
A detection is (video, label, start, end, score), an instance (video, label, start, end), an Ambiguous segment
(video, start, end); times in seconds. Ties are ordered as `actionbytes.evaluation.protocols` states.
"""

import math
from collections import defaultdict

import numpy as np


def activitynet(detections, instances, tiou):
    """(K, C) AP of the sorted classes: by score, each takes the most overlapping free instance with tIoU >= t."""
    result = []
    for label in sorted({i[1] for i in instances}):
        by_video = defaultdict(list)
        for instance in instances:
            if instance[1] == label:
                by_video[instance[0]].append(instance)
        mine = sorted((d for d in detections if d[1] == label), key=lambda d: -d[4])
        taken = [set() for _ in tiou]
        hits = np.zeros((len(tiou), len(mine)))
        for position, (video, _, start, end, _) in enumerate(mine):
            if video not in by_video:
                continue
            segments = np.array([i[2:4] for i in by_video[video]])
            intersection = np.clip(np.minimum(segments[:, 1], end) - np.maximum(segments[:, 0], start), 0, None)
            union = (segments[:, 1] - segments[:, 0]) + (end - start) - intersection
            overlap = np.where(intersection > 0, intersection / np.where(union > 0, union, 1), 0)
            # long double: the one float whose argsort NumPy does not vectorise, so its ties are the portable ones
            order = overlap.astype(np.longdouble).argsort()[::-1]
            for k, threshold in enumerate(tiou):
                for j in order:
                    if overlap[j] < threshold:
                        break
                    if (video, j) not in taken[k]:
                        taken[k].add((video, j))
                        hits[k, position] = 1
                        break
        n = sum(len(segments) for segments in by_video.values())
        result.append([interpolated(row, n) for row in hits])
    return np.array(result).T


def thumos14(detections, instances, tiou, ambiguous=()):
    """(K, C) AP: in file order, each instance takes the most overlapping free detection with tIoU > t."""
    table = []
    for threshold in tiou:
        row = []
        for label in sorted({i[1] for i in instances}):
            mine = sorted((d for d in detections if d[1] == label), key=lambda d: -d[4])
            true = set()
            for video, own, start, end in instances:
                if own != label:
                    continue
                best, best_position = threshold, None
                for position, d in enumerate(mine):
                    if d[0] == video and position not in true:
                        overlap = hull_tiou((start, end), d[2:4])
                        if overlap > best:
                            best, best_position = overlap, position
                if best_position is not None:
                    true.add(best_position)
            flags = []
            for position, d in enumerate(mine):
                unsure = any(a[0] == d[0] and hull_tiou(a[1:], d[2:4]) > 0 for a in ambiguous)
                if position in true or not unsure:
                    flags.append(float(position in true))
            row.append(plain(np.array(flags), sum(i[1] == label for i in instances)))
        table.append(row)
    return np.array(table)


def wtalc(detections, instances, tiou, ambiguous=(), rate=25 / 16):
    """(K,) mAP in snippets: by score, each takes the first free instance in the file; 0 if a class has no detection."""

    def snippets(start, end):
        return set(range(round(start * rate), round(end * rate)))

    annotated = {i[0] for i in instances}
    result = []
    for threshold in tiou:
        aps = []
        for label in sorted({i[1] for i in instances}):
            mine = [
                d
                for d in detections
                if d[1] == label
                and d[0] in annotated
                and not any(a[0] == d[0] and snippets(*a[1:]) & snippets(*d[2:4]) for a in ambiguous)
            ]
            if not mine:
                aps = [0.0]
                break
            left = [i for i in instances if i[1] == label]
            n, flags = len(left), []
            for d in sorted(mine, key=lambda d: -d[4]):
                found = snippets(*d[2:4])
                flags.append(0.0)
                for instance in left:
                    if instance[0] == d[0]:
                        true = snippets(*instance[2:4])
                        if len(true & found) / max(len(true | found), 1) >= threshold:
                            flags[-1] = 1.0
                            left.remove(instance)
                            break
            aps.append(plain(np.array(flags), n))
        result.append(np.mean(aps))
    return np.array(result)


def hull_tiou(a, b):
    """Overlap over the span of both."""
    overlap = min(a[1], b[1]) - max(a[0], b[0])
    return overlap / (max(a[1], b[1]) - min(a[0], b[0])) if overlap > 0 else 0.0


def plain(flags, n):
    """Precision at each true positive, summed, over the number of instances."""
    if not flags.size:
        return 0.0
    return float(math.fsum(np.cumsum(flags) / np.arange(1, len(flags) + 1) * flags) / n)


def interpolated(flags, n):
    """Area under precision made monotone from the right, over every change of recall."""
    true = np.cumsum(flags)
    precision = np.hstack([[0], true / np.arange(1, len(flags) + 1), [0]])
    recall = np.hstack([[0], true / n, [1]])
    for i in range(len(precision) - 1)[::-1]:
        precision[i] = max(precision[i], precision[i + 1])
    change = np.where(recall[1:] != recall[:-1])[0] + 1
    return float(np.sum((recall[change] - recall[change - 1]) * precision[change]))
