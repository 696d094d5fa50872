"""The network of the publication: its table, keys, padding, shapes, and what it computes."""

import runpy

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from actionbytes.backbones.i3d import (
    I3D,
    MaxPool,
    Unit,
    flow_input,
    initialize,
    pad_same,
    rgb_input,
    same_padding,
)


def network(in_channels=3, num_classes=12, width=0.25, seed=0) -> I3D:
    model = I3D(in_channels, num_classes, width)
    initialize(model, torch.Generator().manual_seed(seed))
    return model.eval()


def noise(*shape, seed=0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (224, 7, 2, (2, 3)),  # the stem: lopsided
        (225, 7, 2, (3, 3)),
        (16, 7, 2, (2, 3)),
        (79, 7, 2, (3, 3)),
        (112, 3, 2, (0, 1)),
        (113, 3, 2, (1, 1)),
        (56, 3, 1, (1, 1)),
        (14, 2, 2, (0, 0)),
        (7, 2, 2, (0, 1)),
        (1, 3, 1, (1, 1)),
        (1, 1, 1, (0, 0)),
        (5, 1, 2, (0, 0)),
    ],
)
def test_same_padding_by_hand(size, kernel, stride, expected):
    assert same_padding(size, kernel, stride) == expected
    assert (size + sum(expected) - kernel) // stride + 1 == -(-size // stride)  # "SAME": ceil(size / stride)


def test_the_stem_sees_zeros_where_tensorflow_puts_them():
    unit = Unit(1, 1, (7, 7, 7), (2, 2, 2)).eval()
    with torch.no_grad():
        unit.conv3d.weight.zero_()
        unit.conv3d.weight[0, 0, 2, 2, 2] = 1  # two zeros before: this tap reads every second value from the first
        x = noise(1, 1, 16, 8, 8).abs()
        assert torch.allclose(unit(x), x[:, :, ::2, ::2, ::2] / np.sqrt(1.001), atol=1e-6)


def test_pads_by_the_operation_only_where_both_sides_are_alike():
    x = noise(1, 1, 4, 9, 9)
    assert pad_same(x, (1, 3, 3), (1, 1, 1))[1] == (0, 1, 1)
    padded, padding = pad_same(x, (3, 3, 3), (2, 2, 2))
    assert padded.shape == (1, 1, 5, 11, 11)
    assert padding == (0, 0, 0)
    assert torch.equal(padded[:, :, :4, 1:10, 1:10], x)


@pytest.mark.parametrize(("kernel", "stride"), [((3, 3, 3), (1, 1, 1)), ((1, 3, 3), (1, 2, 2)), ((2, 2, 2), (2, 2, 2))])
def test_max_pool_equals_zero_padding_behind_a_relu(kernel, stride):
    x = noise(2, 3, 5, 7, 8).relu()
    pads = [
        p for size, k, s in list(zip(x.shape[2:], kernel, stride, strict=True))[::-1] for p in same_padding(size, k, s)
    ]
    assert torch.equal(MaxPool(kernel, stride)(x), F.max_pool3d(F.pad(x, pads), kernel, stride))


def test_the_published_287_tensors():
    with torch.device("meta"):
        shapes = {k: tuple(v.shape) for k, v in I3D(3).state_dict().items() if not k.endswith("num_batches_tracked")}
    units = {k.removesuffix(".conv3d.weight"): s for k, s in shapes.items() if k.endswith("conv3d.weight")}
    assert len(shapes) == 287
    assert units.pop("logits") == (400, 1024, 1, 1, 1)
    assert shapes["logits.conv3d.bias"] == (400,)
    assert len(units) == 57
    for name, shape in units.items():
        for part in ("weight", "bias", "running_mean", "running_var"):
            assert shapes[f"{name}.bn.{part}"] == (shape[0],)
    by_hand = {
        "Conv3d_1a_7x7": (64, 3, 7, 7, 7),
        "Conv3d_2b_1x1": (64, 64, 1, 1, 1),
        "Conv3d_2c_3x3": (192, 64, 3, 3, 3),
        "Mixed_3b.b0": (64, 192, 1, 1, 1),
        "Mixed_3c.b1b": (192, 128, 3, 3, 3),
        "Mixed_4b.b1a": (96, 480, 1, 1, 1),
        "Mixed_4c.b2b": (64, 24, 3, 3, 3),
        "Mixed_4d.b0": (128, 512, 1, 1, 1),
        "Mixed_4e.b1b": (288, 144, 3, 3, 3),
        "Mixed_4f.b3b": (128, 528, 1, 1, 1),
        "Mixed_5b.b1b": (320, 160, 3, 3, 3),
        "Mixed_5c.b2a": (48, 832, 1, 1, 1),
        "Mixed_5c.b0": (384, 832, 1, 1, 1),
    }
    assert {name: units[name] for name in by_hand} == by_hand
    outputs = {"3b": 256, "3c": 480, "4b": 512, "4c": 512, "4d": 512, "4e": 528, "4f": 832, "5b": 832, "5c": 1024}
    for block, channels in outputs.items():
        assert sum(units[f"Mixed_{block}.{branch}"][0] for branch in ("b0", "b1b", "b2b", "b3b")) == channels
    total = sum(int(np.prod(shape)) for key, shape in shapes.items() if "running" not in key)
    assert total == 12_697_264  # the parameters of I3D with 400 classes


