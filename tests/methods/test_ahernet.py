"""AherNet: what each update changes and what not, and what runs of it and of its variants do."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from actionbytes.errors import UserError
from actionbytes.features.store import PackedFeatures
from actionbytes.localization.nms import segment_iou
from actionbytes.methods.ahernet.detection import AnchorRules
from actionbytes.methods.ahernet.network import Ahernet
from actionbytes.methods.ahernet.parameters import AhernetParameters
from actionbytes.methods.ahernet.updates import Updates, descend
from actionbytes.methods.ahernet_single.parameters import AhernetSingleParameters
from actionbytes.training.batches import Batches
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import LOG, MODEL, ROUNDS, load_run
from actionbytes.training.sources import training_set

DIM = 10
NET = {"stem": (12, 12), "channels": (8, 8, 12, 12, 16)}  # 64 steps
SMALL = {**NET, "min_foreground": 4, "min_moment": 4, "generator_hidden": 8}
VARIANTS = {
    "summed": {},
    "separate": {"adams": "separate", "generator_steps": 2, "synthesis": "shifted"},
    "algorithm": {"moment_backbone": "fixed", "discriminator_into_backbone": True, "objectness": False},
    "pretrained": {"contexts": "pretrained"},
    "noise": {"contexts": "noise", "class_cells": "foreground", "offsets": "decoded"},
    "minus": {"classifier": "proposals", "contexts": "off"},
    "minus separate": {"classifier": "proposals", "contexts": "off", "adams": "separate"},
}
SUMMED = ["classifiers", "untrimmed", "synthetic", "discriminator", "generators"]


def quick(**changes):
    return Training(**{"iterations": 6, "lr": 1e-3, "log_every": 3, "weight_decay": 0.0, "batch": 4} | changes)


LONGER = quick(iterations=9)


def looks():
    """What each of five classes looks like, and background; the same in every set."""
    rng = np.random.default_rng(7)
    return 2 * rng.random((5, DIM)), 0.5 * rng.random(DIM)


def untrimmed(classes=(0, 1), names=("a", "b"), count=16, seed=1):
    """Videos of 40 to 90 snippets with one to two actions of one class."""
    rng, (shown, background) = np.random.default_rng(seed), looks()
    videos, segments, kinds = [], [], np.arange(count) % len(classes)
    for kind in kinds:
        length = int(rng.integers(40, 90))
        x, spans = np.tile(background, (length, 1)), []
        for half in range(int(rng.integers(1, 3))):
            start = half * length // 2 + int(rng.integers(2, 8))
            end = start + int(rng.integers(length // 6, length // 3))
            x[start:end] = shown[classes[kind]]
            spans.append((start, end, kind))
        videos.append(np.maximum(x + 0.1 * rng.normal(size=x.shape), 0))
        segments.append(np.array(spans, dtype=np.float64))
    return packed(videos, kinds, names, tuple(segments))


def moments(classes=(2, 3, 4), names=("c", "d", "e"), count=18, seed=2):
    """Clips of 8 to 20 snippets that show their class throughout."""
    rng, (shown, _) = np.random.default_rng(seed), looks()
    kinds, videos = np.arange(count) % len(classes), []
    for kind in kinds:
        x = np.tile(shown[classes[kind]], (int(rng.integers(8, 21)), 1))
        videos.append(np.maximum(x + 0.1 * rng.normal(size=x.shape), 0))
    return packed(videos, kinds, names, None)


def packed(videos, kinds, names, segments):
    lengths = np.array([len(x) for x in videos])
    ids, offsets = [f"v{i}" for i in range(len(videos))], np.concatenate([[0], np.cumsum(lengths)])
    features = PackedFeatures(ids, offsets, np.concatenate(videos).astype(np.float32), 0.32, lengths * 0.32)
    return training_set(features, np.eye(len(names), dtype=bool)[kinds], names, segments)


def sets():
    return {"untrimmed": untrimmed(), "moments": moments()}


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A finished run of the anchor network on the untrimmed videos."""
    out = tmp_path_factory.mktemp("runs") / "start"
    training = quick(iterations=100, lr=3e-3, batch=8)
    return fit("ahernet_single", AhernetSingleParameters(**NET), training, {"videos": untrimmed()}, 0, out)


