"""Optimizers, schedules and clipping; several optimizers, rounds and sources; runs that go on to the same bytes."""

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from actionbytes.errors import UserError
from actionbytes.features.store import PackedFeatures
from actionbytes.methods.registry import method_parameters
from actionbytes.methods.wtalc.parameters import WtalcParameters
from actionbytes.parameters import validated
from actionbytes.training.checkpoints import CHECKPOINT
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import LOG, MODEL, ROUNDS, load_run, read_config
from actionbytes.training.schedule import clip_gradients, lr_scale, set_lr
from actionbytes.training.sources import training_set

spec = importlib.util.spec_from_file_location("toys", Path(__file__).with_name("toys.py"))
toys = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toys)

QUICK = Training(iterations=12, lr=1e-2, log_every=4)
SGD = Training(iterations=12, lr=1e-1, momentum=0.9, optimizer="sgd", lr_steps=(5, 9), clip=0.05, log_every=4)


@pytest.fixture(autouse=True)
def _toys(tmp_path, monkeypatch):
    toys.install(tmp_path / "toys", monkeypatch)


def videos(classes=3, count=18, dim=8, seed=0):
    """A source of videos, with the pattern of its class in some snippets."""
    rng = np.random.default_rng(seed)
    lengths, labels = rng.integers(3, 9, count), np.eye(classes, dtype=bool)[np.arange(count) % classes]
    rows = rng.random((lengths.sum(), dim)).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    features = PackedFeatures([f"v{i}" for i in range(count)], offsets, rows, 0.64, lengths * 0.64)
    return training_set(features, labels, [f"c{i}" for i in range(classes)])


def run(out, method="wtalc", training=QUICK, sets=None, parameters=None, **more):
    parameters = parameters or (WtalcParameters(latent_dim=8) if method == "wtalc" else method_parameters(method)())
    return fit(method, parameters, training, sets or {"videos": videos()}, 0, out, **more)


def interrupted(out, *arguments, calls=(1, 1, 2), **more):
    """A run that is stopped again and again, and goes on."""
    for count in calls:
        left = iter(range(count - 1, -1, -1))

        def stop(*_, left=left):
            if next(left) == 0:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(out, *arguments, progress=stop, checkpoint_s=0, **more)
    return run(out, *arguments, **more)


def contents(folder, names=(MODEL, LOG)):
    return [(folder / name).read_bytes() for name in names]


def weights(folder):
    return load_run(folder)[0].state_dict()


def optimizer_keys(out, *arguments):
    """What a checkpoint after eight steps keeps of the optimizers."""

    def stop(done, *_):
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(out, *arguments, progress=stop, checkpoint_s=0)
    with safe_open(out / CHECKPOINT, "pt") as file:
        keys = sorted(key for key in file.keys() if key.startswith("optimizer."))  # noqa: SIM118 - not a dictionary
        assert all(file.get_tensor(key).any() for key in keys)
    return keys


@pytest.mark.parametrize(
    "training", [QUICK, SGD, SGD.model_copy(update={"momentum": 0.0})], ids=["adam", "momentum", "plain"]
)
def test_a_run_goes_on_to_the_same_bytes_with_any_optimizer(tmp_path, training):
    whole = run(tmp_path / "whole", training=training)
    assert contents(whole) == contents(interrupted(tmp_path / "cut", "wtalc", training))


def test_a_checkpoint_keeps_momentum(tmp_path):
    keys = optimizer_keys(tmp_path / "sgd", "wtalc", SGD)
    assert keys == [f"optimizer.all.{i}.momentum_buffer" for i in range(4)]
    assert optimizer_keys(tmp_path / "plain", "wtalc", SGD.model_copy(update={"momentum": 0.0})) == []


def test_sgd_steps_are_lr_times_the_gradient(tmp_path):
    """After one step, weights of two runs that differ in lr alone differ by that factor from where they began."""
    moved = []
    for lr in (1e-30, 0.25, 0.5):
        training = QUICK.model_copy(update={"optimizer": "sgd", "lr": lr, "iterations": 1, "weight_decay": 0.0})
        run(tmp_path / str(lr), "keeper", training)
        moved.append(load_run(tmp_path / str(lr), round=1)[0].layer.weight.detach())
    assert not torch.equal(moved[0], moved[1])
    torch.testing.assert_close(moved[2] - moved[0], 2 * (moved[1] - moved[0]))


def test_the_learning_rate_falls_after_the_given_steps(tmp_path):
    training = Training(lr_steps=(5, 9), lr_factor=0.5)
    assert [lr_scale(training, step) for step in (0, 4, 5, 8, 9, 99)] == [1, 1, 0.5, 0.5, 0.25, 0.25]
    layer = torch.nn.Linear(2, 2)
    optimizers = [torch.optim.SGD([{"params": [layer.weight], "lr": 1.0}, {"params": [layer.bias], "lr": 3.0}])]
    for step in (0, 6, 20, 6):
        set_lr(optimizers, training, step)
        assert [group["lr"] for group in optimizers[0].param_groups] == [lr_scale(training, step) * x for x in (1, 3)]
    falls = QUICK.model_copy(update={"lr_steps": (4,), "lr_factor": 1e-30})
    short = QUICK.model_copy(update={"iterations": 4})
    stands, four = weights(run(tmp_path / "a", training=falls)), weights(run(tmp_path / "b", training=short))
    assert all(torch.equal(stands[name], four[name]) for name in four)


