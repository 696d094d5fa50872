"""Each evaluator as plain loops: one detection, one instance at a time, in the order in which its original goes.

Slow and obvious on purpose, and sharing nothing with `actionbytes.evaluation`, which tests compare with it. A detection
is (video, label, start, end, score), an instance (video, label, start, end), an Ambiguous segment (video, start, end);
times in seconds, lists in the order of the file. Every function returns AP (K, C) of the sorted classes unless it says
otherwise. Equals are ordered as the originals order them where NumPy sorts without vector instructions.
"""

import math

import numpy as np


def quick_order(values):
    """The positions that a quicksort on the median of three leaves, runs of up to 16 sorted by insertion.

    NumPy's portable `argsort`, without the heapsort that it turns to after 2 log2(n) bad splits in a row.
    """
    order = list(range(len(values)))

    def exchange_if_less(a, b):
        if values[order[b]] < values[order[a]]:
            order[a], order[b] = order[b], order[a]

    def sort(low, high):
        if high - low < 16:
            for i in range(low + 1, high + 1):
                item, j = order[i], i
                while j > low and values[item] < values[order[j - 1]]:
                    order[j] = order[j - 1]
                    j -= 1
                order[j] = item
            return
        middle = low + (high - low) // 2
        exchange_if_less(low, middle)
        exchange_if_less(middle, high)
        exchange_if_less(low, middle)
        pivot = values[order[middle]]
        order[middle], order[high - 1] = order[high - 1], order[middle]
        left, right = low + 1, high - 2
        while True:
            while values[order[left]] < pivot:
                left += 1
            while pivot < values[order[right]]:
                right -= 1
            if left >= right:
                break
            order[left], order[right] = order[right], order[left]
            left, right = left + 1, right - 1
        order[left], order[high - 1] = order[high - 1], order[left]
        sort(low, left - 1)
        sort(left + 1, high)

    sort(0, len(values) - 1)
    return order


def activitynet(detections, instances, tiou):
    """By score, each detection takes the most overlapping free instance with tIoU >= t; 0/0 is enough for any t."""
    result = []
    for label in classes_of(instances):
        truth = {}
        for video, _, start, end in (i for i in instances if i[1] == label):
            truth.setdefault(video, []).append((start, end))
        own = [d for d in detections if d[1] == label]
        own = [own[i] for i in reversed(quick_order([d[4] for d in own]))]
        taken = [set() for _ in tiou]
        hits = np.zeros((len(tiou), len(own)))
        for position, (video, _, start, end, _) in enumerate(own):
            overlaps = [sum_tiou((start, end), segment) for segment in truth.get(video, [])]
            order = list(reversed(quick_order([math.inf if math.isnan(x) else x for x in overlaps])))
            for k, threshold in enumerate(tiou):
                for j in order:
                    if overlaps[j] < threshold:
                        break
                    if (video, j) not in taken[k]:
                        taken[k].add((video, j))
                        hits[k, position] = 1
                        break
        result.append([interpolated(flags, sum(map(len, truth.values()))) for flags in hits])
    return np.array(result).T


def co2net(detections, instances, tiou, rate=25 / 16):
    """ActivityNet's rule on truth in whole snippets; detections become snippets without rounding."""
    snippets = [(v, c, float(round(s * rate)), float(round(e * rate))) for v, c, s, e in instances]

    def exact(t):  # what was a whole snippet before it was written in seconds
        return float(round(t)) if abs(t - round(t)) < 1e-9 else t

    return activitynet([(v, c, exact(s * rate), exact(e * rate), x) for v, c, s, e, x in detections], snippets, tiou)


def thumos14(detections, instances, tiou, ambiguous=(), eleven_points=False):
    """Video by video, in file order, each instance takes the most overlapping free detection with tIoU > t."""
    result = []
    for threshold in tiou:
        row = []
        for label in classes_of(instances):
            scored = []
            for video in sorted({x[0] for x in (*detections, *instances)}):
                own = sorted((d for d in detections if d[:2] == (video, label)), key=lambda d: -d[4])
                free = set(range(len(own)))
                for instance in (i for i in instances if i[:2] == (video, label)):
                    best, best_position = threshold, None
                    for position in sorted(free):
                        overlap = hull_tiou(sorted(instance[2:]), own[position][2:4])
                        if overlap > best:
                            best, best_position = overlap, position
                    free.discard(best_position)
                for position, d in enumerate(own):
                    excused = any(a[0] == video and hull_tiou(sorted(a[1:]), d[2:4]) > 0 for a in ambiguous)
                    if position not in free or not excused:
                        scored.append((d[4], position not in free))
            if eleven_points:
                scored = [s for s in scored if s[1]] + [s for s in scored if not s[1]]
            flags = np.array([true for _, true in sorted(scored, key=lambda s: -s[0])], float)
            n = sum(i[1] == label for i in instances)
            row.append(at_eleven_points(flags, n) if eleven_points else plain(flags, n))
        result.append(row)
    return np.array(result)