def run(out, start, training=None, seed=0, progress=None, **parameters):
    settings = AhernetParameters(**SMALL | parameters)
    return fit("ahernet", settings, training or quick(), sets(), seed, out, {"localizer": start}, progress, 0)


def at_work(**parameters):
    """A fresh model, its optimizers, and its updates in one step."""
    model = Ahernet(DIM, 3, AhernetParameters(**SMALL | parameters), torch.Generator().manual_seed(0), 2)
    training, chosen = quick(), sets()
    model.prepare(chosen, 0, {}, np.random.default_rng(0))
    _, batches = Batches(model, chosen, training).draw({n: np.random.default_rng(i) for i, n in enumerate(chosen)})
    optimizers = model.optimizers(training)
    return model, optimizers, Updates(model, optimizers, model.scene(batches["untrimmed"], batches["moments"])), batches


def changed(model, update):
    """The parts of the model that an update changes."""
    before = {name: x.detach().clone() for name, x in model.named_parameters()}
    update()
    assert all(x.grad is None for x in model.parameters())
    return {name.split(".")[0] for name, x in model.named_parameters() if not x.equal(before[name])}


PARTS = {
    "moments": {"backbone", "moment_classes"},
    "foregrounds": {"foreground_classes"},
    "untrimmed": {"backbone", "heads", "transfer"},
    "discriminator": {"discriminators"},
    "generators": {"generators"},
    "synthetic": {"backbone", "heads"},
}


@pytest.mark.parametrize("name", PARTS)
def test_what_each_of_the_six_updates_changes(name):
    model, _, updates, _ = at_work()
    assert changed(model, getattr(updates, name)) == PARTS[name]


def test_what_updates_of_other_settings_change():
    model, _, updates, _ = at_work(moment_backbone="fixed")
    assert changed(model, updates.moments) == {"moment_classes"}
    model, _, updates, _ = at_work(adams="separate", generator_steps=2)
    assert changed(model, updates.generators_by_localization) == {"generators"}
    assert changed(model, updates.generators_by_adversary) == {"generators"}
    model, _, updates, _ = at_work(classifier="proposals", contexts="off")
    assert changed(model, updates.moments) == {"moment_classes", "moment_backbone"}
    assert changed(model, updates.untrimmed) == {"backbone", "heads"}


def test_the_discriminators_loss_reaches_no_generator_and_the_other_way_round():
    """Only through what is handed to each: gradients exist where nothing is cut, and no step takes them."""
    model, _, updates, _ = at_work()
    made = updates._synthetic_maps()
    assert all(x.requires_grad for x in made)
    adversary = updates._generator_loss()
    assert torch.autograd.grad(adversary, list(model.generators.parameters()), retain_graph=True)[0].ne(0).any()
    assert changed(model, updates.discriminator) == {"discriminators"}
    assert changed(model, updates.generators) == {"generators"}


def test_the_discriminator_trains_convolutions_only_where_it_is_told_to():
    """Algorithm 1 has its loss in the last update: a much larger weight of it shows there and nowhere else."""
    gone = {}
    for into in (False, True):
        for weight in (0.1, 10.0):
            model, _, updates, _ = at_work(discriminator_into_backbone=into, adversary_weight=weight)
            updates.synthetic()
            gone[into, weight] = model.backbone.stem[0].weight.detach().clone()
    assert gone[False, 0.1].equal(gone[False, 10.0]) and not gone[True, 0.1].equal(gone[True, 10.0])


def test_classes_of_cells_come_from_moments_through_a_transfer_that_is_shared():
    """T has no dimension of classes: the same weights serve two classes of videos and three of moments."""
    model, _, _, _ = at_work()
    assert all(2 not in x.shape and 3 not in x.shape for x in model.transfer.parameters())
    ours, theirs = model.transferred(model.foreground_classes), model.transferred(model.moment_classes)
    assert [x[0].shape[0] for x in ours] == [2] * 5 and [x[0].shape[0] for x in theirs] == [3] * 5
    theirs[0][0].sum().backward()
    assert model.moment_classes.layers[0].weight.grad is None  # "fix W_regv"
    assert model.transfer[0].weights[0].weight.grad.ne(0).any()


