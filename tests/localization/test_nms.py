"""Suppression against plain greedy loops, and what must hold for any input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionbytes.localization.nms import nms, ranking, segment_iou, soft_nms


@st.composite
def segments(draw):
    """Start, end, score, group; scores from few values, so that ties occur."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(0, 40))
    start = rng.integers(0, 30, count)
    return start, start + rng.integers(1, 12, count), rng.integers(0, 8, count) / 8, rng.integers(0, 4, count)


def plain_iou(a, b):
    overlap = max(0, min(a[1], b[1]) - max(a[0], b[0]))
    return overlap / ((a[1] - a[0]) + (b[1] - b[0]) - overlap)


def plain_nms(start, end, score, tiou, group, cap):
    kept = []
    for i in sorted(range(len(start)), key=lambda i: (group[i], -score[i], end[i] - start[i], start[i], i)):
        mates = [j for j in kept if group[j] == group[i]]
        free = all(plain_iou((start[i], end[i]), (start[j], end[j])) <= tiou for j in mates)
        if free and (cap is None or len(mates) < cap):
            kept.append(i)
    return kept


@given(segments(), st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.sampled_from([None, 1, 3]))
def test_equals_the_greedy_loop(given_, tiou, cap):
    start, end, score, group = given_
    assert list(nms(start, end, score, tiou, group, cap)) == plain_nms(start, end, score, tiou, group, cap)


@given(segments(), st.floats(0, 1))
def test_survivors_do_not_overlap_and_the_fallen_have_a_reason(given_, tiou):
    start, end, score, group = given_
    kept = nms(start, end, score, tiou, group)
    overlap = segment_iou(start[:, None], end[:, None], start[kept], end[kept])  # (N, kept)
    rivals = (group[:, None] == group[kept]) & (overlap > tiou)
    better = score[kept] >= score[:, None]
    for i in range(len(start)):
        if i in kept:
            assert not rivals[i, kept != i].any()
        else:
            assert (rivals[i] & better[i]).any()
    assert list(nms(start[kept], end[kept], score[kept], tiou, group[kept])) == list(range(len(kept)))  # idempotent


@given(segments())
def test_groups_are_independent(given_):
    start, end, score, group = given_
    together = set(nms(start, end, score, 0.4, group))
    apart = [np.flatnonzero(group == g) for g in range(4)]
    assert together == {i for part in apart for i in part[nms(start[part], end[part], score[part], 0.4)]}


@given(segments(), st.integers(0, 2**32 - 1))
def test_order_of_the_input_does_not_matter(given_, seed):
    start, end, score, group = given_
    shuffle = np.random.default_rng(seed).permutation(len(start))
    first = nms(start, end, score, 0.5, group)
    second = shuffle[nms(start[shuffle], end[shuffle], score[shuffle], 0.5, group[shuffle])]
    for array in (start, end, score, group):
        np.testing.assert_array_equal(array[first], array[second])


def test_ties_go_to_the_shorter_then_the_earlier():
    start, end, score = np.array([0, 5, 2, 9]), np.array([10, 9, 6, 12]), np.array([1.0, 1.0, 1.0, 2.0])
    assert list(ranking(start, end, score)) == [3, 2, 1, 0]


def test_exactly_the_threshold_survives():
    start, end, score = np.array([0, 1]), np.array([2, 3]), np.array([2.0, 1.0])  # tIoU 1/3
    assert list(nms(start, end, score, 1 / 3)) == [0, 1]
    assert list(nms(start, end, score, 0.33)) == [0]


def test_empty_segments_overlap_nothing():
    assert segment_iou(np.array([1.0]), np.array([1.0]), np.array([1.0]), np.array([1.0])) == 0


def plain_soft(start, end, score, method, sigma, tiou):
    left, picked = {i: score[i] for i in range(len(start))}, []
    while left:
        best = min(left, key=lambda i: (-left[i], -score[i], end[i] - start[i], start[i], i))
        picked.append((best, left.pop(best)))
        for i in left:
            iou = plain_iou((start[i], end[i]), (start[best], end[best]))
            left[i] *= np.exp(-(iou**2) / sigma) if method == "gaussian" else (1 - iou if iou > tiou else 1)
    return picked


@given(segments(), st.sampled_from(["gaussian", "linear"]))
def test_soft_equals_the_loop_group_by_group(given_, method):
    start, end, score, group = given_
    kept, decayed = soft_nms(start, end, score, method, group=group)
    expected = []
    for g in range(4):
        part = np.flatnonzero(group == g)
        expected += [
            (part[i], s) for i, s in plain_soft(start[part], end[part], score[part], method, sigma=0.5, tiou=0.3)
        ]
    assert list(kept) == [i for i, _ in expected]
    np.testing.assert_allclose(decayed, [s for _, s in expected], rtol=1e-12)
    assert (decayed <= score[kept]).all()


def test_soft_stops_below_the_minimum_and_at_the_cap():
    start, end, score = np.array([0, 0, 20]), np.array([10, 10, 30]), np.array([1.0, 0.9, 0.5])
    kept, decayed = soft_nms(start, end, score, sigma=0.5, minimum=0.2)
    assert list(kept) == [0, 2]  # 0.9 * exp(-2) = 0.12
    assert list(decayed) == [1.0, 0.5]
    assert list(soft_nms(start, end, score, cap=1)[0]) == [0]


def test_soft_refuses_negative_scores():
    with pytest.raises(ValueError, match="scores >= 0"):
        soft_nms(np.array([0]), np.array([1]), np.array([-1.0]))
