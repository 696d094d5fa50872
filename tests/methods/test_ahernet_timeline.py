"""Resampling and synthesis against numbers worked by hand."""

import numpy as np
import pytest
import torch

from actionbytes.methods.ahernet.timeline import layout, read, resampled, resize_positions, synthesize


def column(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


def test_snippets_to_steps_worked_by_hand():
    few = resampled(column(0, 1, 2, 3), 8)[:, 0].tolist()
    assert few == pytest.approx([0.00005, 0.25005, 0.75, 1.25, 1.75, 2.25, 2.74995, 2.99995], abs=1e-4)
    many = resampled(column(1, 2, 3, 4), 16)[:, 0].tolist()
    inner = [1.00005, 1.12505, *np.arange(1.375, 3.7, 0.25), 3.87495, 3.99995]
    assert many == pytest.approx([0, *inner, 0], abs=1e-4)


def test_of_a_step_that_reaches_beyond_the_middles_the_part_inside_counts():
    """Five snippets on three steps of 5/3 each: the first goes from -0.5 to 7/6, and counts from 0."""
    first, _, last = resampled(column(0, 1, 2, 3, 4), 3)[:, 0].tolist()
    assert (first, last) == pytest.approx((7 / 12, 4 - 7 / 12))


def test_one_snippet_fills_every_step():
    assert resampled(column(7), 4).flatten().tolist() == [7, 7, 7, 7]


def test_fewer_steps_than_snippets_average():
    assert resampled(column(*range(64)), 4)[:, 0].diff().tolist() == pytest.approx([16, 16, 16], rel=0.05)


@pytest.mark.parametrize(
    ("rule", "count", "expected"),
    [
        ("legacy", 6, [0, 0.666667, 1.333333, 2, 3.333333, 4]),
        ("half_pixel", 6, [0, 0.5, 1.166667, 1.833333, 3, 4]),
        ("legacy", 2, [0, 2]),
        ("half_pixel", 2, [0.5, 3]),
    ],
)
def test_resizing_worked_by_hand(rule, count, expected):
    rows = column(0, 1, 2, 4)
    assert read(rows, resize_positions(4, count, rule))[:, 0].tolist() == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(
    ("ratio", "shift", "lengths", "even", "odd", "as_coded"),
    [
        (14, 10, (358, 77, 77), (11, 369), (88, 446), (88, 369)),
        (16, 10, (409, 51, 52), (5, 414), (56, 465), (56, 414)),
        (19, 1, (486, 13, 13), (0, 486), (13, 499), (13, 486)),
        (16, 19, (409, 51, 52), (9, 418), (60, 469), (60, 418)),
    ],
)
def test_where_the_moment_lies_worked_by_hand(ratio, shift, lengths, even, odd, as_coded):
    length, before, after = lengths
    assert layout(512, ratio, shift).truth == (before, before + length) and before + length + after == 512
    assert layout(512, ratio, shift, "shifted").truth == even
    assert layout(512, ratio, shift, "shifted", odd=True).truth == odd
    assert layout(512, ratio, shift, "shifted", odd=True, fixed_end=False).truth == as_coded


def test_lengths_of_all_ratios():
    lengths = [np.subtract(*layout(512, k, 0).truth[::-1]) for k in range(14, 20)]
    assert lengths == [358, 384, 409, 435, 460, 486] == [int(512 * 0.05 * k) for k in range(14, 20)]


@pytest.mark.parametrize("rule", ["centred", "shifted"])
@pytest.mark.parametrize("odd", [False, True])
def test_the_truth_covers_the_moment_exactly(rule, odd):
    """Contexts of ones and twos around a moment of zeros, none of which bleeds into another."""
    start, moment, end = (torch.full((1, n, 1), float(v)) for n, v in ((16, 1), (32, 0), (16, 2)))
    plan = layout(64, 15, 12, rule, odd=odd)
    video = synthesize(start, moment, end, [plan])[0, :, 0]
    inside = torch.zeros(64, dtype=torch.bool)
    inside[slice(*plan.truth)] = True
    assert video.shape == (64,) and video.eq(0).equal(inside)
    assert set(video.tolist()) == {0, 1, 2} and video[-1] == 2


def test_gradients_reach_every_part_of_every_video():
    parts = [torch.rand(2, n, 3, requires_grad=True) for n in (16, 32, 16)]
    video = synthesize(*parts, [layout(64, 14, 0), layout(64, 14, 19, "shifted", odd=True)])
    assert video.shape == (2, 64, 3)
    video.sum().backward()
    assert all(x.grad.flatten(1).sum(1).gt(0).all() for x in parts)
    assert sum(x.grad.sum() for x in parts).item() == pytest.approx(video.numel())
