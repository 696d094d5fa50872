"""TSRNet: pairs, what its transfer reaches and what not, and what a run of it does."""

import numpy as np
import pytest
import torch

from actionbytes.errors import UserError
from actionbytes.features.store import PackedFeatures
from actionbytes.methods.sets import Batch
from actionbytes.methods.srnet.detection import AttendedFrames
from actionbytes.methods.srnet.network import Srnet
from actionbytes.methods.srnet.parameters import SrnetParameters
from actionbytes.methods.tsrnet.mmd import squared_mmd
from actionbytes.methods.tsrnet.network import Tsrnet
from actionbytes.methods.tsrnet.parameters import TsrnetParameters
from actionbytes.methods.tsrnet.sampler import ClassSampler, shared_classes
from actionbytes.training.checkpoints import CHECKPOINT
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import MODEL, ROUNDS, load_run, round_file
from actionbytes.training.sources import training_set

UNTRIMMED = ("Clean and jerk", "Run", "Throw", "Wave")
TRIMMED = ("Balance", "CleanAndJerk", "Dash", "Throw")
SMALL = {"attention_hidden": 8, "hidden": 12, "dropout": 0.3}
PAIRED = {"same_class": {"Dash": "Run"}}
DIM = 12


def quick(**changes):
    settings = {"optimizer": "sgd", "momentum": 0.9, "iterations": 8, "lr": 0.01, "log_every": 4, "weight_decay": 0.0}
    return Training(**settings | {"batch": 6} | changes)


