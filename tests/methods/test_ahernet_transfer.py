"""Weight transfer against numbers worked by hand."""

import pytest
import torch

from actionbytes.methods.ahernet.transfer import WeightTransfer

WEIGHT = torch.tensor([[0.5, -0.5], [-1.0, 0.2]], dtype=torch.float64)
BIAS = torch.tensor([0.1, -0.3], dtype=torch.float64)


def transferred(weight, bias, *args, **options):
    return WeightTransfer(weight.shape[1], *args, **options).double()(weight, bias)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (1, [0.7, -0.095163, -0.393469, -0.864665]),
        (2, [0.7, -0.090775, -0.325288, -0.578807]),
        (3, [0.7, -0.086777, -0.277681, -0.439433]),
    ],
)
def test_elu_at_identity(layers, expected):
    weight = torch.tensor([[0.7, -0.1, -0.5, -2.0]], dtype=torch.float64)
    out, bias = transferred(weight, torch.tensor([-0.5], dtype=torch.float64), layers)
    assert out[0].tolist() == pytest.approx(expected, abs=2e-6)
    assert bias[0].item() == pytest.approx(expected[2], abs=2e-6)


def test_without_activation_one_layer_is_the_identity():
    weight, bias = transferred(WEIGHT, BIAS, 1, "none")
    assert weight.equal(WEIGHT) and bias.equal(BIAS)


@pytest.mark.parametrize("activation", ["relu", "leaky", "elu"])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_what_is_not_negative_passes(layers, activation):
    weight, bias = transferred(WEIGHT.abs(), BIAS.abs(), layers, activation)
    assert weight.equal(WEIGHT.abs()) and bias.equal(BIAS.abs())


def test_a_cell_worked_by_hand():
    weight, bias = transferred(WEIGHT, BIAS)
    expected = torch.tensor([[0.5, -0.325288], [-0.468536, 0.2]], dtype=torch.float64)
    torch.testing.assert_close(weight, expected, atol=2e-6, rtol=0)
    assert bias.tolist() == pytest.approx([0.1, -0.228317], abs=2e-6)
    logits = weight @ torch.tensor([1.0, 2.0], dtype=torch.float64) + bias
    assert logits.tolist() == pytest.approx([-0.050576, -0.296854], abs=2e-6)
    assert logits.softmax(0).tolist() == pytest.approx([0.561260, 0.438740], abs=2e-6)


def test_other_weights_and_activations_worked_by_hand():
    transfer = WeightTransfer(2).double()
    with torch.no_grad():
        transfer.weights[0].weight.mul_(2)
    expected = torch.tensor([[1.0, -0.468536], [-0.578807, 0.4]], dtype=torch.float64)
    torch.testing.assert_close(transfer(WEIGHT, BIAS)[0], expected, atol=2e-6, rtol=0)
    assert transferred(WEIGHT, BIAS, 1, "relu")[0].tolist() == [[0.5, 0], [0, 0.2]]
    assert transferred(WEIGHT, BIAS, 1, "leaky")[0].flatten().tolist() == pytest.approx([0.5, -0.1, -0.2, 0.2])
    assert transferred(WEIGHT, BIAS, 1, "leaky", slope=0.01)[0][1, 0].item() == pytest.approx(-0.01)


def test_the_last_activation_can_be_left_out():
    assert transferred(WEIGHT, BIAS, 1, "relu", last=False)[0].equal(WEIGHT)
    two = transferred(WEIGHT, BIAS, 2, "relu", last=False)[0]
    assert two.tolist() == [[0.5, 0], [0, 0.2]]


def test_it_has_no_dimension_of_classes():
    transfer = WeightTransfer(4)
    shapes = sorted(tuple(x.shape) for x in transfer.parameters())
    assert shapes == [(1,), (1,), (1, 1), (1, 1), (4,), (4,), (4, 4), (4, 4)]
    for classes in (2, 5):
        weight, bias = transfer(torch.randn(classes, 4), torch.randn(classes))
        assert weight.shape == (classes, 4) and bias.shape == (classes,)


def test_a_loss_of_cells_reaches_moments_classifier_through_it():
    weight = WEIGHT.clone().requires_grad_()
    transferred(weight, BIAS)[0].sum().backward()
    assert weight.grad.ne(0).all()
