"""W-TALC's losses against plain code, and what training and prediction promise."""

import runpy
from itertools import pairwise

import numpy as np
import pytest
import torch

from actionbytes.methods.layers import linear
from actionbytes.methods.sets import Batch
from actionbytes.methods.wtalc.network import Wtalc, coactivity_loss, kmax_scores, mil_loss, relu_dropout
from actionbytes.methods.wtalc.parameters import WtalcParameters
from actionbytes.threads import threads


@pytest.fixture(scope="module")
def plain_losses(root):
    return runpy.run_path(str(root / "benchmarks" / "training.py"))["plain_losses"]


def packed(seed, lengths, classes, dim=24):
    """Random cas (R, C), latent (R, l) with gradients, offsets, multi-hot targets; couples share a class."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    targets = rng.random((len(lengths), classes)) < 0.3
    targets[np.arange(len(lengths)), np.arange(len(lengths)) // 2 % classes] = True
    cas = torch.tensor(3 * rng.normal(size=(offsets[-1], classes)), dtype=torch.float32, requires_grad=True)
    latent = torch.tensor(rng.random((offsets[-1], dim)), dtype=torch.float32, requires_grad=True)
    return cas, latent, offsets, torch.tensor(targets, dtype=torch.float32)


@pytest.mark.parametrize("classes", [1, 5, 60])
@pytest.mark.parametrize("lengths", [[1, 9, 40, 2, 8, 7, 100, 3, 16, 17], [3, 5], [1, 1, 1, 1]])
def test_losses_and_gradients_equal_plain_code(plain_losses, lengths, classes):
    cas, latent, offsets, targets = packed(len(lengths) + classes, lengths, classes)
    pairs = min(3, len(lengths) // 2)
    ours = (
        mil_loss(kmax_scores(cas, offsets), targets),
        coactivity_loss(cas, latent, offsets, targets, pairs),
    )
    videos = [(latent[a:b], cas[a:b]) for a, b in pairwise(offsets)]
    plain = plain_losses(videos, targets, pairs)
    for mine, theirs in zip(ours, plain, strict=True):
        assert mine.item() == pytest.approx(theirs.item(), abs=1e-5)
    for mine, theirs in zip(
        torch.autograd.grad(sum(ours), (cas, latent)), torch.autograd.grad(sum(plain), (cas, latent)), strict=True
    ):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_a_whole_step_has_the_gradients_of_plain_code(plain_losses):
    _, _, offsets, targets = packed(1, [30, 12, 5, 9, 21, 8], 4)
    rows = torch.randn(int(offsets[-1]), 24, generator=torch.Generator().manual_seed(0))
    method = Wtalc(24, 4, WtalcParameters(latent_dim=16, dropout=0), torch.Generator().manual_seed(1))
    groups = np.array([0, 0, 1, 1, -1, -1])
    losses = method.loss(Batch(rows, offsets, targets, targets, groups, None, np.random.default_rng(0)))
    cas, latent, _ = method(rows)
    mil, coactivity = plain_losses([(latent[a:b], cas[a:b]) for a, b in pairwise(offsets)], targets, 2)
    plain = 0.5 * mil + 0.5 * coactivity
    assert losses["total"].item() == pytest.approx(plain.item(), abs=1e-5)
    parameters = list(method.parameters())
    for mine, theirs in zip(
        torch.autograd.grad(losses["total"], parameters), torch.autograd.grad(plain, parameters), strict=True
    ):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_kmax_averages_the_best_eighth_rounded_up():
    cas = torch.tensor([[9.0], [1.0], [5.0], [7.0], [3.0], [0.0], [2.0], [4.0], [8.0], [-1.0], [-3.0]])
    assert kmax_scores(cas, np.array([0, 9, 11])).tolist() == [[8.5], [-1.0]]  # ceil(9 / 8) = 2 of nine, 1 of two


def test_no_shared_class_costs_nothing():
    cas, latent, offsets, _ = packed(0, [4, 5], 2)
    loss = coactivity_loss(cas, latent, offsets, torch.tensor([[1.0, 0.0], [0.0, 1.0]]), 1)
    assert loss.item() == 0
    assert coactivity_loss(cas, latent, offsets, torch.ones(2, 2), 0).item() == 0


def test_one_video_twice_is_a_pair_at_distance_zero():
    cas, latent, _, _ = packed(0, [6, 6], 1)
    cas, latent = torch.cat([cas[:6]] * 2), torch.cat([latent[:6]] * 2)
    loss = coactivity_loss(cas, latent, np.array([0, 6, 12]), torch.ones(2, 1), 1, margin=0.0)
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_dropout_keeps_its_share_scales_the_rest_and_repeats():
    x = torch.ones(200, 500)
    out = relu_dropout(x, 0.7, np.random.default_rng(3))
    kept = (out > 0).float().mean().item()
    assert kept == pytest.approx(1 - round(256 * 0.7) / 256, abs=0.005)
    assert out.max().item() * (1 - round(256 * 0.7) / 256) == pytest.approx(1)
    assert torch.equal(out, relu_dropout(x, 0.7, np.random.default_rng(3)))
    assert not torch.equal(out, relu_dropout(x, 0.7, np.random.default_rng(4)))


def test_dropout_passes_gradients_where_it_passes_values():
    x = torch.randn(50, 40, requires_grad=True)
    out = relu_dropout(x, 0.5, np.random.default_rng(0))
    (gradient,) = torch.autograd.grad(out.sum(), x)
    assert torch.equal(gradient > 0, out > 0)
    assert torch.equal(gradient * x, out)
    assert torch.equal(relu_dropout(x, 0, np.random.default_rng(0)), torch.relu(x))


def test_dropout_hides_no_nan():
    assert relu_dropout(torch.full((8, 8), torch.nan), 0.7, np.random.default_rng(0)).isnan().all()


def test_prediction_has_the_shapes_and_does_not_depend_on_threads():
    method = Wtalc(32, 5, WtalcParameters(latent_dim=16), torch.Generator().manual_seed(0))
    features = np.random.default_rng(0).random((40, 32)).astype(np.float16)
    with threads(1):
        one = method.predict(features)
    with threads(2):
        two = method.predict(features)
    assert one.cas.shape == (40, 5) and one.latent.shape == (40, 16) and one.scores.shape == (5,)
    assert one.attention is None
    assert all(x.tobytes() == y.tobytes() for x, y in ((one.cas, two.cas), (one.scores, two.scores)))
    assert np.allclose(one.scores, np.sort(one.cas, axis=0)[-5:].mean(0))
    assert method.predict(features[:1]).cas.shape == (1, 5)


def test_layers_are_xavier_uniform_and_seeded():
    layer = linear(300, 100, torch.Generator().manual_seed(0))
    bound = (6 / 400) ** 0.5
    assert 0.99 * bound < layer.weight.abs().max().item() <= bound and not layer.bias.any()
    assert torch.equal(layer.weight, linear(300, 100, torch.Generator().manual_seed(0)).weight)


def test_bf16_losses_are_near():
    _, _, offsets, targets = packed(2, [30, 12, 5, 9], 4)
    rows = torch.rand(int(offsets[-1]), 64, generator=torch.Generator().manual_seed(0))
    method = Wtalc(64, 4, WtalcParameters(latent_dim=64), torch.Generator().manual_seed(1))
    groups, rng = np.array([0, 0, 1, 1]), np.random.default_rng
    values = [
        method.loss(Batch(rows.to(dtype), offsets, targets, targets, groups, None, rng(0)))["total"].item()
        for dtype in (torch.float32, torch.bfloat16)
    ]
    assert values[0] == pytest.approx(values[1], rel=0.01) and values[0] != values[1]
