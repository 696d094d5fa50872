"""AherNet's losses against numbers worked by hand."""

import pytest
import torch

from actionbytes.methods.ahernet import losses

IOU = torch.tensor([0.85, 0.1, 0.25, 0.5])
BACKGROUND = torch.tensor([0.9, 0.2, 0.6, 0.4])
LOGITS = torch.stack([BACKGROUND.log(), (1 - BACKGROUND).log()], 1)
POSITIVE = IOU > 0.8


def test_negatives_are_the_hardest_strictly_below_the_bound():
    used = losses.hard_negatives(BACKGROUND, IOU, 1, 0.8, 0.3)
    assert used.tolist() == [False, True, False, False]
    many = losses.hard_negatives(torch.tensor([0.9, 0.3, 0.1, 0.2]), torch.tensor([0.9, 0.0, 0.1, 0.2]), 5, 0.8, 0.3)
    assert many.tolist() == [False, False, True, True]  # three wanted, the largest is the bound itself
    assert not losses.hard_negatives(BACKGROUND, torch.full((4,), 0.5), 1, 0.8, 0.3).any()


def test_objectness_worked_by_hand():
    used = POSITIVE | losses.hard_negatives(BACKGROUND, IOU, 1, 0.8, 0.3)
    assert 2 * losses.objectness_loss(LOGITS, IOU, used, 0.8).item() == pytest.approx(3.912023, abs=2e-6)
    three = torch.tensor([True, True, True, False])
    assert 2 * losses.objectness_loss(LOGITS, IOU, three, 0.8).item() == pytest.approx(2.948566, abs=2e-6)


def test_offsets_worked_by_hand():
    anchors = torch.tensor([[128.0, 256.0]]).expand(4, 2)
    truth = anchors + torch.tensor([20.0, 10.0])
    encoded = losses.encode(truth, anchors, 0.1)
    wrong = encoded + torch.tensor([0.4, -2.5])
    loss = losses.offset_loss(wrong, truth, anchors, POSITIVE, torch.tensor(2), "encoded", 512)
    assert loss.item() == pytest.approx(1.04, abs=2e-5)


def test_offsets_as_the_paper_has_them():
    """Offset (.125, -.08) of the anchor (.25, .5) is the segment (.3125, .461558); the truth is (.3, .5)."""
    anchors, truth = torch.tensor([[128.0, 256.0]]), torch.tensor([[0.3 * 512, 256.0]])
    offsets, one = torch.tensor([[0.125, -0.08]]), torch.ones(1, dtype=torch.bool)
    loss = losses.offset_loss(offsets, truth, anchors, one, torch.tensor(1), "decoded", 512)
    assert loss.item() == pytest.approx((0.0125**2 + 0.038442**2) / 2, rel=1e-4)


def test_overlap_worked_by_hand():
    overlap = torch.tensor([0.7, 0.3, 0.2, 0.6])
    assert 25 * losses.overlap_loss(overlap, IOU).item() == pytest.approx(0.46875, abs=2e-6)
    apart = losses.overlap_loss(torch.tensor([0.7, 0.9]), torch.tensor([0.5, 0.0]))
    assert apart.item() == pytest.approx(0.04)


def test_cells_worked_by_hand():
    logits, label = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]), torch.tensor([[1.0, 0.0]])
    assert 2 * losses.cell_loss(logits, label).item() == pytest.approx(3.253047, abs=2e-6)
    second = losses.cell_loss(logits, label, torch.tensor([[False, True]]))
    assert second.item() == pytest.approx(1.313262, abs=2e-6)


def test_moments_are_a_mean_over_layers_and_videos():
    logits = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert losses.moment_loss(logits, torch.tensor([[1.0, 0.0]])).item() == pytest.approx(0.813262, abs=2e-6)


def test_adversary_worked_by_hand():
    real, synthetic = torch.tensor([[1.0, -0.5, 9.0]]), torch.tensor([[0.2, 2.0, 9.0]])
    used = torch.tensor([[True, True, False]])
    assert 0.1 * losses.discriminator_loss(real, synthetic, used).item() == pytest.approx(0.210620, abs=2e-6)
    assert 0.1 * losses.generator_loss(synthetic, used).item() == pytest.approx(0.036253, abs=2e-6)


def test_where_there_is_nothing_to_learn_losses_are_zero_and_finite():
    nothing = torch.zeros(4, dtype=torch.bool)
    offsets = torch.randn(4, 2, requires_grad=True)
    some = losses.offset_loss(offsets, torch.ones(4, 2), torch.ones(4, 2), nothing, nothing.sum(), "encoded", 64)
    logits = torch.randn(1, 4, requires_grad=True)
    total = some + losses.generator_loss(logits, nothing[None]) + losses.overlap_loss(logits[0], torch.zeros(4))
    total.backward()
    assert total.item() == 0 and offsets.grad.eq(0).all() and logits.grad.eq(0).all()


def test_masks():
    iou = torch.tensor([[0.1, 0.9, 0.2, 0.1, 0.2, 0.3]])
    assert losses.foreground_cells(iou, 0.8).tolist() == [[True, False]]
    other = torch.tensor([[0.1, 0.1, 0.5, 0.1, 0.1, 0.1]])
    assert losses.background_of_both(iou, other, 0.3).tolist() == [[True, False, False, True, True, False]]