def test_five_optimizers_or_ten_in_a_fixed_order():
    model, optimizers, _, batches = at_work()
    assert list(optimizers) == SUMMED
    _, ten, _, _ = at_work(adams="separate")
    assert len(ten) == 10
    assert [ten[name].defaults["betas"][0] for name in ("generators", "discriminator", "moments")] == [0.5, 0.5, 0.9]
    calls = []
    for name, optimizer in optimizers.items():
        optimizer.register_step_pre_hook(lambda *_, name=name: calls.append(name))
    model.step(batches, optimizers)
    assert calls == ["classifiers", "classifiers", "untrimmed", "discriminator", "generators", "synthetic"]


def test_the_public_codes_order():
    model, optimizers, _, batches = at_work(adams="separate", generator_steps=2)
    calls = []
    for name, optimizer in optimizers.items():
        optimizer.register_step_pre_hook(lambda *_, name=name: calls.append(name))
    model.step(batches, optimizers)
    pair = [f"{{}}_{loss}" for loss in ("proposals", "classes")]
    localized = {name: [x.format(name) for x in pair] for name in ("untrimmed", "generators", "synthetic")}
    adversary = ["discriminator", "generators", "generators"]
    before = ["moments", "foregrounds", *localized["untrimmed"], *localized["generators"]]
    assert calls == [*before, *adversary, *localized["synthetic"]]


def test_the_adversarys_learning_rate_stays_while_the_others_fall():
    model, optimizers, _, batches = at_work(adversary_lr=5e-4)
    for optimizer in optimizers.values():
        for group in optimizer.param_groups:
            group["initial_lr"], group["lr"] = group["lr"], group["lr"] * 0.1
    model.step(batches, optimizers)
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in optimizers.items()}
    assert rates == pytest.approx(dict.fromkeys(SUMMED[:3], 1e-4) | dict.fromkeys(SUMMED[3:], 5e-4))


def test_an_optimizer_takes_all_gradients_before_any_step():
    weight, other = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    first, second = (torch.optim.SGD([weight, other], lr=1.0) for _ in range(2))
    descend([(first, weight.square().sum()), (second, weight.square().sum())], [weight])
    assert weight.item() == 1 - 2 - 2 and other.item() == 1


def test_synthetic_videos_hold_the_moment_where_their_truth_says():
    _, _, updates, _ = at_work(contexts="noise", synthesis="shifted")
    scene, model = updates.scene, updates.model
    video = model.synthetic(scene)
    assert video.shape == (4, 64, DIM) and scene.made.iou.max() > 0.8
    for number, plan in enumerate(scene.layouts):
        first = plan.truth[0]
        torch.testing.assert_close(video[number, first], scene.moments[number, 0])


def test_contexts_of_another_moment():
    _, _, own, _ = at_work()
    _, _, other, _ = at_work(context_from="other")
    ours, theirs = own.model.synthetic(own.scene), other.model.synthetic(other.scene)
    first = own.scene.layouts[0].truth[0]
    assert not ours[0, :first].equal(theirs[0, :first]) and ours[0, first].equal(theirs[0, first])


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_trains_twice_to_the_same_weights_and_survives_interruptions(tmp_path, start, name):
    whole = run(tmp_path / "whole", start, **VARIANTS[name])
    again = run(tmp_path / "again", start, **VARIANTS[name])
    assert (whole / MODEL).read_bytes() == (again / MODEL).read_bytes()

    calls = iter(range(100))

    def every_second(done, total, line):  # of the log's lines; behind each of the others is a checkpoint
        if next(calls) % 2:
            raise KeyboardInterrupt

    for _ in range(10):
        try:
            run(tmp_path / "cut", start, progress=every_second, **VARIANTS[name])
            break
        except KeyboardInterrupt:
            pass
    assert (tmp_path / "cut" / MODEL).read_bytes() == (whole / MODEL).read_bytes()
    assert (tmp_path / "cut" / LOG).read_bytes() == (whole / LOG).read_bytes()