@pytest.mark.parametrize(
    ("frames", "size", "left"), [(16, 64, (2, 2, 2)), (79, 32, (10, 1, 1)), (16, 224, (2, 7, 7)), (17, 72, (3, 3, 3))]
)
def test_shape_chain(frames, size, left):
    model = network(2, width=0.125)
    x = noise(1, 2, frames, size, size)
    with torch.inference_mode():
        assert model.trunk(x).shape == (1, 128, *left)
        assert model(x).shape == (1, 12)


def test_features_and_logits_agree_on_one_chunk():
    model = network()
    x = noise(2, 3, 16, 64, 64)
    with torch.inference_mode():
        features = model.features(x)
        assert features.shape == (2, 256)
        assert torch.allclose(model.logits(features), model(x), atol=1e-5)


def test_logits_are_the_mean_over_average_pooled_steps():
    model = network(width=0.125)
    x = noise(1, 3, 40, 64, 64)
    with torch.inference_mode():
        pooled = F.avg_pool3d(model.trunk(x), (2, 2, 2), stride=1)  # (1, 128, 4, 1, 1)
        by_convolution = F.conv3d(pooled, model.logits.conv3d.weight, model.logits.conv3d.bias)
        assert torch.allclose(model(x), by_convolution.mean(dim=(2, 3, 4)), atol=1e-5)


def test_a_forward_of_drawn_weights_keeps_its_value():
    """Guards the order of layers and branches; statistics rather than bits, so that any machine agrees."""
    model = network(3, 400, 0.25, seed=5)
    with torch.inference_mode():
        features = model.features(noise(2, 3, 16, 64, 64, seed=7)).double()
    found = [float(x) for x in (features.norm(), features.mean(), features[0, 100], features[1, 255], features.max())]
    assert found == pytest.approx([38.60127, 0.970883, 0.87974, 3.036021, 8.830127], rel=1e-4)


@pytest.mark.parametrize("size", [64, 72])
def test_equals_the_network_written_layer_by_layer(root, size):
    plain_features = runpy.run_path(str(root / "benchmarks" / "i3d.py"))["plain_features"]
    model = network(2, width=0.25)
    for module in model.modules():  # statistics that are not 0 and 1
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_mean.uniform_(-0.5, 0.5, generator=torch.Generator().manual_seed(1))
            module.running_var.uniform_(0.5, 2, generator=torch.Generator().manual_seed(2))
    x = noise(2, 2, 16, size, size)
    with torch.inference_mode():
        assert torch.allclose(model.features(x), plain_features(model.state_dict(), x), rtol=1e-4, atol=1e-5)


def test_chunks_do_not_touch_each_other():
    model = network()
    x = noise(3, 3, 16, 64, 64)
    with torch.inference_mode():
        together, alone = model.features(x), torch.cat([model.features(chunk[None]) for chunk in x])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-6)


def test_wrong_use_is_named():
    with pytest.raises(ValueError, match="17 frames: I3D takes multiples of 8"):
        network(width=0.125).features(noise(1, 3, 17, 32, 32))
    with pytest.raises(ValueError, match="multiple"):
        I3D(3, width=0.3)
    with pytest.raises(ValueError, match="expected"):
        rgb_input(np.zeros((1, 16, 8, 8, 2), np.uint8))


def test_drawn_weights_follow_the_generator():
    first, again, other = (network(width=0.125, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["Mixed_5c.b0.conv3d.weight"], other["Mixed_5c.b0.conv3d.weight"])


def test_inputs_are_scaled_to_plus_minus_one():
    frames = np.zeros((1, 16, 4, 5, 3), np.uint8)
    frames[0, 3, 1, 2] = (255, 51, 0)
    x = rgb_input(frames)
    assert x.shape == (1, 3, 16, 4, 5)
    assert x.dtype == torch.float32
    assert x.is_contiguous()
    assert torch.allclose(x[0, :, 3, 1, 2], torch.tensor([1.0, -0.6, -1.0]))

    flow = np.zeros((1, 16, 4, 5, 2), np.float32)
    flow[0, 3, 1, 2] = (10, -33)
    y = flow_input(flow, bound=20)
    assert y.shape == (1, 2, 16, 4, 5)
    assert y[0, :, 3, 1, 2].tolist() == [0.5, -1.0]
    assert y.sum() == -0.5
    assert flow[0, 3, 1, 2, 1] == -33  # what came in is not touched
