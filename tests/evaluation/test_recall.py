"""AR-AN against plain loops of the same rule, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionbytes.data.annotations import Instance, Video
from actionbytes.data.detections import Detections
from actionbytes.errors import UserError
from actionbytes.evaluation.recall import average_recall, recall_metrics

seeds = st.integers(0, 2**32 - 1)


def plain(rows, videos, tiou, most):
    """Average recall (100,) and average number (100,), video by video and proposal by proposal."""
    videos = {name: video for name, video in videos.items() if video.instances}
    ratio = most * len(videos) / len(rows)
    matrices = []
    total = 0
    for name, video in videos.items():
        own = sorted((r for r in rows if r[0] == name), key=lambda r: -r[4])
        own = own[: min(int(len(own) * ratio), len(own))]
        total += len(own)
        matrix = np.zeros((len(video.instances), len(own)))
        for i, instance in enumerate(video.instances):
            for j, (_, _, start, end, _) in enumerate(own):
                overlap = max(min(instance.end, end) - max(instance.start, start), 0)
                matrix[i, j] = overlap / ((instance.end - instance.start) + (end - start) - overlap)
        matrices.append(matrix)
    shares = np.arange(1, 101) / 100.0 * (most * float(len(videos)) / total)
    recalls = []
    for threshold in tiou:
        found = [
            sum((m[:, : min(int(m.shape[1] * share), m.shape[1])] >= threshold).any(axis=1).sum() for m in matrices)
            for share in shares
        ]
        recalls.append(np.array(found) / sum(len(m) for m in matrices))
    return np.mean(recalls, axis=0), shares * (total / len(videos))


@given(seeds, st.sampled_from([5, 100]))
@settings(max_examples=30, deadline=None)
def test_equal_to_plain_loops(worlds, seed, most):
    rng = np.random.default_rng(seed)
    videos = worlds.make_videos(rng, n_videos=5)
    proposals = worlds.make_detections(rng, videos, n=60)
    tiou = [0.3, 0.5, 0.75]
    got = average_recall(proposals, videos, tiou, most)
    recall, number = plain(worlds.rows_of(proposals), videos, tiou, most)
    assert np.allclose(got.average_recall, recall, rtol=0, atol=1e-12)
    assert np.allclose(got.average_number, number, rtol=1e-12, atol=0)
    width = np.diff(number)
    assert got.auc == pytest.approx(100 * (width * (recall[1:] + recall[:-1]) / 2).sum() / number[-1])


def test_by_hand():
    """One of two instances is found, by the better of two proposals: from the first point on AR is 1/2."""
    videos = {"v": Video("v", "test", 9.0, 25.0, (Instance("a", 0.0, 10.0), Instance("b", 20.0, 30.0)))}
    proposals = Detections.from_rows([("v", "x", 0.0, 10.0, 0.9), ("v", "x", 50.0, 60.0, 0.1)])
    got = average_recall(proposals, videos)
    assert got.at(100) == 0.5 and got.average_number[-1] == 100
    assert got.auc == pytest.approx(100 * 0.5 * 99 / 100)


def test_recall_at_100_is_told_where_rounding_ends_the_curve_just_before(real):
    from actionbytes.data.annotations import of_subset, read_annotations
    from actionbytes.data.detections import read_detections

    videos = of_subset(read_annotations(real / "thumos14" / "official_txt"), "test")
    proposals = read_detections(real / "detections" / "scnn_thumos14_det_0.5.txt.gz")
    metrics = recall_metrics(proposals, videos)
    assert metrics["average_number"][-1] == 99.99999999999999
    assert list(metrics["recall_at"]) == ["1", "5", "10", "50", "100"]
    assert metrics["recall_at"]["100"] == metrics["average_recall"][-1]


def test_empty_inputs():
    videos = {"v": Video("v", "test", 9.0, 25.0, (Instance("a", 0.0, 10.0),))}
    nothing = average_recall(Detections.from_rows([]), videos)
    assert nothing.auc == 0 and not nothing.average_recall.any()
    elsewhere = average_recall(Detections.from_rows([("w", "x", 0.0, 1.0, 0.5)]), videos)
    assert elsewhere.auc == 0
    with pytest.raises(UserError, match="nothing to evaluate"):
        average_recall(Detections.from_rows([]), {"v": Video("v", "test")})


def test_stpn_detections_as_proposals(real):
    from actionbytes.data.annotations import of_subset, read_annotations
    from actionbytes.data.detections import read_detections

    videos = of_subset(read_annotations(real / "thumos14" / "thumos14_full.json"), "test")
    found = average_recall(read_detections(real / "detections" / "stpn_thumos14_results.json"), videos)
    assert found.recall.shape == (10, 100) and (np.diff(found.average_recall) >= 0).all()
    assert (np.diff(found.recall, axis=0) <= 0).all()
