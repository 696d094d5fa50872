"""UntrimmedNet: loss and gradients against a plain loop, streams that do not touch each other, a toy."""

import numpy as np
import pytest
import torch

from actionbytes.errors import UserError
from actionbytes.methods.registry import method_class
from actionbytes.methods.untrimmednet.detection import FrameScores
from actionbytes.methods.untrimmednet.network import dropout, soft_selection
from actionbytes.methods.untrimmednet.parameters import UntrimmedNetParameters
from actionbytes.parameters import validated
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import LOG, MODEL, load_run
from actionbytes.training.sources import training_set

QUICK = Training(**{**UntrimmedNetParameters.schedule, "iterations": 30, "batch": 8, "lr": 0.05, "lr_steps": [20]})
DRY = {"rgb_dropout": 0.0, "flow_dropout": 0.0}


def built(toy, **settings):
    given = UntrimmedNetParameters(**settings)
    return method_class("untrimmednet")(toy.DIM * len(given.streams), 3, given, torch.Generator().manual_seed(1))


def plain_loss(heads, rows, labels, shots, segments):
    """One stream, one shot and one class at a time."""
    total = 0.0
    for i, wanted in enumerate(labels):
        video = rows[i * shots * segments : (i + 1) * shots * segments]
        probability, attention = [], []
        for shot in range(shots):
            parts = video[shot * segments : (shot + 1) * segments]
            logits = sum(heads.classify.weight @ x + heads.classify.bias for x in parts) / segments
            attention.append(sum(heads.attend.weight[0] @ x + heads.attend.bias[0] for x in parts) / segments)
            probability.append(logits.exp() / logits.exp().sum())
        weights = [a.exp() / sum(b.exp() for b in attention) for a in attention]
        x = sum(w * p for w, p in zip(weights, probability, strict=True))
        for c, y in enumerate(wanted):
            total = total - y / wanted.sum() * x[c].log() / len(labels)
    return total


def test_loss_and_gradients_equal_plain_code(toy):
    method = built(toy, shots=4, segments=2, initial_std=0.5, **DRY)
    rows = torch.rand(3 * 8, 2 * toy.DIM, generator=torch.Generator().manual_seed(0))
    batch = toy.batch(rows, [8] * 3, [[1, 0, 0], [0, 1, 1], [0, 0, 1]])
    losses = method.loss(batch)
    parts = [
        plain_loss(heads, part, batch.labels, 4, 2)
        for heads, part in zip(method.heads.values(), rows.split(toy.DIM, dim=1), strict=True)
    ]
    assert [losses["rgb"].item(), losses["flow"].item()] == pytest.approx([x.item() for x in parts], abs=1e-5)
    parameters = list(method.parameters())
    for ours, plain in zip(
        torch.autograd.grad(losses["total"], parameters), torch.autograd.grad(sum(parts), parameters), strict=True
    ):
        torch.testing.assert_close(ours, plain, atol=1e-5, rtol=1e-4)


def test_soft_selection_by_hand():
    psi = torch.tensor([[[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]]])
    x = soft_selection(psi.log(), torch.tensor([[1.0, 0.0]])).exp()
    assert x[0].tolist() == pytest.approx([0.565529, 0.280682, 0.153788], abs=2e-6)


