"""The core: overlapping pairs, taking turns, fast orders."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionbytes.evaluation import matching
from actionbytes.evaluation.matching import Segments, assign, overlapping, ranked, ranked_within, touching
from actionbytes.evaluation.ties import introsort

seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=60, deadline=None)


def make_segments(rng, n, groups, scale=20.0, digits=1):
    start = rng.uniform(-5, scale, n).round(digits)
    return Segments(rng.integers(groups, size=n), start, start + rng.uniform(-1, 6, n).round(digits))


@given(seeds, st.sampled_from([1.0, 1e3, 1e9]), st.sampled_from([5, 1 << 22]))
@quick
def test_overlapping_finds_what_all_pairs_have(seed, scale, chunk):
    rng = np.random.default_rng(seed)
    first, second = (make_segments(rng, rng.integers(0, 40), 4, scale) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "CHUNK", chunk)
        pairs = overlapping(first, second, floor=0.2)
    expected = {}
    for i in range(len(first.group)):
        for j in range(len(second.group)):
            overlap = min(first.end[i], second.end[j]) - max(first.start[i], second.start[j])
            if first.group[i] == second.group[j] and overlap > 0:
                union = second.end[j] - second.start[j] + (first.end[i] - first.start[i]) - overlap
                if overlap / union >= 0.2:
                    expected[i, j] = overlap / union
    assert dict(zip(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True), pairs.tiou, strict=True)) == expected
    assert (np.diff(pairs.first) >= 0).all()
    assert set(np.flatnonzero(touching(first, second))) >= {i for i, _ in expected}


@given(seeds)
@quick
def test_assign_is_taking_turns(seed):
    rng = np.random.default_rng(seed)
    n_choosers, n_choices = rng.integers(1, 30), rng.integers(1, 12)
    lists = [rng.permutation(n_choices)[: rng.integers(0, n_choices + 1)] for _ in range(n_choosers)]
    chooser = np.repeat(np.arange(n_choosers), [len(wanted) for wanted in lists])
    choice = np.concatenate(lists).astype(np.int64)
    taken, expected = set(), []
    for i, wanted in enumerate(lists):
        free = [j for j in wanted.tolist() if j not in taken]
        if free:
            taken.add(free[0])
            expected.append((i, free[0]))
    got = assign(chooser, choice)
    assert list(zip(chooser[got].tolist(), choice[got].tolist(), strict=True)) == expected


@given(seeds, st.integers(1, 50), st.sampled_from([3, 1000]), st.sampled_from([2, 40_000]))
@quick
def test_ranked_is_a_lexsort(seed, n, values, groups):
    rng = np.random.default_rng(seed)
    group, value, tie = rng.integers(groups, size=n), rng.integers(values, size=n) / 7, rng.permutation(n)
    assert np.array_equal(ranked(group, value), np.lexsort((-value, group)))
    assert np.array_equal(ranked(group, value, tie), np.lexsort((tie, -value, group)))
    group = np.sort(group)
    assert np.array_equal(ranked_within(group, value, tie), np.lexsort((tie, -value, group)))


@given(seeds, st.integers(0, 200), st.integers(1, 30))
@quick
def test_introsort_is_that_of_numpy(seed, n, values):
    """Long double has no vectorised argsort in NumPy: it shows the portable one on every machine."""
    tiou = np.random.default_rng(seed).integers(values, size=n) * 0.1
    assert introsort(tiou.tolist()) == np.argsort(tiou.astype(np.longdouble)).tolist()
