"""Error analysis: kinds by hand, and sums that must agree with the evaluation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionbytes.data.annotations import Instance, Video
from actionbytes.data.detections import Detections
from actionbytes.evaluation.diagnosis import KINDS, diagnose
from actionbytes.evaluation.protocols import PROTOCOLS
from actionbytes.evaluation.scoring import in_scoring_order, score
from actionbytes.evaluation.truth import Truth

VIDEOS = {
    "v": Video(
        "v", "test", 100.0, 25.0, (Instance("a", 0.0, 10.0), Instance("b", 20.0, 30.0), Instance("a", 60.0, 70.0))
    )
}


def kinds(*rows, videos=VIDEOS):
    """Kind of each detection (label, start, end), best score first."""
    detections = Detections.from_rows(("v", c, float(s), float(e), 10.0 - i) for i, (c, s, e) in enumerate(rows))
    d = diagnose(detections, Truth.of(videos))
    by_score = np.argsort(-d.detections.score)
    return [KINDS[k] for k in d.kind[by_score]]


def test_kinds_by_hand():
    expected = [
        (("a", 0, 10), "true positive"),
        (("a", 0, 9), "double detection"),
        (("b", 0, 8), "wrong label"),
        (("a", 60, 64), "localization"),
        (("b", 60, 64), "confusion"),
        (("a", 40, 50), "background"),
        (("b", 19, 31), "true positive"),
        (("b", 69, 80), "background"),
    ]
    assert kinds(*(row for row, _ in expected)) == [kind for _, kind in expected]


def test_an_instance_of_two_classes_is_no_wrong_label():
    same = {"v": Video("v", "test", 50.0, 25.0, (Instance("CliffDiving", 0.0, 4.0), Instance("Diving", 0.0, 4.0)))}
    assert kinds(("Diving", 0, 4), ("Diving", 0, 4), ("CliffDiving", 0, 1), videos=same) == [
        "true positive",
        "double detection",
        "localization",
    ]


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.5, 0.75]))
@settings(max_examples=30, deadline=None)
def test_sums_agree_with_the_evaluation(worlds, seed, tiou):
    rng = np.random.default_rng(seed)
    videos = worlds.make_videos(rng)
    detections = worlds.make_detections(rng, videos, n=100)
    truth = Truth.of(videos)
    d = diagnose(detections, truth, tiou)
    ordered = in_scoring_order(detections, truth, PROTOCOLS["activitynet"])
    scores = score(ordered, truth, PROTOCOLS["activitynet"], [tiou])
    hits = len(scores.hits[0][0])
    assert np.array_equal(d.ap, scores.ap[0])
    assert (d.kind == 0).sum() == hits == sum(len(curve.recall) for curve in d.curves.values())
    ten_g = 10 * np.bincount(truth.label)
    assert d.profile.sum() == np.minimum(scores.n_detections, ten_g).sum()
    for k in range(1, len(KINDS)):  # the cost is what evaluation without them says
        rest = score(ordered.take(d.kind != k), truth, PROTOCOLS["activitynet"], [tiou])
        assert d.cost[k] == pytest.approx(rest.ap.mean() - d.ap.mean(), abs=1e-12) and d.cost[k] >= -1e-12
    assert sum(group.instances for group in d.lengths) == len(truth)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_one_group_of_all_lengths_is_plain_ap(worlds, seed):
    rng = np.random.default_rng(seed)
    videos = worlds.make_videos(rng)
    d = diagnose(worlds.make_detections(rng, videos, n=100), Truth.of(videos), 0.3, length_edges=[0, np.inf])
    (group,) = d.lengths
    assert group.normalised_ap == pytest.approx(d.ap.mean(), abs=1e-12)
    assert group.classes == len(d.ap)


def test_lengths_by_hand():
    """Short: found at rank 1. Long: found at rank 3 after one miss; N = 2, so precision is 1*2 / (1*2 + 1)."""
    videos = {"v": Video("v", "test", 100.0, 25.0, (Instance("a", 0.0, 2.0), Instance("a", 20.0, 40.0)))}
    rows = [("v", "a", 0.0, 2.0, 3.0), ("v", "a", 50.0, 60.0, 2.0), ("v", "a", 20.0, 40.0, 1.0)]
    d = diagnose(Detections.from_rows(rows), Truth.of(videos), length_edges=[0, 10, np.inf])
    assert [(g.instances, g.recall, g.normalised_ap) for g in d.lengths] == [(1, 1, 1), (1, 1, pytest.approx(2 / 3))]


def test_without_detections():
    d = diagnose(Detections.from_rows([]), Truth.of(VIDEOS))
    assert d.ap.tolist() == [0, 0] and not d.profile.any() and not d.cost.any()
    assert all(group.recall == 0 for group in d.lengths)
