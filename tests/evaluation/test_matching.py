"""The core: overlapping pairs, taking turns, fast orders."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionbytes.evaluation import matching, ties
from actionbytes.evaluation.matching import Segments, assign, overlapping, ranked, ranked_within, touching
from actionbytes.evaluation.ties import introsort, portable_argsort, sorted_as_numpy

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


def test_introsort_turns_to_heapsort_where_the_median_of_three_splits_badly(monkeypatch):
    heaps = []
    heapsort = ties._heapsort
    monkeypatch.setattr(ties, "_heapsort", lambda values, order: heaps.append(1) or heapsort(values, order))
    n = 2048
    values = np.zeros(2 * n)  # Musser's sequence: every median of three is next to the smallest
    values[:n:2], values[1:n:2], values[n:] = np.arange(1, n, 2), n + np.arange(1, n, 2), 2 * np.arange(1, n + 1)
    values //= 5  # with equals
    assert introsort(values.tolist()) == np.argsort(values.astype(np.longdouble)).tolist()
    assert heaps


def test_a_numpy_whose_long_double_is_sorted_otherwise_is_noticed(monkeypatch):
    values = np.random.default_rng(0).integers(0, 9, (3, 40)) / 8
    expected = portable_argsort(values)
    ties._long_double_is_portable.cache_clear()
    monkeypatch.setattr(np, "argsort", lambda values, axis=-1: np.lexsort((values,), axis=axis))  # stable
    try:
        assert not ties._long_double_is_portable()
        assert np.array_equal(portable_argsort(values), expected)
    finally:
        monkeypatch.undo()
        ties._long_double_is_portable.cache_clear()


@given(seeds, st.sampled_from([1 << 20, 50]))
@quick
def test_equal_overlaps_are_sorted_among_all_of_the_group(seed, chunk):
    """Groups of 1 to 60 instances, 0/0 among the overlaps: each row as introsort has it, backwards."""
    rng = np.random.default_rng(seed)
    second = make_segments(rng, int(rng.integers(1, 60)), int(rng.integers(1, 4)), digits=0)
    first = make_segments(rng, 20, 3, digits=0)
    pairs = matching.with_pairs_without_union(overlapping(first, second, floor=0.1), first, second)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ties, "CHUNK", chunk)
        order = sorted_as_numpy(pairs, first, second)
    got = list(zip(pairs.first[order].tolist(), pairs.second[order].tolist(), strict=True))
    expected = []
    for i in range(20):
        members = np.flatnonzero(second.group == first.group[i])
        if not len(members):
            continue
        overlaps = matching.tiou_of(first, second, np.full(len(members), i), members)
        union = (second.end - second.start)[members] + (first.end[i] - first.start[i])
        overlaps[union == 0] = np.inf
        row = members[introsort(overlaps.tolist())[::-1]]
        listed = set(pairs.second[pairs.first == i].tolist())
        expected += [(i, j) for j in row.tolist() if j in listed]
    assert got == expected
