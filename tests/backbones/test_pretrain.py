"""Pretraining learns motion, resumes to the bit, and says what it cannot use."""

import numpy as np
import pytest
import torch

from actionbytes.backbones.i3d import rgb_input
from actionbytes.backbones.parameters import Pretraining
from actionbytes.backbones.pretrain import augmented, pretrain, split
from actionbytes.errors import UserError
from actionbytes.parameters import validated

SIDE = 32
STEPS = ((2, 0), (-2, 0), (0, 2), (0, -2))  # pixels a frame along x, y: one class each
SMALL = Pretraining(epochs=4, batch=8, window=16, chunk=16, flip=False, crop=1.0, learning_rate=4e-3, held_out=0.25)


def moving_squares(count: int, frames: int = 16, seed: int = 0):
    """Clips of a textured square that moves in one of four directions (around the edges), their flow and classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(STEPS)
    clips, flows = [], []
    for label in labels:
        canvas = rng.integers(0, 90, (SIDE, SIDE, 3), np.uint8)
        mask = np.zeros((SIDE, SIDE), bool)
        mask[8:24, 8:24] = True
        canvas[mask] = rng.integers(120, 255, (mask.sum(), 3), np.uint8)
        x, y = STEPS[label]
        rolled = [
            (np.roll(canvas, (y * t, x * t), (0, 1)), np.roll(mask, (y * t, x * t), (0, 1))) for t in range(frames)
        ]
        clips.append(np.stack([picture for picture, _ in rolled]))
        flows.append(np.stack([where[..., None] * np.float16([x, y]) for _, where in rolled]))
    return clips, flows, labels


def equal(first, second) -> bool:
    second = second.state_dict()
    return all(torch.equal(value, second[key]) for key, value in first.state_dict().items())


@pytest.fixture(scope="module")
def data():
    return moving_squares(64)


@pytest.fixture(scope="module")
def trained(data):
    return pretrain("rgb", data[0], data[2], 0.125, SMALL, seed=1)


@pytest.mark.slow
def test_learns_directions_from_pixels(data):
    clips, _, labels = data
    model, log = pretrain("rgb", clips, labels, 0.125, SMALL.model_copy(update={"epochs": 8}), seed=1)
    assert log[-1]["held_out"] >= 0.8  # a quarter by chance
    assert log[-1]["loss"] < 0.7 * log[0]["loss"]
    assert [row["epoch"] for row in log] == list(range(8))
    assert all(row["held_out"] is None for row in log[:-1])
    assert (model.training, model.num_classes, model.feature_dim) == (False, 4, 128)


def test_learns_directions_from_flow(data):
    _, flows, labels = data
    model, log = pretrain("flow", flows, labels, 0.125, SMALL, seed=1)
    assert model.in_channels == 2
    assert log[-1]["held_out"] >= 0.8


@pytest.mark.slow
def test_same_seed_same_bits_and_another_seed_others(data, trained):
    clips, _, labels = data
    before = torch.random.get_rng_state()
    torch.set_num_threads(2)
    try:
        again, log = pretrain("rgb", clips, labels, 0.125, SMALL, seed=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert torch.equal(before, torch.random.get_rng_state())
    assert equal(trained[0], again)
    assert log == trained[1]
    other, _ = pretrain("rgb", clips, labels, 0.125, SMALL.model_copy(update={"epochs": 1}), seed=2)
    assert not equal(trained[0], other)


@pytest.mark.slow
@pytest.mark.parametrize("killed_after", [0, 2, 3])
def test_a_killed_run_goes_on_to_the_same_bits(data, trained, tmp_path, killed_after):
    clips, _, labels = data
    state = tmp_path / "deep" / "rgb.state"
    seen = []

    def kill(done, total, note):
        seen.append(done - 1)
        if done - 1 == killed_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain("rgb", clips, labels, 0.125, SMALL, seed=1, state=state, progress=kill)
    model, log = pretrain(
        "rgb", clips, labels, 0.125, SMALL, seed=1, state=state, progress=lambda done, *_: seen.append(done - 1)
    )
    assert seen == [0, 1, 2, 3]  # no epoch twice
    assert equal(trained[0], model)
    assert log == trained[1]


@pytest.mark.slow
def test_a_checkpoint_of_another_run_is_not_taken(data, tmp_path):
    clips, _, labels = data
    short = SMALL.model_copy(update={"epochs": 1})
    state = tmp_path / "rgb.state"
    pretrain("rgb", clips, labels, 0.125, short, seed=5, state=state)
    fresh, _ = pretrain("rgb", clips, labels, 0.125, short, seed=6)
    beside, _ = pretrain("rgb", clips, labels, 0.125, short, seed=6, state=state)
    assert equal(fresh, beside)
    state.write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match="delete it"):
        pretrain("rgb", clips, labels, 0.125, short, seed=6, state=state)


def test_statistics_are_measured_on_chunks(data, trained):
    """What BatchNorm normalises with is what training clips have, here at the stem."""
    clips, _, labels = data
    model, _ = trained
    train, _ = split(labels, SMALL.held_out, np.random.default_rng(1))
    assert len(train) == 48
    seen = []
    hook = model.Conv3d_1a_7x7.bn.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        model.features(rgb_input(np.stack([clips[i] for i in train])))
    hook.remove()
    x, bn = seen[0].transpose(0, 1).flatten(1), model.Conv3d_1a_7x7.bn
    assert torch.allclose(x.mean(1), bn.running_mean, atol=1e-4)
    assert torch.allclose(x.var(1), bn.running_var, rtol=0.02)


def test_split_holds_out_of_every_class():
    labels = np.repeat([0, 1, 2, 3], [10, 2, 1, 30])
    train, held_out = split(labels, 0.2, np.random.default_rng(0))
    assert sorted([*train, *held_out]) == list(range(43))
    assert np.bincount(labels[held_out], minlength=4).tolist() == [2, 1, 0, 6]


def test_classes_of_one_clip_hold_nothing_out():
    clips, _, labels = moving_squares(4)
    _, log = pretrain("rgb", clips, labels, 0.125, SMALL.model_copy(update={"epochs": 1, "batch": 4}), seed=0)
    assert log[-1]["held_out"] is None


def test_mirrored_flow_changes_its_horizontal_sign():
    flow = np.zeros((20, 8, 8, 2), np.float16)
    flow[:, 2, 1] = (3, 5)
    parameters = Pretraining(window=16, chunk=16, flip=True, crop=1.0)
    seen = {
        augmented(flow, parameters, "flow", np.random.default_rng(seed)).sum((0, 1))[[1, 6]].tobytes()
        for seed in range(20)
    }
    plain, mirrored = np.zeros((2, 2, 2), np.float16)
    plain[0], mirrored[1] = (48, 80), (-48, 80)
    assert seen == {plain.tobytes(), mirrored.tobytes()}


def test_windows_are_consecutive_and_repeat_short_clips():
    clip = np.arange(24, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    exact = Pretraining(window=16, chunk=16, flip=False, crop=1.0)
    starts = set()
    for seed in range(40):
        frames = augmented(clip, exact, "rgb", np.random.default_rng(seed))[:, 0, 0, 0]
        assert (np.diff(frames) == 1).all()
        starts.add(int(frames[0]))
    assert starts == set(range(9))
    longer = augmented(clip, Pretraining(window=48, flip=False, crop=0.5), "rgb", np.random.default_rng(0))
    assert longer.shape == (48, 2, 2, 3)
    assert longer[:, 0, 0, 0].tolist() == [*range(24), *range(24)]


def test_wrong_clips_and_parameters_are_one_line(data):
    clips, flows, labels = data
    with pytest.raises(UserError, match="not like the first"):
        pretrain("flow", clips, labels, 0.125, SMALL)
    with pytest.raises(UserError, match="clip 3 has 9 frames"):
        pretrain("rgb", [*clips[:3], clips[3][:9], *clips[4:]], labels, 0.125, SMALL)
    with pytest.raises(UserError, match="too few"):
        pretrain("flow", flows[:3], labels[:3], 0.125, SMALL)
    with pytest.raises(UserError, match="window 48 is no multiple of chunk 32"):
        validated(Pretraining, {"window": 48, "chunk": 32}, "params.yaml")