def world(trimmed, count=24, gap=0.5, noise=0.1):
    """Untrimmed: the middle third shows the class. Trimmed: all of it does, and the domain is a `gap` away."""
    names = TRIMMED if trimmed else UNTRIMMED
    shown = {"balance": 0, "cleanandjerk": 1, "dash": 2, "run": 2, "throw": 3, "wave": 4}
    basis = np.random.default_rng(0)
    looks, background, shift = 3 * basis.random((5, DIM)), basis.random(DIM), basis.normal(size=DIM)
    rng = np.random.default_rng(1 + trimmed)
    kinds, videos = np.arange(count) % 4, []
    for kind in kinds:
        look = looks[shown[names[kind].casefold().replace(" ", "")]]
        x = np.tile(look if trimmed else background, (rng.integers(9, 15), 1))
        if not trimmed:
            x[len(x) // 3 : 2 * len(x) // 3] = look
        videos.append(np.maximum(x + trimmed * gap * shift + noise * rng.normal(size=x.shape), 0))
    lengths = np.array([len(x) for x in videos])
    rows, offsets = np.concatenate(videos).astype(np.float32), np.concatenate([[0], np.cumsum(lengths)])
    ids = [f"{'clip' if trimmed else 'video'}{i}" for i in range(count)]
    features = PackedFeatures(ids, offsets, rows, 0.64, lengths * 0.64)
    return training_set(features, np.eye(4, dtype=bool)[kinds], names)


def sets():
    return {"untrimmed": world(False), "trimmed": world(True)}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A finished SRNet run on the trimmed clips."""
    settings = SrnetParameters(**SMALL, alpha=0, beta=0)
    out = tmp_path_factory.mktemp("runs") / "clips"
    return fit("srnet", settings, quick(iterations=60), {"videos": world(True)}, 0, out)


def run(out, clips, training=None, seed=0, **parameters):
    settings = TsrnetParameters(**SMALL | PAIRED | parameters)
    more = {"progress": parameters["progress"]} if "progress" in parameters else {}
    return fit("tsrnet", settings, training or quick(), sets(), seed, out, {"trimmed": clips}, **more)


def batch(videos, groups, rng=0):
    """The first videos of a set, in these groups."""
    count = len(groups)
    labels = torch.from_numpy(videos.labels[:count].astype(np.float32))
    rows = torch.from_numpy(videos.rows[: videos.offsets[count]])
    offsets = videos.offsets[: count + 1]
    return Batch(rows, offsets, labels, labels, np.array(groups), None, np.random.default_rng(rng))


def method(**parameters):
    settings = TsrnetParameters(**SMALL | PAIRED | parameters)
    return Tsrnet(DIM, 4, settings, torch.Generator().manual_seed(0))


def gradients(networks):
    return {name: x.grad for name, x in networks.named_parameters() if x.grad is not None}


def test_classes_are_the_same_by_spelling_or_by_name():
    assert shared_classes(UNTRIMMED, TRIMMED, {}) == {0: 1, 2: 3}
    assert shared_classes(UNTRIMMED, TRIMMED, PAIRED["same_class"]) == {0: 1, 1: 2, 2: 3}


def drawn(**parameters):
    sampler = ClassSampler(sets(), TsrnetParameters(**PAIRED | parameters), 40)
    draws = sampler.draw({name: np.random.default_rng(i) for i, name in enumerate(sets())})
    ours, theirs = (sets()[x].labels.argmax(1)[draws[x].videos] for x in ("untrimmed", "trimmed"))
    assert (draws["untrimmed"].groups == draws["trimmed"].groups).all()
    return ours, theirs, draws["untrimmed"].groups


def test_each_video_gets_a_clip_of_its_class():
    ours, theirs, groups = drawn()
    paired = groups >= 0
    assert (paired == (ours != 3)).all() and set(ours) == {0, 1, 2, 3}
    assert (theirs[paired] == ours[paired] + 1).all()
    assert len(set(groups[paired])) == paired.sum()


def test_permuted_pairs_are_all_wrong():
    ours, theirs, groups = drawn(pairing="permuted")
    paired = groups >= 0
    assert (theirs[paired] != ours[paired] + 1).all() and set(theirs[paired]) == {1, 2, 3}


def test_all_pairs_everything_with_clips_of_shared_classes():
    ours, theirs, groups = drawn(pairing="all")
    assert (groups >= 0).all() and set(ours) == {0, 1, 2, 3} and set(theirs) == {1, 2, 3}


def test_too_few_shared_classes_are_an_error():
    other = {"untrimmed": world(False), "trimmed": world(True)}
    far = TsrnetParameters(same_class={name: f"other {name}" for name in TRIMMED})
    with pytest.raises(UserError, match="share 0 classes"):
        ClassSampler(other, far, 4)


def test_without_transfer_its_gradients_are_srnets():
    """And the log still says how far the domains are apart."""
    untrimmed, trimmed = batch(world(False), [0, 1, 2, -1]), batch(world(True), [0, 1, 2, -1])
    ours, theirs = method(transfer=0.0), Srnet(DIM, 4, SrnetParameters(**SMALL), torch.Generator().manual_seed(0))
    losses = ours.loss(untrimmed, trimmed)
    losses["total"].backward()
    theirs.loss(batch(world(False), [0, 1, 2, -1]))["total"].backward()
    expected = gradients(theirs.networks)
    assert expected and expected.keys() == gradients(ours.networks).keys()
    for name, x in gradients(ours.networks).items():
        torch.testing.assert_close(x, expected[name], atol=1e-7, rtol=0)
    assert losses["rgb_fc1"] > 0 and losses["flow_fc2"] > 0


def test_a_frozen_trimmed_network_gets_no_gradient_and_a_joint_one_does():
    for trimmed in ("frozen", "joint"):
        ours = method(trimmed=trimmed)
        ours.loss(batch(world(False), [0, 1, 2]), batch(world(True), [0, 1, 2]))["total"].backward()
        assert gradients(ours.networks) and bool(gradients(ours.trimmed)) == (trimmed == "joint")
        held = [x for made in ours.optimizers(quick()).values() for x in made.param_groups[0]["params"]]
        assert len(held) == len(list((ours if trimmed == "joint" else ours.networks).parameters()))


def test_the_discrepancies_are_of_both_layers_inputs():
    ours = method()
    network, other = ours.stream("rgb"), ours.trimmed_stream("rgb")
    videos, clips = torch.rand(3, 6), torch.rand(3, 6)
    distances = ours.discrepancies(network, other, videos, clips)
    assert distances["fc1"].item() == pytest.approx(squared_mmd(clips, videos).item())
    assert distances["fc2"].item() == pytest.approx(squared_mmd(other.hidden(clips), network.hidden(videos)).item())
    shared = method(transfer_fc1="shared").discrepancies(network, other, videos, clips)
    assert shared["fc2"].item() == pytest.approx(squared_mmd(network.hidden(clips), network.hidden(videos)).item())
    assert set(method(transfer_layers=("fc1",)).discrepancies(network, other, videos, clips)) == {"fc1"}
    one = method(bandwidth=2.0, kernels=(1.0,)).discrepancies(network, other, videos, clips)
    assert one["fc1"].item() == pytest.approx(squared_mmd(clips, videos, 2.0, (1.0,)).item())


def test_a_batch_without_pairs_learns_like_srnet():
    losses = method().loss(batch(world(False), [-1, -1]), batch(world(True), [-1, -1]))
    losses["total"].backward()
    assert losses["rgb_fc1"] == 0 and torch.isfinite(losses["total"])


def test_it_takes_over_the_trimmed_run(tmp_path, clips):
    start = load_run(clips)[0].state_dict()
    ours = load_run(run(tmp_path / "frozen", clips))[0].state_dict()
    for name, x in start.items():
        assert ours[name.replace("networks", "trimmed")].equal(x)
    again = method(init_from_trimmed=True)
    again.begin({"trimmed": load_run(clips)[0]})
    assert again.stream("rgb").fc1.weight.equal(start["networks.rgb.fc1.weight"])
    assert not method().stream("rgb").fc1.weight.equal(start["networks.rgb.fc1.weight"])


def test_a_trimmed_run_of_another_size_is_an_error(clips):
    with pytest.raises(UserError, match="fc1 of the trimmed run has another size"):
        method(hidden=7).begin({"trimmed": load_run(clips)[0]})
    with pytest.raises(UserError, match="other streams"):
        method(streams=("rgb",)).begin({"trimmed": load_run(clips)[0]})


@pytest.mark.slow
@pytest.mark.parametrize("trimmed", ["frozen", "joint"])
def test_it_learns_the_toy_and_the_domains_come_closer(tmp_path, clips, trimmed):
    ours, _ = load_run(run(tmp_path, clips, quick(iterations=300), trimmed=trimmed))
    videos = world(False)
    right = [
        ours.detect(videos.video(i), AttendedFrames()).scores["fusion"].argmax() == label
        for i, label in enumerate(videos.labels.argmax(1))
    ]
    assert np.mean(right) >= 0.9
    before = method(trimmed=trimmed)
    before.begin({"trimmed": load_run(clips)[0]})
    groups = [0, 1, 2, -1] * 3
    far, near = (x.loss(batch(videos, groups), batch(world(True), [-1, 0, 1, 2] * 3)) for x in (before, ours))
    assert near["rgb_fc1"] < far["rgb_fc1"] and near["flow_fc2"] < far["flow_fc2"]


def test_shared_classes_first_then_all_with_a_new_last_layer(tmp_path, clips):
    folder = run(tmp_path / "two", clips, overlap_first=True)
    first, last = (load_run(folder, round=n)[0].stream("rgb") for n in (1, 2))
    assert (folder / round_file(1)).exists() and "shared" in (folder / ROUNDS).read_text()
    assert not first.fc2.weight.equal(last.fc2.weight)
    ours = method(overlap_first=True)
    begun = ours.prepare(sets(), 0, {}, np.random.default_rng(0))
    assert begun.targets["untrimmed"].any(0).tolist() == [True, True, True, False]
    before = ours.stream("rgb").fc2.weight.detach().clone()
    assert ours.prepare(sets(), 1, {}, np.random.default_rng(0)).targets == {}
    assert not ours.stream("rgb").fc2.weight.equal(before)


def test_a_round_of_shared_classes_sees_no_other_video():
    ours = method(overlap_first=True)
    chosen = sets()
    begun = ours.prepare(chosen, 0, {}, np.random.default_rng(0))
    chosen["untrimmed"] = world(False).__class__(**{**vars(chosen["untrimmed"]), "targets": begun.targets["untrimmed"]})
    draws = ours.sampler(chosen, quick(batch=40)).draw({n: np.random.default_rng(i) for i, n in enumerate(chosen)})
    assert set(chosen["untrimmed"].labels.argmax(1)[draws["untrimmed"].videos]) == {0, 1, 2}


def test_an_interrupted_run_goes_on_to_the_same_bytes(tmp_path, clips):
    settings = TsrnetParameters(**SMALL | PAIRED, overlap_first=True, trimmed="joint")
    whole = fit("tsrnet", settings, quick(), sets(), 0, tmp_path / "whole", {"trimmed": clips})
    calls = iter(range(10))

    def stop(done, total, line):
        if next(calls) in (0, 2):
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            fit("tsrnet", settings, quick(), sets(), 0, tmp_path / "cut", {"trimmed": clips}, stop, 0)
    assert (tmp_path / "cut" / CHECKPOINT).exists()
    cut = fit("tsrnet", settings, quick(), sets(), 0, tmp_path / "cut", {"trimmed": clips}, stop, 0)
    assert (cut / MODEL).read_bytes() == (whole / MODEL).read_bytes()


def test_trained_twice_is_the_same(tmp_path, clips):
    models = [(run(tmp_path / name, clips) / MODEL).read_bytes() for name in "ab"]
    assert models[0] == models[1] != (run(tmp_path / "c", clips, seed=1) / MODEL).read_bytes()