def test_kill_9_loses_nothing(tmp_path, start):
    """This file is run as a script by another process, which kills itself on the way."""
    process = subprocess.run([sys.executable, __file__, str(tmp_path / "cut"), str(start)], check=False)
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(UserError, match="not finished"):
        load_run(tmp_path / "cut")
    models = [(run(tmp_path / name, start, LONGER) / MODEL).read_bytes() for name in ("cut", "whole")]
    assert models[0] == models[1]


def test_generators_of_a_minus_learn_contexts_first_and_then_stay(tmp_path, start):
    folder = run(tmp_path, start, contexts="pretrained")
    first, last = (load_run(folder, round=n)[0] for n in (1, 2))
    fresh = Ahernet(DIM, 3, AhernetParameters(**SMALL, contexts="pretrained"), torch.Generator().manual_seed(0), 2)
    name = "generators.before.first.weight"
    assert first.state_dict()[name].equal(last.state_dict()[name])
    assert not first.backbone.stem[0].weight.equal(last.backbone.stem[0].weight)
    assert first.state_dict()[name].shape == fresh.state_dict()[name].shape
    lines = (folder / LOG).read_text().splitlines()
    assert len(lines) == 5 and "discriminator" not in lines[0]


def test_the_share_of_truth_without_an_anchor_is_logged_and_noted(tmp_path, start):
    folder = run(tmp_path, start)
    assert "uncovered" in (folder / LOG).read_text().splitlines()[0]
    assert 0 < float((folder / ROUNDS).read_text().splitlines()[1].split(",")[1]) < 1


def test_untrimmed_videos_without_segments_are_an_error(tmp_path, start):
    bare = untrimmed()
    bare = bare.__class__(**{**vars(bare), "segments": None})
    with pytest.raises(UserError, match="need segments"):
        fit(
            "ahernet",
            AhernetParameters(**SMALL),
            quick(),
            sets() | {"untrimmed": bare},
            0,
            tmp_path,
            {"localizer": start},
        )


def test_moments_that_are_all_too_short_are_an_error(tmp_path, start):
    with pytest.raises(UserError, match="every video is shorter than 99 snippets"):
        run(tmp_path, start, min_moment=99)


def test_a_start_of_another_size_is_an_error(tmp_path, start):
    with pytest.raises(UserError, match="differ; set alike"):
        run(tmp_path, start, stem=(12, 13))


def test_settings_that_contradict_each_other_are_an_error():
    for settings in ({"rho": (15, 14)}, {"classifier": "proposals"}, {"background": 0.9}):
        with pytest.raises(ValueError, match=r"smallest|localizes no moments|above foreground"):
            AhernetParameters(**SMALL | settings)


def test_it_localizes_classes_that_it_knows_from_moments_alone(tmp_path, start):
    """Mean tIoU of the best detection with the truth, and how many videos get their class."""
    training = quick(iterations=120, lr=2e-3, batch=8)
    model, config = load_run(run(tmp_path, start, training))
    assert config.classes == ("c", "d", "e")
    test = untrimmed((2, 3, 4), ("c", "d", "e"), 12, seed=5)
    right, overlaps = [], []
    for i, label in enumerate(test.labels.argmax(1)):
        detected = model.detect(test.video(i), AnchorRules())
        found = detected.segments
        assert len(found.start) <= 100 and (np.diff(found.score) <= 0).all()
        right.append(found.label[0] == label)
        start_, end = test.segments[i][:, :2].T
        ours = found.label == label
        bounds = zip(start_, end, strict=True)
        overlaps += [segment_iou(found.start[ours], found.end[ours], *both).max(initial=0) for both in bounds]
    print(np.mean(right), np.mean(overlaps))
    assert np.mean(right) >= 0.75 and np.mean(overlaps) > 0.5


if __name__ == "__main__":
    counted = iter(range(100))

    def suicide(done, total, line):
        if next(counted) == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    run(Path(sys.argv[1]), Path(sys.argv[2]), LONGER, progress=suicide)
