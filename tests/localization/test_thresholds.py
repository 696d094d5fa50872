"""Two-stage thresholding and proposals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from actionbytes.errors import UserError
from actionbytes.localization.nms import segment_iou
from actionbytes.localization.thresholds import (
    Localization,
    confidence,
    localize,
    surviving_classes,
    to_seconds,
    video_scores,
)


@st.composite
def activations(draw, shortest=1):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(shortest, 60)), draw(st.integers(1, 5))
    return rng.normal(draw(st.sampled_from([-1.0, 0.0, 1.0])), 1.0, shape).astype(np.float32)


def plain_wtalc(cas):
    """W-TALC's detections, spelled out: top T // 8 mean > 0, midrange, runs of two, max + 0.7 s_c."""
    found = set()
    for label in range(cas.shape[1]):
        sequence = cas[:, label]
        s = np.mean(sorted(sequence.astype(float), reverse=True)[: len(cas) // 8])
        if not s > 0:
            continue
        theta = sequence.max() - 0.5 * (sequence.max() - sequence.min())
        start = None
        for t in range(len(cas) + 1):
            above = t < len(cas) and sequence[t] > theta
            if above and start is None:
                start = t
            if not above and start is not None:
                if t - start >= 2:
                    found.add((start, t, label, round(float(sequence[start:t].max() + 0.7 * s), 5)))
                start = None
    return found


@given(activations(shortest=8))
def test_defaults_are_wtalc(cas):
    found = localize(cas, Localization())
    assert {(s, e, c, round(float(x), 5)) for s, e, c, x in zip(*found, strict=True)} == plain_wtalc(cas)


@given(
    activations(),
    st.sampled_from(["zero", "mean", "half_max"]),
    st.sampled_from(["soft", "hard"]),
    st.sampled_from(["max", "mean", "contrast", "fit"]),
    st.integers(0, 2**32 - 1),
)
def test_what_holds_for_any_video_with_proposals(cas, rule, suppression, score, seed):
    rng = np.random.default_rng(seed)
    pairs = np.sort(rng.integers(0, len(cas) + 1, (12, 2)), axis=1)
    proposals = pairs[pairs[:, 0] < pairs[:, 1]]
    parameters = Localization(
        proposals=True, class_rule=rule, suppression=suppression, proposal_score=score, max_per_class=5
    )
    found = localize(cas, parameters, proposals)
    alive = surviving_classes(video_scores(cas), rule)
    assert set(found.label) <= set(alive)
    assert (found.start >= 0).all() and (found.end <= len(cas)).all() and (found.start < found.end).all()
    assert np.isfinite(found.score).all()
    for label in alive:
        here = found.label == label
        assert here.sum() <= 5
        assert here.any() or len(proposals) == 0
        assert (np.diff(found.score[here]) <= 0).all()
        if suppression == "soft":
            assert (found.score[here] >= 0).all()
            continue
        start, end = found.start[here], found.end[here]
        assert (np.triu(segment_iou(start[:, None], end[:, None], start, end), 1) <= parameters.nms).all()


def test_a_proposal_with_the_true_bounds_beats_the_run():
    cas = np.zeros((40, 1), dtype=np.float32)
    cas[10:14], cas[14:26], cas[26:30] = 0.45, 1.0, 0.45  # the midrange cuts the shoulders off
    without = localize(cas, Localization(threshold_score="contrast"))
    assert list(zip(without.start, without.end, strict=True)) == [(14, 26)]
    parameters = Localization(proposals=True, proposal_score="contrast", score_weight=0)
    found = localize(cas, parameters, np.array([[10, 30], [0, 5]]))
    assert (found.start[0], found.end[0]) == (10, 30)
    assert found.score[0] == pytest.approx((12 * 1.0 + 8 * 0.45) / 20)
    found = localize(10 * cas - 3, Localization(proposals=True), np.array([[10, 30], [0, 5]]))
    assert (found.start[0], found.end[0]) == (10, 30)


@given(activations(), st.floats(0, 3), st.sampled_from([0.25, 1.0]), st.booleans(), st.integers(0, 2**32 - 1))
def test_fit_spelled_out(cas, weight, margin, probabilities, seed):
    rng = np.random.default_rng(seed)
    power = float(rng.choice([0.25, 0.5, 1, 2]))
    cas = expit(cas) - 0.2 if probabilities else cas  # below 0 too: negative weights of classes
    pairs = np.sort(rng.integers(0, len(cas) + 1, (10, 2)), axis=1)
    start, end = pairs[pairs[:, 0] < pairs[:, 1]].T
    column = rng.integers(0, cas.shape[1], len(start))
    of_video = video_scores(cas)
    parameters = Localization(fit_weight=weight, fit_power=power, margin=margin)
    found = confidence(cas, start, end, column, of_video, "fit", parameters, probabilities)
    for s, e, c, score in zip(start, end, column, found, strict=True):
        belief = [max(float(x), 0) if probabilities else 1 / (1 + np.exp(-float(x))) for x in cas[:, c]]
        reach = max(1, int(margin * (e - s)))
        outside = belief[max(s - reach, 0) : s] + belief[e : e + reach]
        inside, beside = np.mean(belief[s:e]), np.mean(outside) if outside else 0
        contrast = max(inside - beside, 0)
        fit = contrast / math.sqrt(inside) if inside else 0  # the root of contrast * (contrast / inside)
        certainty = float(cas[s:e, c].max()) + weight * of_video[c]
        assert score == pytest.approx(fit**power * max(certainty, 0), abs=1e-6)


def scores_of(cas, segments, rule):
    start, end = np.array(segments).T
    return confidence(cas, start, end, np.zeros(len(start), int), video_scores(cas), rule, Localization())


def test_fit_prefers_the_action_where_contrast_prefers_its_peak():
    cas = np.full((40, 1), -8.0)
    cas[10:30] = 3.0
    cas[18:20] = 40.0
    whole, peak, half, wide = scores_of(cas, [(10, 30), (18, 20), (10, 20), (5, 35)], "fit")
    assert whole > max(peak, half, wide)
    whole, peak = scores_of(cas, [(10, 30), (18, 20)], "contrast")
    assert whole < peak


def test_soft_suppression_ranks_fragments_behind_an_action_of_another_class():
    cas = np.full((60, 2), -6.0)
    cas[10:30, 0], cas[40:50, 1] = 6.0, 5.0
    given_ = np.array([[10, 30], [11, 30], [10, 28], [40, 50]])
    hard = localize(cas, Localization(proposals=True, suppression="hard"), given_)
    soft = localize(cas, Localization(proposals=True), given_)
    best = {"hard": hard.score[0], "soft": soft.score[0]}
    assert best["hard"] == best["soft"] and (soft.start[0], soft.end[0]) == (10, 30)
    near = soft.score[(soft.label == 0) & (soft.start == 11)]  # tIoU 0.95: what hard suppression drops falls behind
    assert len(near) == 1 and near[0] < soft.score[(soft.label == 1) & (soft.start == 40)][0] < best["soft"]
    assert not ((hard.label == 0) & (hard.start == 11)).any()


def test_class_rules():
    scores = np.array([3.0, 1.6, 0.5, -1.0])
    assert list(surviving_classes(scores, "zero")) == [0, 1, 2]
    assert list(surviving_classes(scores, "mean")) == [0, 1]
    assert list(surviving_classes(scores, "half_max")) == [0, 1]
    assert list(surviving_classes(np.array([0.1, 0.1, 0.1]), "mean")) == [0, 1, 2]


def test_video_score_is_the_mean_of_the_top_eighth():
    cas = np.arange(20.0)[:, None]
    assert video_scores(cas) == pytest.approx([18.5])  # floor(20 / 8) = 2 snippets: 19, 18
    assert video_scores(cas[:5]) == pytest.approx([4.0])


def test_short_videos_by_the_flag():
    cas = np.array([[0.0], [1.0], [1.0], [0.0]])
    assert len(localize(cas, Localization()).start) == 1
    assert len(localize(cas, Localization(keep_short=False)).start) == 0
    assert len(localize(np.zeros((0, 3)), Localization()).start) == 0


def test_smoothing_joins_a_broken_run():
    cas = np.full((60, 1), -1.0)
    cas[20:40] = 1.0
    cas[28:30] = -1.0
    assert len(localize(cas, Localization()).start) == 2
    assert len(localize(cas, Localization(smooth_window=9)).start) == 1


def test_seconds_by_one_rule():
    found = localize(np.array([[0.0], [1.0], [1.0], [1.0]]), Localization())
    start, end = to_seconds(found, hop_s=0.64, duration=2.5)
    assert (start, end) == (pytest.approx([0.64]), pytest.approx([2.5]))


def test_what_a_user_can_get_wrong():
    with pytest.raises(UserError, match="not finite"):
        localize(np.array([[np.nan], [1.0]]), Localization())
    with pytest.raises(ValueError, match="no proposals"):
        localize(np.ones((9, 1)), Localization(proposals=True))
