"""AherNet's training step: what each update changes and what not, and their order."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from actionbytes.methods.ahernet.network import Ahernet
from actionbytes.methods.ahernet.parameters import AhernetParameters
from actionbytes.methods.ahernet.updates import Updates, descend
from actionbytes.training.batches import Batches

spec = importlib.util.spec_from_file_location("ahernet_toys", Path(__file__).with_name("ahernet_toys.py"))
toys = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toys)
DIM, NET, SMALL, quick, sets = toys.DIM, toys.NET, toys.SMALL, toys.quick, toys.sets
SUMMED = ["classifiers", "untrimmed", "synthetic", "discriminator", "generators"]


def at_work(precision="fp32", **parameters):
    """A fresh model, its optimizers, and its updates in one step."""
    model = Ahernet(DIM, 3, AhernetParameters(**SMALL | parameters), torch.Generator().manual_seed(0), 2)
    training, chosen = quick(precision=precision), sets()
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


@pytest.mark.parametrize("adams", ["summed", "separate"])
def test_bfloat16_is_close_to_float32(adams):
    """All six updates: the first losses agree to a few percent, and the maps are computed in the lower precision."""
    losses = {}
    for precision in ("fp32", "bf16"):
        model, optimizers, updates, batches = at_work(precision, adams=adams)
        assert updates.scene.moments.dtype == {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
        losses[precision] = model.step(batches, optimizers)
    for name, loss in losses["fp32"].items():
        assert losses["bf16"][name].item() == pytest.approx(loss.item(), rel=0.05, abs=0.02), name
    assert losses["fp32"]["untrimmed_classes"] != losses["bf16"]["untrimmed_classes"]
