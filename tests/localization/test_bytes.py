"""Cutting videos into ActionBytes, and proposals from them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from actionbytes.localization.bytes import Bytes, Proposals, boundaries, bytes_of, pieces, proposals


def steps(*changes):
    """Latent (T, 2) whose l1 changes are `changes`."""
    return np.cumsum([0, *changes])[:, None] * np.array([0.25, -0.75])


def test_boundaries_are_where_the_change_is_above_the_percentile():
    latent = steps(1, 5, 1, 6, 1, 1, 7)  # median 1
    assert boundaries(latent).tolist() == [2, 4, 7]
    assert boundaries(latent, sentinels=True).tolist() == [0, 2, 4, 7, 8]
    assert boundaries(steps(1, 2, 3, 4), 50).tolist() == [3, 4]  # threshold 2.5, interpolated
    assert boundaries(steps(1, 2, 3), 50, sentinels=True).tolist() == [0, 3, 4]  # 2 is not above 2


@pytest.mark.parametrize(
    "latent",
    [steps(), steps(3), steps(2, 2, 2, 2), np.zeros((9, 4)), steps(1, 1, 9)],
    ids=["one snippet", "two", "equal changes", "no change", "one boundary"],
)
def test_a_video_without_two_boundaries_is_one_byte(latent):
    assert bytes_of(latent, Bytes()).tolist() == [[0, len(latent)]]
    assert [0, len(latent)] in proposals(latent, Proposals()).tolist()


def test_proposals_merge_neighbours_and_jitter_inside_the_video():
    latent, cut = steps(5, 1, 5, 1, 5), {"percentiles": (30,)}  # boundaries 1, 3, 5 of T = 6
    assert bytes_of(latent, Bytes(**cut)).tolist() == [[1, 3], [3, 5]]
    plain = proposals(latent, Proposals(jitter=False, **cut))
    assert plain.tolist() == [[1, 3], [1, 5], [3, 5]]
    moved = {(s - a, e + b) for s, e in plain.tolist() for a in (0, 1) for b in (0, 1)}
    assert proposals(latent, Proposals(**cut)).tolist() == sorted(map(list, moved))
    whole = steps(1, 1)
    assert proposals(whole, Proposals()).tolist() == [[0, 3]]  # jitter is clipped to the video


def test_several_percentiles_give_the_union():
    latent = steps(*np.random.default_rng(0).random(60))
    both = proposals(latent, Proposals(percentiles=(50, 90)))
    single = [proposals(latent, Proposals(percentiles=(p,))) for p in (50, 90)]
    assert both.tolist() == sorted({tuple(s): s for found in single for s in found.tolist()}.values())
    assert len(both) > max(map(len, single))


def test_fixed_pieces_replace_bytes():
    assert pieces(5, 2).tolist() == [0, 2, 4, 5]
    assert bytes_of(steps(*np.ones(4)), Bytes(segments="fixed")).tolist() == [[0, 2], [2, 4], [4, 5]]
    assert bytes_of(steps(), Bytes(segments="fixed")).tolist() == [[0, 1]]


def test_the_expected_number_of_bytes_follows_the_percentile():
    latent = np.random.default_rng(0).random((1001, 8))
    for percentile in (50, 90):
        assert len(boundaries(latent, percentile)) == 10 * (100 - percentile)


videos = arrays(np.float32, st.tuples(st.integers(1, 30), st.integers(1, 3)), elements=st.floats(0, 1, width=32))


@given(videos, st.floats(0, 99), st.booleans())
def test_bytes_lie_end_to_end_inside_the_video(latent, percentile, sentinels):
    found = bytes_of(latent, Bytes(percentiles=(percentile,), sentinels=sentinels))
    assert len(found) and (found[:, 1] > found[:, 0]).all()
    assert np.array_equal(found[1:, 0], found[:-1, 1])
    assert found[0, 0] >= 0 and found[-1, 1] <= len(latent)
    if sentinels:
        assert found[0, 0] == 0 and found[-1, 1] == len(latent)


@given(videos, st.booleans())
def test_proposals_are_sorted_distinct_and_inside(latent, jitter):
    found = proposals(latent, Proposals(jitter=jitter, merges=(1, 2, 3)))
    assert len(found) and found.min() >= 0 and found.max() <= len(latent) and (found[:, 1] > found[:, 0]).all()
    assert found.tolist() == sorted(map(list, set(map(tuple, found.tolist()))))
