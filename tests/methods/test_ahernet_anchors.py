"""Anchors, offsets and assignment against numbers worked by hand and against a slow loop."""

import numpy as np
import pytest
import torch

from actionbytes.methods.ahernet.anchors import anchors, assign, cells, covered, decode, encode

TRUTH = np.array([[96.0, 352.0]])  # start and end in steps


def row(layer, cell, scale):
    """Of the anchor: layer from 1, cell and scale from 0."""
    return 3 * (sum(cells()[: layer - 1]) + cell) + scale


def test_where_they_lie():
    grid = anchors()
    assert grid.shape == (765, 2) and cells() == [128, 64, 32, 16, 8, 4, 2, 1]
    assert grid[:9:3, 0].tolist() == [2, 6, 10]
    assert grid[:3, 1] == pytest.approx([4, 5.039684, 6.349604], abs=2e-6)
    assert grid[row(7, 0, 0) :: 3, 0].tolist() == [128, 384, 256]
    assert grid[row(7, 0, 0) : row(7, 1, 0), 1] == pytest.approx([256, 322.539789, 406.374669], abs=2e-6)
    assert grid[row(8, 0, 0) :, 1] == pytest.approx([512, 645.079578, 812.749339], abs=2e-6)
    assert grid[:3] / 512 == pytest.approx(np.array([[0.003906, w] for w in (0.007812, 0.009843, 0.012402)]), abs=5e-7)
    rounded = anchors(ratios="rounded")
    assert rounded[:3, 1] == pytest.approx([4, 5.04, 6.348])
    assert rounded[row(7, 0, 0) : row(7, 1, 0), 1] == pytest.approx([256, 322.56, 406.272])


def test_a_smaller_time_line_has_the_same_shape():
    assert cells(64, 5) == [16, 8, 4, 2, 1]
    assert anchors(64, 5)[-3:] == pytest.approx(anchors()[-3:] / 8)
    with pytest.raises(ValueError, match="cannot be halved"):
        cells(64, 6)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((7, 0, 0), 0.454545),
        ((7, 0, 1), 0.549091),
        ((7, 1, 0), 0.231325),
        ((8, 0, 0), 0.500978),
        ((6, 1, 0), 0.5),
        ((6, 1, 2), 0.755322),
        ((6, 2, 0), 0.333333),
    ],
)
def test_overlaps_worked_by_hand(place, expected):
    assigned = assign(anchors(ratios="rounded"), TRUTH, 512)
    assert assigned.iou[row(*place)] == pytest.approx(expected, abs=2e-6)
    assert assigned.truth[row(*place)].tolist() == [224, 256]


def test_a_truth_between_the_anchors_has_no_foreground():
    assigned = assign(anchors(ratios="rounded"), TRUTH, 512)
    assert assigned.iou.max() == pytest.approx(0.755322, abs=2e-6)
    assert covered(assigned, TRUTH, 0.8) == 0 and covered(assigned, TRUTH, 0.75) == 1


def test_about_half_of_random_truths_have_foreground():
    rng = np.random.default_rng(0)
    widths = rng.uniform(8, 500, 400)
    starts = rng.uniform(0, 512 - widths)
    share = np.mean(
        [covered(assign(anchors(), [[s, s + w]], 512), [[s, s + w]], 0.8) for s, w in zip(starts, widths, strict=True)]
    )
    assert 0.42 < share < 0.62


def slow(grid, truths, steps):
    """The public code's loop: one truth after another, kept where it beats those before."""
    best, owner = np.zeros(len(grid)), grid.astype(float).copy()
    for i, (centre, width) in enumerate(grid):
        a, b = max(centre - width / 2, 0), min(centre + width / 2, steps - 1)
        for start, end in truths:
            inside = max(min(b, end) - max(a, start), 0)
            iou = inside / ((b - a) + (end - start) - inside)
            if iou > best[i]:
                best[i], owner[i] = iou, ((start + end) / 2, end - start)
    return best, owner


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_assignment_equals_the_slow_loop(count):
    rng = np.random.default_rng(count)
    truths = np.sort(rng.uniform(0, 64, (count, 2)), axis=1) + np.array([0, 0.5])
    if count == 7:
        truths[4] = truths[2]  # equal truths: the first counts
    grid = anchors(64, 5)
    best, owner = slow(grid, truths, 64)
    assigned = assign(grid, truths, 64)
    np.testing.assert_allclose(assigned.iou, best, rtol=1e-12)
    np.testing.assert_allclose(assigned.truth, owner, rtol=1e-12)


def pair(*values):
    return torch.tensor([values], dtype=torch.float64)


def test_encode_worked_by_hand():
    assert encode(pair(224, 256), pair(128, 256))[0].tolist() == pytest.approx([3.75, 0])
    assert encode(pair(224, 256), pair(128, 256), 1)[0].tolist() == pytest.approx([0.375, 0])
    assert encode(pair(224, 256), pair(192, 203.136))[0].tolist() == pytest.approx([1.575299, 2.313017], abs=2e-6)


def test_decode_worked_by_hand():
    centre, width = decode(pair(1.25, -0.8), pair(128, 256))[0].tolist()
    assert (centre, width) == pytest.approx((160, 236.317785), abs=2e-6)
    assert (centre - width / 2, centre + width / 2) == pytest.approx((41.841108, 278.158892), abs=2e-6)
    assert decode(pair(0.125, -0.08), pair(0.25, 0.5), 1)[0].tolist() == pytest.approx([0.3125, 0.461558], abs=2e-6)


def test_decode_undoes_encode():
    grid = torch.from_numpy(anchors(64, 5))
    truth = torch.rand(len(grid), 2, dtype=torch.float64) * 60 + 0.1
    torch.testing.assert_close(decode(encode(truth, grid, 0.1), grid, 0.1), truth)


def test_arrays_give_what_tensors_give():
    grid = anchors(64, 5)
    truth = np.random.default_rng(0).uniform(1, 60, grid.shape)
    offsets = encode(truth, grid)
    assert isinstance(offsets, np.ndarray)
    np.testing.assert_allclose(offsets, encode(torch.from_numpy(truth), torch.from_numpy(grid)).numpy())
    np.testing.assert_allclose(decode(offsets, grid), truth)