def wtalc(detections, instances, tiou, ambiguous=(), rate=25 / 16, three_c=False):
    """mAP (K,) in snippets: by score, each takes the first free instance that is enough; 0 if a class has no detection.

    With `three_c` the one of largest overlap, the first of equals, and interpolated AP: 3C-Net's.
    """

    def snippets(start, end):
        return set(range(round(start * rate), round(end * rate)))

    annotated = {i[0] for i in instances}
    result = []
    for threshold in tiou:
        aps = []
        for label in classes_of(instances):
            own = [
                d
                for d in detections
                if d[1] == label
                and d[0] in annotated
                and not any(a[0] == d[0] and snippets(*a[1:]) & snippets(*d[2:4]) for a in ambiguous)
            ]
            if not own:
                aps = [0.0]
                break
            left = [i for i in instances if i[1] == label]
            n, flags = len(left), []
            for d in (own[i] for i in quick_order([-d[4] for d in own])):
                enough = []
                for place, instance in enumerate(left):
                    if instance[0] != d[0]:
                        continue
                    both = snippets(*instance[2:4]), snippets(*d[2:4])
                    overlap = len(both[0] & both[1]) / max(len(both[0] | both[1]), 1)
                    if overlap >= threshold:
                        enough.append((-overlap if three_c else 0, place))
                flags.append(float(bool(enough)))
                if enough:
                    del left[min(enough)[1]]
            aps.append(interpolated(np.array(flags), n) if three_c else plain(np.array(flags), n))
        result.append(np.mean(aps))
    return np.array(result)


def ar_an(proposals, instances, tiou, most):
    """Average recall (100,) and average number (100,) of proposals (as detections), video by video."""
    videos = sorted({i[0] for i in instances})
    ratio = most * float(len(videos)) / len(proposals)
    overlaps, total = [], 0
    for video in videos:
        own = [p for p in proposals if p[0] == video]
        own = [own[i] for i in reversed(quick_order([p[4] for p in own]))]
        own = own[: min(int(len(own) * ratio), len(own))]
        total += len(own)
        truth = [i[2:4] for i in instances if i[0] == video]
        overlaps.append(np.array([[sum_tiou(p[2:4], t) for p in own] for t in truth]).reshape(len(truth), len(own)))
    shares = np.arange(1, 101) / 100.0 * (most * float(len(videos)) / total)
    recalls = []
    for threshold in tiou:
        matched = [
            sum((o[:, : min(int(o.shape[1] * share), o.shape[1])] >= threshold).any(axis=1).sum() for o in overlaps)
            for share in shares
        ]
        recalls.append(np.array(matched) / len(instances))
    return np.mean(recalls, axis=0), shares * (float(total) / len(videos))


def classes_of(instances):
    """The sorted classes of the truth."""
    return sorted({i[1] for i in instances})


def sum_tiou(detection, instance):
    """Overlap over the sum of lengths less the overlap; NaN for 0/0."""
    overlap = max(min(detection[1], instance[1]) - max(detection[0], instance[0]), 0.0)
    union = (instance[1] - instance[0]) + (detection[1] - detection[0]) - overlap
    return overlap / union if union else math.nan


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


def at_eleven_points(flags, n):
    """Mean of the largest precision where recall is at least 0, 0.1 ... 1, as MATLAB counts `0:0.1:1`."""
    points = [0, 0.1, 0.2, 3 * 0.1, 0.4, 0.5, 1 - 0.4, 1 - 3 * 0.1, 1 - 0.2, 1 - 0.1, 1]
    true = np.cumsum(flags)
    recall, precision = true / n, true / np.arange(1, len(flags) + 1)
    return sum(max(precision[recall >= t], default=0.0) for t in points) / len(points)
