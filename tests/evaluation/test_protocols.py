"""The protocols by hand and by their properties; test_originals.py and test_random_worlds.py hold them to originals."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionbytes.data.annotations import Instance, Video
from actionbytes.data.detections import Detections
from actionbytes.errors import UserError
from actionbytes.evaluation.detection import evaluate_all
from actionbytes.evaluation.protocols import PROTOCOLS
from actionbytes.evaluation.scoring import in_scoring_order, mean_ap, score
from actionbytes.evaluation.truth import Truth

TIOU = [0.1, 0.3, 0.5, 0.7, 0.95]
NAMES = sorted(PROTOCOLS)
seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=40, deadline=None)


def ap_of(detections, videos, name):
    """(K, C) AP and (K,) mAP."""
    truth = Truth.of(videos)
    protocol = PROTOCOLS[name]
    scores = score(in_scoring_order(detections, truth, protocol), truth, protocol, TIOU)
    return scores.ap, mean_ap(scores, protocol)


def by_hand(*segments):
    """Detections of one class in one video, best score first."""
    return Detections.from_rows(("v", "c", float(s), float(e), 10.0 - i) for i, (s, e) in enumerate(segments))


def one_video(*segments, ambiguous=()):
    return {"v": Video("v", "test", 100.0, 25.0, tuple(Instance("c", *map(float, s)) for s in segments), ambiguous)}


def test_activitynet_by_hand():
    """0-10 and 20-30 at 0.5. Hits at ranks 1, 4; precision 1, 1/2 is monotone already."""
    videos = one_video((0, 10), (20, 30))
    found = by_hand((0, 10), (1, 10), (50, 60), (21, 31), (20, 30), (0, 3))
    assert ap_of(found, videos, "activitynet")[0][2, 0] == pytest.approx((1 + 2 / 4) / 2)
    later = by_hand((50, 60), (0, 10), (20, 30))  # 1/2, then 2/3: the first is lifted to 2/3
    assert ap_of(later, videos, "activitynet")[0][2, 0] == pytest.approx(2 / 3)
    assert ap_of(later, videos, "thumos14")[0][2, 0] == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_a_match_at_exactly_the_threshold():
    """tIoU is 0.5 exactly: enough for ActivityNet, not for the strict THUMOS14 kit."""
    videos, found = one_video((0, 10)), by_hand((0, 5))
    assert ap_of(found, videos, "activitynet")[0][2, 0] == 1
    assert ap_of(found, videos, "thumos14")[0][2, 0] == 0


def test_who_chooses_matters():
    """A good but low-scored detection: the kit's instance takes it, the others' instance is gone by then."""
    videos = one_video((0, 10))
    found = by_hand((0, 7), (0, 10))
    assert ap_of(found, videos, "activitynet")[0][2, 0] == 1
    assert ap_of(found, videos, "wtalc")[0][2, 0] == 1
    assert ap_of(found, videos, "thumos14")[0][2, 0] == pytest.approx(1 / 2)


def test_a_second_detection_falls_through_to_another_instance():
    videos = one_video((0, 10), (0, 9))
    found = by_hand((0, 10), (0, 10))
    assert ap_of(found, videos, "activitynet")[0][2, 0] == 1


def test_wtalc_takes_the_first_in_the_file():
    """0-8 s comes first in the file and is enough at 0.5 for 0-10 s, which leaves the next a poor match."""
    videos = one_video((0, 8), (0, 10.24))
    found = by_hand((0, 10.24), (0, 4.48))
    assert ap_of(found, videos, "wtalc")[0][2, 0] == pytest.approx(1 / 2)
    assert ap_of(found, videos, "activitynet")[0][2, 0] == 1  # the best first: both fit


def test_wtalc_rounds_to_snippets_half_to_even():
    """0.32 s is half a snippet and becomes 0; 0.96 s is 1.5 and becomes 2: instance 0 to 2, detection 2 to 4."""
    videos, found = one_video((0.32, 0.96)), by_hand((0.96, 2.56))
    assert ap_of(found, videos, "wtalc")[0][0, 0] == 0
    assert ap_of(by_hand((0.0, 1.28)), videos, "wtalc")[0][4, 0] == 1


def test_wtalc_instances_shorter_than_a_snippet_are_never_found_but_count():
    videos = one_video((0, 10), (20.0, 20.1))
    found = by_hand((0, 10), (20.0, 20.1))
    assert ap_of(found, videos, "wtalc")[0][0, 0] == 0.5
    assert ap_of(found, videos, "activitynet")[0][0, 0] == 1


def test_ambiguous_segments():
    """Ambiguous 50-60 touches the first detection, a miss, and the last, a hit."""
    videos = one_video((0, 10), (49, 52), ambiguous=((50.0, 60.0),))
    found = by_hand((55, 58), (0, 10), (49, 52))
    assert ap_of(found, videos, "activitynet")[0][2, 0] == pytest.approx(2 / 3)  # ignored
    assert ap_of(found, videos, "thumos14")[0][2, 0] == 1  # the miss is excused, the hit stays
    assert ap_of(found, videos, "wtalc")[0][2, 0] == pytest.approx(1 / 2)  # both are deleted
    plain = evaluate_all(found, videos, [0.5], ambiguous=False)
    assert plain["thumos14"]["map"][0] == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)
    assert plain["wtalc"]["map"][0] == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)


def test_wtalc_gives_up_if_a_class_has_no_detection():
    videos = {"v": Video("v", "test", 100.0, 25.0, (Instance("c", 0.0, 10.0), Instance("d", 0.0, 10.0)))}
    result = evaluate_all(by_hand((0, 10)), videos, [0.5])
    assert result["wtalc"]["map"] == [0] and result["wtalc"]["per_class"] == {"c": [100.0], "d": [0.0]}
    assert result["wtalc"]["classes_without_detections"] == ["d"]
    assert result["activitynet"]["map"] == result["thumos14"]["map"] == [50.0]
    assert evaluate_all(by_hand((0, 10)), videos, [0.5], missing_class="zero_class")["wtalc"]["map"] == [50.0]


def test_detections_in_videos_without_instances():
    videos = {**one_video((0, 10)), "bare": Video("bare", "test", 9.0, 25.0)}
    found = Detections.from_rows([("bare", "c", 0.0, 5.0, 2.0), ("v", "c", 0.0, 10.0, 1.0)])
    result = evaluate_all(found, videos, [0.5])
    maps = {name: result[name]["map"] for name in NAMES}
    assert maps == {name: [100.0] if name in ("wtalc", "3cnet") else [50.0] for name in NAMES}
    assert result["wtalc"]["detections"]["excluded"] == {"excluded by the protocol": 1}


def test_equal_scores_by_hand():
    """Two detections of one score: which of them counts as the first, and that the order of the file can be had."""
    videos = one_video((0, 10))
    hit, miss = ("v", "c", 0.0, 10.0, 1.0), ("v", "c", 50.0, 60.0, 1.0)
    orders = Detections.from_rows([hit, miss]), Detections.from_rows([miss, hit])
    first = {name: [ap_of(detections, videos, name)[1][2] for detections in orders] for name in NAMES}
    assert first == {
        "activitynet": [0.5, 1],  # the later in the file
        "co2net": [0.5, 1],
        "thumos14": [1, 0.5],
        "wtalc": [1, 0.5],
        "3cnet": [1, 0.5],
        "thumos14-11pt": [1, 1],  # the true one
    }
    for detections, expected in zip(orders, (100, 50), strict=True):
        result = evaluate_all(detections, videos, [0.5], ties="file")
        assert {metrics["map"][0] for metrics in result.values()} == {expected}


@given(seeds)
@quick
def test_truth_as_detections_is_perfect(worlds, seed):
    rng = np.random.default_rng(seed)
    crowded = worlds.make_videos(rng, ambiguous=False)
    assert (ap_of(worlds.truth_as_detections(crowded, rng), crowded, "activitynet")[1] == 1).all()
    apart = worlds.make_videos(rng, disjoint=True, ambiguous=False)
    for name in sorted(set(NAMES) - {"co2net"}):  # whose truth is rounded to snippets, and the detections are not
        assert (ap_of(worlds.truth_as_detections(apart, rng), apart, name)[1] == 1).all()


@given(seeds, st.sampled_from(NAMES))
@quick
def test_order_does_not_matter(worlds, seed, name):
    rng = np.random.default_rng(seed)
    videos = worlds.make_videos(rng)
    detections = worlds.make_detections(rng, videos)
    shuffled = detections.take(rng.permutation(len(detections)))
    renamed = Detections.from_rows(worlds.rows_of(shuffled))  # names are numbered in another order too
    reordered = {key: videos[key] for key in rng.permutation(sorted(videos))}
    expected = ap_of(detections, videos, name)[0]
    assert np.array_equal(ap_of(shuffled, videos, name)[0], expected)
    assert np.array_equal(ap_of(renamed, reordered, name)[0], expected)


@given(seeds, st.sampled_from(NAMES), st.sampled_from([1e-6, 0.5, 3.0, 1e6]))
@quick
def test_scaling_scores_changes_nothing(worlds, seed, name, factor):
    rng = np.random.default_rng(seed)
    videos = worlds.make_videos(rng)
    detections = worlds.make_detections(rng, videos)
    expected = ap_of(detections, videos, name)[0]
    assert np.array_equal(ap_of(replace(detections, score=factor * detections.score), videos, name)[0], expected)
    assert np.array_equal(ap_of(replace(detections, score=detections.score - 7), videos, name)[0], expected)


@given(seeds, st.sampled_from(NAMES))
@quick
def test_a_duplicate_with_a_lower_score_never_raises_ap(worlds, seed, name):
    """Above tIoU 0.5 and with instances apart, a detection fits one instance only, so its copy finds none."""
    rng = np.random.default_rng(seed)
    videos = worlds.make_videos(rng, disjoint=True, ambiguous=False)
    detections = worlds.make_detections(rng, videos)
    rows = worlds.rows_of(detections)
    copied = [rows[i] for i in rng.choice(len(rows), 5)]
    more = Detections.from_rows([*rows, *((*row[:4], row[4] - rng.random()) for row in copied)])
    above = np.array(TIOU) > 0.5
    assert (ap_of(more, videos, name)[0][above] <= ap_of(detections, videos, name)[0][above] + 1e-15).all()


@given(seeds, st.sampled_from(["activitynet", "wtalc"]))
@quick
def test_detections_below_all_others_never_lower_ap(worlds, seed, name):
    """Not so for the THUMOS14 kit, where an instance may leave a high-scored detection for a better low-scored one."""
    rng = np.random.default_rng(seed)
    videos = worlds.make_videos(rng)
    detections = worlds.make_detections(rng, videos)
    below = [(*row[:4], row[4] - 5) for row in worlds.rows_of(worlds.make_detections(rng, videos, n=10))]
    more = Detections.from_rows([*worlds.rows_of(detections), *below])
    assert (ap_of(more, videos, name)[0] >= ap_of(detections, videos, name)[0] - 1e-15).all()


@given(seeds)
@quick
def test_ap_falls_as_tiou_rises(worlds, seed):
    """A theorem of the ActivityNet rule only: elsewhere a higher threshold can free an instance for a better match."""
    rng = np.random.default_rng(seed)
    videos = worlds.make_videos(rng)
    detections = worlds.make_detections(rng, videos)
    assert (np.diff(ap_of(detections, videos, "activitynet")[0], axis=0) <= 1e-15).all()


def test_wtalc_may_rise_with_tiou():
    """At 0.3 the first detection takes the first instance in the file, which is all that the second could get."""
    videos = one_video((0, 12.8), (12.8, 32))
    found = by_hand((6.4, 32), (0, 12.8))
    low, _, high = (evaluate_all(found, videos, [t])["wtalc"]["map"][0] for t in (0.2, 0.4, 0.5))
    assert low < high == 100


@pytest.mark.parametrize("name", NAMES)
def test_empty_inputs(name):
    nothing = Detections.from_rows([])
    videos = one_video((0, 10))
    result = evaluate_all(nothing, videos, TIOU)[name]
    assert result["map"] == [0] * len(TIOU) and result["average"] == 0
    assert result["per_class"] == {"c": [0.0] * len(TIOU)}
    with pytest.raises(UserError, match="nothing to evaluate"):
        evaluate_all(nothing, {"v": Video("v", "test")}, TIOU)


def test_instances_without_length_count():
    """Under ActivityNet's rule 0/0 passes for a match with any detection without length, wherever it is."""
    videos = one_video((5, 5), (0, 10))
    found = by_hand((7, 7), (0, 10))
    for name, expected in zip(["activitynet", "co2net", "thumos14", "wtalc"], [1, 1, 1 / 4, 1 / 4], strict=True):
        assert ap_of(found, videos, name)[0][0, 0] == pytest.approx(expected), name
    missed = evaluate_all(found, videos, [0.1], zero_union="miss")
    assert missed["activitynet"]["map"] == missed["co2net"]["map"] == [pytest.approx(25)]