def test_dropout_keeps_a_share_and_the_mean():
    rows = torch.ones(400, 50)
    dropped = dropout(rows, 0.75, np.random.default_rng(0))
    assert set(dropped.unique().tolist()) == {0, 4}
    assert dropped.mean().item() == pytest.approx(1, abs=0.03)
    assert (dropped > 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert dropout(rows, 0.0, np.random.default_rng(0)) is rows


def test_a_step_sees_one_snippet_of_each_part_of_each_shot(toy):
    method, rng = built(toy, shots=4, segments=2), np.random.default_rng(0)
    for length in (1, 5, 8, 81):
        snippets = method.snippets("videos", length, QUICK, rng)
        part = np.arange(8) * length / 8
        assert (snippets >= np.floor(part)).all() and (snippets < np.ceil(part + length / 8)).all()


def test_learning_rates_of_rgb_and_of_biases(toy):
    optimizers = built(toy).optimizers(QUICK)
    rates = {name: [group["lr"] for group in x.param_groups] for name, x in optimizers.items()}
    assert rates == {"rgb": pytest.approx([0.01, 0.02]), "flow": pytest.approx([0.05, 0.1])}
    decays = [group["weight_decay"] for x in optimizers.values() for group in x.param_groups]
    assert decays == [5e-4, 0, 5e-4, 0] and {x.param_groups[0]["momentum"] for x in optimizers.values()} == {0.9}


def run(out, features, labels, training=QUICK, seed=0, settings=None, **more):
    sets = {"videos": training_set(features, labels, [f"c{i}" for i in range(labels.shape[1])])}
    return fit("untrimmednet", UntrimmedNetParameters(**(settings or {})), training, sets, seed, out, **more)


def contents(folder):
    return [(folder / name).read_bytes() for name in (MODEL, LOG)]


def test_trained_twice_is_equal_and_each_stream_is_as_if_trained_alone(toy, tmp_path):
    features, labels = toy.world()
    both = run(tmp_path / "both", features, labels)
    assert contents(both) == contents(run(tmp_path / "again", features, labels))
    assert contents(both)[0] != contents(run(tmp_path / "other", features, labels, seed=1))[0]
    whole = load_run(both)[0].state_dict()
    for stream in ("rgb", "flow"):
        part = toy.one_stream(features, stream)
        alone = run(tmp_path / stream, part, labels, settings={"streams": (stream,)})
        weights = load_run(alone)[0].state_dict()
        assert len(weights) == 4
        assert all(torch.equal(x, whole[name]) for name, x in weights.items())


def test_an_interrupted_run_goes_on_to_the_same_bytes(toy, tmp_path):
    features, labels = toy.world()
    for count in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut", features, labels, progress=toy.stop_after(count), checkpoint_s=0)
    cut = run(tmp_path / "cut", features, labels)
    assert contents(cut) == contents(run(tmp_path / "whole", features, labels))


def test_it_learns_classes_and_where_they_are(toy, tmp_path):
    features, labels = toy.world()
    method, _ = load_run(run(tmp_path, features, labels, QUICK.model_copy(update={"iterations": 300})))
    overlaps = toy.overlaps(method, features, labels, FrameScores(grow=0, offset=0, smooth=False))
    assert np.mean(np.array(overlaps) > 0.5) > 0.8
    detected = method.detect(features.video(0), FrameScores())
    length, inside = len(features.video(0)), np.zeros(len(features.video(0)), dtype=bool)
    inside[length // 3 : 2 * (length // 3)] = True
    attention = detected.curves["attention"]
    assert attention[inside].mean() > attention[~inside].mean()
    assert detected.activations.shape == (length, 4) and list(detected.scores) == ["fusion", "rgb", "flow"]
    assert np.allclose(detected.scores["fusion"], (detected.scores["rgb"] + detected.scores["flow"]) / 2)
    assert method.detect(np.ones((1, 2 * toy.DIM)), FrameScores(class_threshold=0)).activations.shape == (1, 4)


def test_nan_in_features_names_the_video(toy, tmp_path):
    features, labels = toy.world()
    features.rows[features.offsets[7] : features.offsets[8]] = np.nan
    with pytest.raises(UserError, match="v7: features hold NaN"):
        run(tmp_path, features, labels)


def test_a_stream_that_is_named_twice_or_unknown_is_an_error():
    for streams in (["rgb", "rgb"], [], ["audio"]):
        with pytest.raises(UserError, match="streams"):
            validated(UntrimmedNetParameters, {"streams": streams}, "--set")
    assert UntrimmedNetParameters(streams=("flow", "rgb")).streams == ("rgb", "flow")