def test_gradients_are_clipped_by_their_norm_optimizer_by_optimizer():
    layers = {name: torch.nn.Linear(2, 1, bias=False) for name in ("large", "small")}
    for layer in layers.values():
        torch.nn.init.zeros_(layer.weight)
    optimizers = {name: torch.optim.SGD(layer.parameters(), lr=1.0) for name, layer in layers.items()}
    clip_gradients(optimizers, 1.0)
    layers["large"].weight.grad, layers["small"].weight.grad = torch.tensor([[30.0, 40.0]]), torch.tensor([[0.3, 0.4]])
    for optimizer in optimizers.values():
        optimizer.step()
    torch.testing.assert_close(layers["large"].weight, torch.tensor([[-0.6, -0.8]]))
    torch.testing.assert_close(layers["small"].weight, torch.tensor([[-0.3, -0.4]]))


def test_clipping_changes_a_run_only_where_gradients_are_large(tmp_path):
    usual = run(tmp_path / "usual", training=QUICK)
    wide = run(tmp_path / "wide", training=QUICK.model_copy(update={"clip": 1e6}))
    sgd = SGD.model_copy(update={"clip": None})
    tight, loose = run(tmp_path / "tight", training=SGD), run(tmp_path / "loose", training=sgd)
    assert contents(usual) == contents(wide) and contents(tight) != contents(loose)


def test_what_contradicts_is_one_line():
    with pytest.raises(UserError, match="momentum is of optimizer sgd, not of adam"):
        validated(Training, {"momentum": 0.9}, "--set training")
    with pytest.raises(UserError, match="pairs: no such parameter"):
        validated(Training, {"pairs": 0}, "--set training")


@pytest.mark.parametrize("training", [QUICK, SGD], ids=["adam", "sgd"])
def test_two_optimizers_in_an_order_of_their_own_go_on_to_the_same_bytes(tmp_path, training):
    whole = run(tmp_path / "whole", "duel", training)
    assert contents(whole) == contents(interrupted(tmp_path / "cut", "duel", training))
    lines = list(csv.DictReader((whole / LOG).open()))
    assert set(lines[0]) == {"round", "step", "maker", "judge", "total"}
    slots = ("exp_avg", "exp_avg_sq", "step") if training is QUICK else ("momentum_buffer",)
    expected = [f"optimizer.{name}.{i}.{slot}" for name in ("judge", "maker") for i in (0, 1) for slot in slots]
    assert optimizer_keys(tmp_path / "keys", "duel", training) == expected


def test_memory_may_hold_an_array_called_targets(tmp_path):
    whole, cut = run(tmp_path / "whole", "keeper"), interrupted(tmp_path / "cut", "keeper", calls=(1, 3, 1, 2))
    names = [MODEL, LOG, ROUNDS, "round1.safetensors", "round2.safetensors"]
    assert contents(whole, names) == contents(cut, names)
    facts = [line["kept"] for line in csv.DictReader((whole / ROUNDS).open())]
    assert facts == ["0.0", "2.0", "6.0"]


def two_sources(trimmed_seed=1):
    return {"untrimmed": videos(3), "trimmed": videos(4, 9, seed=trimmed_seed)}


def test_a_step_may_learn_from_two_sources(tmp_path):
    whole = run(tmp_path / "whole", "pairing", sets=two_sources())
    assert contents(whole) == contents(interrupted(tmp_path / "cut", "pairing", sets=two_sources()))
    config = read_config(whole)
    assert config.classes == ("c0", "c1", "c2")
    assert {name: (s.videos, len(s.classes)) for name, s in config.sources.items()} == {
        "untrimmed": (18, 3),
        "trimmed": (9, 4),
    }
    learned = weights(whole)
    assert learned["untrimmed.weight"].shape == (3, 8) and learned["trimmed.weight"].shape == (4, 8)


def test_draws_of_the_first_source_do_not_depend_on_the_others(tmp_path):
    one, other = (weights(run(tmp_path / str(i), "pairing", sets=two_sources(i))) for i in (1, 2))
    assert torch.equal(one["untrimmed.weight"], other["untrimmed.weight"])
    assert not torch.equal(one["trimmed.weight"], other["trimmed.weight"])


def test_sources_must_be_those_of_the_method_and_alike(tmp_path):
    with pytest.raises(UserError, match="learns from the sources untrimmed, trimmed; given: videos"):
        run(tmp_path, "pairing")
    with pytest.raises(UserError, match=r"features of different kinds .*8-d; trimmed: rgb and flow, 5-d"):
        run(tmp_path, "pairing", sets={"untrimmed": videos(), "trimmed": videos(dim=5)})


def test_a_run_may_start_from_one_of_another_source(tmp_path):
    teacher = run(tmp_path / "teacher", "duel", sets={"videos": videos(5, seed=3)})
    out = run(tmp_path / "out", "follower", QUICK.model_copy(update={"weight_decay": 0.0}), starts={"teacher": teacher})
    assert torch.equal(weights(out)["layer.weight"], weights(teacher)["maker.weight"])
    assert read_config(out).starts.keys() == {"teacher"} and read_config(out).classes == ("c0", "c1", "c2")
    with pytest.raises(UserError, match="starts from a finished run of duel: train that first"):
        run(tmp_path / "alone", "follower")
