"""BN-Inception: its published table, what a block computes, and its inputs."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from actionbytes.backbones.bn_inception import BLOCKS, PORT_MEAN, BNInception, flow_input, rgb_input

SLOW = runpy.run_path(str(Path(__file__).with_name("slow_network.py")))
drawn, noise, convolved, normed, pooled = (SLOW[k] for k in ("drawn", "noise", "convolved", "normed", "pooled"))


def network(in_channels=3, num_classes=7, width=1 / 16, seed=0, **options) -> BNInception:
    return drawn(BNInception(in_channels, num_classes, width=width, **options), seed, gain=1.5)


def values(model) -> int:
    return sum(v.numel() for key, v in model.state_dict().items() if not key.endswith("num_batches_tracked"))


def published(*arguments, **options) -> BNInception:
    with torch.device("meta"):
        return BNInception(*arguments, **options).eval()


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ((3, 0), 10_290_272),
        ((3, 1000), 11_315_272),
        ((3, 101, True), 10_394_822),  # UntrimmedNet's soft models: THUMOS14
        ((10, 101, True), 10_416_774),
        ((3, 100, True), 10_393_797),  # and ActivityNet 1.2
        ((10, 100, True), 10_415_749),
    ],
)
def test_the_published_numbers_of_values(options, count):
    assert values(published(*options)) == count


def test_the_published_414_tensors_and_their_names():
    shapes = {k: tuple(v.shape) for k, v in published(3, 0).state_dict().items() if "tracked" not in k}
    assert len(shapes) == 414
    convolutions = {k.removesuffix(".weight"): s for k, s in shapes.items() if len(s) == 4}
    assert len(convolutions) == 69
    for name, shape in convolutions.items():
        assert shapes[f"{name}.bias"] == (shape[0],)
        for part in ("weight", "bias", "running_mean", "running_var"):
            assert shapes[f"{name}_bn.{part}"] == (shape[0],)
    by_hand = {
        "conv1_7x7_s2": (64, 3, 7, 7),
        "conv2_3x3_reduce": (64, 64, 1, 1),
        "conv2_3x3": (192, 64, 3, 3),
        "inception_3a_pool_proj": (32, 192, 1, 1),
        "inception_3b_double_3x3_1": (96, 64, 3, 3),
        "inception_3c_3x3": (160, 128, 3, 3),
        "inception_4a_1x1": (224, 576, 1, 1),
        "inception_4c_double_3x3_2": (160, 160, 3, 3),
        "inception_4e_double_3x3_reduce": (192, 608, 1, 1),
        "inception_5a_1x1": (352, 1056, 1, 1),
        "inception_5b_double_3x3_reduce": (192, 1024, 1, 1),
    }
    assert {name: convolutions[name] for name in by_hand} == by_hand
    assert not {"inception_3c_1x1", "inception_4e_1x1", "inception_3c_pool_proj"} & convolutions.keys()


def test_shapes_layer_by_layer_at_224_pixels():
    model, seen = published(10, 400), {}
    block = model.block
    model.block = lambda name, x: seen.setdefault(name, block(name, x))
    with torch.device("meta"):
        x = torch.empty(2, 10, 224, 224)
        assert model.unit("conv1_7x7_s2", x).shape == (2, 64, 112, 112)
        assert model(x).shape == (2, 400)
        assert model.trunk(x).shape == (2, 1024, 7, 7)
        assert model.features(x).shape == (2, 1024)
    assert {name: tuple(y.shape[1:3]) for name, y in seen.items()} == {
        "inception_3a": (256, 28),
        "inception_3b": (320, 28),
        "inception_3c": (576, 14),
        "inception_4a": (576, 14),
        "inception_4b": (576, 14),
        "inception_4c": (608, 14),
        "inception_4d": (608, 14),
        "inception_4e": (1056, 7),
        "inception_5a": (1024, 7),
        "inception_5b": (1024, 7),
    }
    assert published(3).feature_dim == 1024


def test_the_published_pooling_of_each_block():
    kinds = [pool for *_, pool, _ in BLOCKS.values()]
    assert kinds == ["avg", "avg", "halve", "avg", "avg", "avg", "avg", "halve", "avg", "max"]


def slow_unit(x, state, name, stride=1, pad=0):
    return np.maximum(normed(convolved(x, state, name, stride, pad), state, f"{name}_bn"), 0)


@pytest.mark.parametrize("name", ["inception_3a", "inception_3c", "inception_5b"])
def test_a_block_by_hand(name):
    model = network(width=1 / 32, seed=1)
    state = model.state_dict()
    x = noise(1, state[f"{name}_3x3_reduce.weight"].shape[1], 6, 6, seed=2).abs()
    single, pool = BLOCKS[name][0], BLOCKS[name][3]
    y, stride = x[0].double().numpy(), 2 if pool == "halve" else 1
    branches = [slow_unit(y, state, f"{name}_1x1")] if single else []
    branches.append(slow_unit(slow_unit(y, state, f"{name}_3x3_reduce"), state, f"{name}_3x3", stride, 1))
    double = slow_unit(slow_unit(y, state, f"{name}_double_3x3_reduce"), state, f"{name}_double_3x3_1", 1, 1)
    branches.append(slow_unit(double, state, f"{name}_double_3x3_2", stride, 1))
    if pool == "halve":
        branches.append(pooled(y, 3, 2, ceil=True))
    else:
        branches.append(slow_unit(pooled(y, 3, 1, 1, pool if pool == "max" else "mean"), state, f"{name}_pool_proj"))
    with torch.inference_mode():
        assert np.allclose(model.block(name, x)[0].numpy(), np.concatenate(branches), atol=1e-5)


def test_the_stem_by_hand():
    model, seen = network(width=1 / 32, seed=3), []
    state, x = model.state_dict(), noise(1, 3, 32, 32, seed=4)
    y = pooled(slow_unit(x[0].double().numpy(), state, "conv1_7x7_s2", 2, 3), 3, 2, ceil=True)
    y = slow_unit(slow_unit(y, state, "conv2_3x3_reduce"), state, "conv2_3x3", 1, 1)
    block = model.block
    model.block = lambda name, x: seen.append(x) or block(name, x)
    with torch.inference_mode():
        model.trunk(x)
    assert np.allclose(seen[0][0].numpy(), pooled(y, 3, 2, ceil=True), atol=1e-5)


def test_the_classifier_sees_the_features():
    model, x = network(), noise(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(model(x), model.fc_action(model.features(x)))
        assert torch.allclose(model.features(x), model.trunk(x).flatten(2).mean(2), atol=1e-6)


def test_a_snippet_does_not_see_its_neighbours():
    model, x = network(10), noise(3, 10, 64, 64)
    with torch.inference_mode():
        alone = torch.cat([model.features(snippet[None]) for snippet in x])
        assert torch.allclose(model.features(x), alone, rtol=1e-4, atol=1e-6)
        x[1] = torch.nan
        beside_nan = model.features(x)
    assert torch.allclose(beside_nan[[0, 2]], alone[[0, 2]], rtol=1e-4, atol=1e-6)
    assert beside_nan[1].isnan().all()


def test_wrong_use_is_named():
    with pytest.raises(ValueError, match="multiples of 32"):
        network().features(noise(1, 3, 64, 72))
    with pytest.raises(ValueError, match="multiple"):
        BNInception(3, width=0.01)
    with pytest.raises(ValueError, match="no classifier"):
        network(num_classes=0)(noise(1, 3, 32, 32))
    with pytest.raises(ValueError, match="expected"):
        rgb_input(np.zeros((1, 15, 8, 8, 2), np.uint8))
    with pytest.raises(ValueError, match="T >= 5"):
        flow_input(np.zeros((1, 4, 8, 8, 2), np.float32))


def test_a_frame_is_blue_green_red_minus_the_mean_of_caffe():
    frames = np.zeros((2, 15, 4, 5, 3), np.uint8)
    frames[1, 0, 2, 3] = (200, 150, 100)
    frames[1, 1:] = 255  # only the first frame of a snippet is seen
    x = rgb_input(frames)
    assert (x.shape, x.dtype) == ((2, 3, 4, 5), torch.float32)
    assert x[1, :, 2, 3].tolist() == [100 - 104, 150 - 117, 200 - 123]
    assert x[0, :, 0, 0].tolist() == [-104, -117, -123]
    assert rgb_input(frames, PORT_MEAN)[1, :, 2, 3].tolist() == [-4, 33, 200 - 128]
    assert frames[1, 0, 2, 3].tolist() == [200, 150, 100]


def test_a_stack_of_flow_alternates_x_and_y():
    flow = np.zeros((2, 15, 4, 6, 2), np.float32)
    flow[1, :5, 1, 2, 0] = [-20, -10, 10, 20, 99]
    flow[1, :5, 1, 2, 1] = [1, 2, 3, 4, 5]
    flow[1, 5:] = 20  # the sixth field and later are not seen
    x = flow_input(flow)
    assert (x.shape, x.dtype) == ((2, 10, 4, 6), torch.float32)
    levels = [0, 134, 64, 140, 191, 147, 255, 153, 255, 159]  # round((v + 20) * 255 / 40)
    assert x[1, :, 1, 2].tolist() == [level - 128 for level in levels]
    assert x[0].abs().max() == 0  # no motion: 127.5, which rounds to the even 128
    assert flow_input(flow, bound=10)[1, 0, 1, 2] == -128
    assert flow[1, 4, 1, 2, 0] == 99  # what came in is not touched
