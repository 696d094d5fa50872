"""Runs, thresholds, smoothing and inner scores against plain loops."""

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from actionbytes.localization.segments import midrange_threshold, runs, segment_scores, smoothed, threshold

masks = arrays.arrays(bool, st.tuples(st.integers(0, 40), st.integers(0, 4)))
small = st.floats(-100, 100, width=32)
sequences = arrays.arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=small)


@st.composite
def sequences_with_segments(draw):
    cas = draw(sequences)
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    pairs = np.sort(rng.integers(0, len(cas) + 1, (draw(st.integers(0, 20)), 2)), axis=1)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    return cas, pairs[:, 0], pairs[:, 1], rng.integers(0, cas.shape[1], len(pairs))


@given(masks)
def test_runs_rebuild_the_mask_and_never_touch(mask):
    found = runs(mask)
    rebuilt = np.zeros_like(mask)
    for start, end, column in zip(*found, strict=True):
        assert start < end
        assert not rebuilt[start:end, column].any()
        rebuilt[start:end, column] = True
    np.testing.assert_array_equal(rebuilt, mask)
    same = found.column[1:] == found.column[:-1]
    assert (found.start[1:][same] > found.end[:-1][same]).all()  # a gap of at least one snippet
    assert (np.diff(found.column) >= 0).all()


def test_runs_of_a_hand_made_mask():
    mask = np.array([[1, 0], [1, 1], [0, 1], [1, 1]], dtype=bool)
    found = runs(mask)
    assert list(zip(*map(list, found), strict=True)) == [(0, 2, 0), (3, 4, 0), (1, 4, 1)]


@given(sequences, st.integers(1, 5), st.floats(0, 1))
def test_threshold_keeps_long_runs_strictly_above(cas, min_length, fraction):
    theta = midrange_threshold(cas, fraction)
    everything = runs(cas > theta)
    kept = threshold(cas, theta, min_length)
    long_enough = (everything.end - everything.start) >= min_length
    for ours, expected in zip(kept, everything, strict=True):
        np.testing.assert_array_equal(ours, expected[long_enough])


def test_midrange_is_between_the_extremes_and_a_flat_column_gives_nothing():
    cas = np.array([[0.0, 3.0], [4.0, 3.0], [2.0, 3.0]])
    np.testing.assert_allclose(midrange_threshold(cas), [2.0, 3.0])
    np.testing.assert_allclose(midrange_threshold(cas, 0.7), [1.2, 3.0])
    assert len(threshold(cas, midrange_threshold(cas), min_length=1).start) == 1  # strict: 2.0 and 3.0 are not above


@given(sequences, st.integers(0, 60))
def test_smoothing_equals_savitzky_golay_of_order_one(cas, window):
    width = min(window, len(cas))
    width -= 1 - width % 2
    expected = cas if len(cas) <= 3 or width <= 1 else savgol_filter(cas, width, 1, axis=0)
    np.testing.assert_allclose(smoothed(cas, window), expected, atol=1e-9)


def plain_score(cas, start, end, column, rule, margin):
    inside = cas[start:end, column]
    if rule == "max":
        return inside.max()
    if rule == "mean":
        return inside.mean()
    reach = max(1, int((end - start) * margin))
    outside = np.concatenate([cas[max(start - reach, 0) : start, column], cas[end : end + reach, column]])
    return inside.mean() - (outside.mean() if len(outside) else 0.0)


@given(sequences_with_segments(), st.sampled_from(["max", "mean", "contrast"]), st.sampled_from([0.1, 0.25, 1.0]))
def test_scores_equal_a_plain_loop(given_, rule, margin):
    cas, start, end, column = given_
    expected = [plain_score(cas, s, e, c, rule, margin) for s, e, c in zip(start, end, column, strict=True)]
    np.testing.assert_allclose(segment_scores(cas, start, end, column, rule, margin), expected, atol=1e-9)


@given(sequences_with_segments(), small)
def test_contrast_ignores_a_constant_where_there_is_an_outside(given_, constant):
    cas, start, end, column = given_
    partial = end - start < len(cas)
    before, after = (segment_scores(x, start, end, column, "contrast")[partial] for x in (cas, cas + constant))
    np.testing.assert_allclose(before, after, atol=1e-9)


def test_contrast_prefers_the_whole_action_to_its_parts():
    cas = np.zeros((20, 1))
    cas[6:14] = 1.0
    start, end = np.array([6, 6, 8, 4]), np.array([14, 10, 12, 16])
    whole, head, middle, wide = segment_scores(cas, start, end, np.zeros(4, int), "contrast")
    assert whole == 1.0
    assert whole > max(head, middle, wide)


@pytest.mark.parametrize("segment", [(0, 0), (3, 2), (-1, 2), (2, 6)])
def test_segments_outside_the_video_are_errors(segment):
    with pytest.raises(ValueError, match="0 <= start < end <= 5"):
        segment_scores(np.zeros((5, 1)), np.array(segment[:1]), np.array(segment[1:]), np.array([0]))
