"""The squared maximum mean discrepancy against numbers worked by hand, and what it must always hold."""

import pytest
import torch

from actionbytes.methods.tsrnet.mmd import mean_squared_distance, squared_distances, squared_mmd
from actionbytes.methods.tsrnet.parameters import FACTORS

T = torch.tensor([[0.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
U = torch.tensor([[0.0, 1.0], [2.0, 1.0], [1.0, 1.0]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("bandwidth", "factors", "expected"),
    [
        (2.0, (1,), 0.636647),  # exp(-d2 / 2)
        (8.0, (1,), 0.256035),  # exp(-d2 / 8)
        (1.5, FACTORS, 3.237166),
        (2.0, FACTORS, 2.976749),
        (3.0, FACTORS, 2.571257),  # exp(-d2 / (2 q 1.5))
        (None, FACTORS, 2.976749),  # the pooled mean of these points is 2
    ],
)
def test_worked_by_hand(bandwidth, factors, expected):
    assert squared_mmd(T, U, bandwidth, factors).item() == pytest.approx(expected, abs=2e-6)
    assert squared_mmd(U, T, bandwidth, factors).item() == pytest.approx(expected, abs=2e-6)


def test_its_gradient_worked_by_hand():
    u = U.clone().requires_grad_()
    squared_mmd(T, u, 2.0, (1,)).backward()
    assert u.grad[0].tolist() == pytest.approx([0.072307, 0.324803], abs=2e-6)


def test_on_both_layers_worked_by_hand():
    weight = torch.tensor([[1.0, -1.0], [0.5, 0.5]], dtype=torch.float64)
    bias = torch.tensor([0.0, -0.25], dtype=torch.float64)
    t, u = (torch.relu(x @ weight.T + bias) for x in (T, U))
    assert squared_mmd(t, u, 2.0, (1,)).item() == pytest.approx(0.274048, abs=2e-6)


def test_the_bandwidth_is_the_mean_over_pairs_and_has_no_gradient():
    points = torch.cat([T, U]).requires_grad_()
    mean = mean_squared_distance(squared_distances(points))
    assert mean.item() == pytest.approx(2.0) and not mean.requires_grad
    u = U.clone().requires_grad_()
    squared_mmd(T, u).backward()
    fixed = U.clone().requires_grad_()
    squared_mmd(T, fixed, 2.0).backward()
    torch.testing.assert_close(u.grad, fixed.grad)


def test_it_is_zero_for_equal_samples_and_never_negative():
    assert squared_mmd(U, U).item() == pytest.approx(0, abs=1e-12)
    generator = torch.Generator().manual_seed(0)
    for n, m in [(1, 1), (1, 7), (5, 3)]:
        t, u = (torch.randn(k, 4, generator=generator) for k in (n, m))
        assert squared_mmd(t, u).item() >= 0


def test_points_that_all_coincide_are_no_distance_apart_and_pull_nowhere():
    u = torch.ones(3, 2, requires_grad=True)
    distance = squared_mmd(torch.ones(2, 2), u)
    distance.backward()
    assert distance.item() == 0 and u.grad.eq(0).all()
