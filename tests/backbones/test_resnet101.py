"""ResNet-101: its published table, what a block computes, its inputs and its weights."""

import os
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from actionbytes.backbones.resnet101 import KNOWN, Bottleneck, ResNet101, flow_input, load_resnet101, rgb_input
from actionbytes.errors import UserError

SLOW = runpy.run_path(str(Path(__file__).with_name("slow_network.py")))
drawn, noise, convolved, normed = (SLOW[k] for k in ("drawn", "noise", "convolved", "normed"))


def network(in_channels=3, num_classes=5, width=1 / 16, seed=0) -> ResNet101:
    return drawn(ResNet101(in_channels, num_classes, width), seed)


def published(in_channels=3) -> ResNet101:
    with torch.device("meta"):
        return ResNet101(in_channels).eval()


def test_torchvisions_numbers_of_values_and_tensors():
    model = published()
    state = model.state_dict()
    assert sum(p.numel() for p in model.parameters()) == 44_549_160
    assert sum(v.numel() for k, v in state.items() if "tracked" not in k) == 44_654_504
    assert len(state) == 626
    assert len([k for k in state if "tracked" not in k]) == 522
    assert sum(v.ndim == 4 for v in state.values()) == 104
    assert sum(k.endswith("running_var") for k in state) == 104


def test_torchvisions_keys():
    shapes = {key: tuple(value.shape) for key, value in published().state_dict().items()}
    by_hand = {
        "conv1.weight": (64, 3, 7, 7),
        "bn1.running_var": (64,),
        "layer1.0.conv1.weight": (64, 64, 1, 1),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer1.2.conv3.weight": (256, 64, 1, 1),
        "layer2.0.conv2.weight": (128, 128, 3, 3),
        "layer2.0.downsample.1.bias": (512,),
        "layer3.22.bn3.weight": (1024,),
        "layer4.0.downsample.0.weight": (2048, 1024, 1, 1),
        "layer4.2.conv1.weight": (512, 2048, 1, 1),
        "fc.weight": (1000, 2048),
        "fc.bias": (1000,),
    }
    assert {key: shapes[key] for key in by_hand} == by_hand
    assert "layer1.1.downsample.0.weight" not in shapes
    assert not any(key.endswith("conv1.bias") for key in shapes)


def test_shapes_layer_by_layer_at_224_pixels():
    model, seen = published(10), {}
    for name in ("conv1", "layer1", "layer2", "layer3", "layer4"):
        model.get_submodule(name).register_forward_hook(lambda _m, _x, y, name=name: seen.update({name: y.shape[1:]}))
    with torch.device("meta"):
        assert model(torch.empty(2, 10, 224, 224)).shape == (2, 1000)
        assert model.features(torch.empty(2, 10, 224, 224)).shape == (2, 2048)
    assert {name: tuple(shape) for name, shape in seen.items()} == {
        "conv1": (64, 112, 112),
        "layer1": (256, 56, 56),
        "layer2": (512, 28, 28),
        "layer3": (1024, 14, 14),
        "layer4": (2048, 7, 7),
    }


@pytest.mark.parametrize("stride", [1, 2])
def test_a_block_by_hand(stride):
    block = drawn(Bottleneck(4 if stride == 2 else 8, 2, stride), 3)
    state, x = block.state_dict(), noise(1, 4 if stride == 2 else 8, 5, 6, seed=1)
    y = start = x[0].double().numpy()
    y = np.maximum(normed(convolved(y, state, "conv1"), state, "bn1"), 0)
    y = np.maximum(normed(convolved(y, state, "conv2", stride, 1), state, "bn2"), 0)
    y = normed(convolved(y, state, "conv3"), state, "bn3")
    if stride == 2:
        start = normed(convolved(start, state, "downsample.0", 2), state, "downsample.1")
    with torch.inference_mode():
        assert np.allclose(block(x)[0].numpy(), np.maximum(y + start, 0), atol=1e-5)


def test_a_snippet_does_not_see_its_neighbours():
    model, x = network(), noise(3, 3, 64, 64)
    with torch.inference_mode():
        alone = torch.cat([model.features(snippet[None]) for snippet in x])
        assert torch.allclose(model.features(x), alone, rtol=1e-4, atol=1e-6)
        assert torch.allclose(model(x), model.fc(alone), rtol=1e-4, atol=1e-5)
        x[1] = torch.nan
        assert torch.allclose(model.features(x)[[0, 2]], alone[[0, 2]], rtol=1e-4, atol=1e-6)


def test_a_frame_is_normalized_as_imagenet():
    frames = np.zeros((1, 5, 4, 6, 3), np.uint8)
    frames[0, 0, 1, 2] = (255, 51, 102)
    frames[0, 1:] = 9
    x = rgb_input(frames)
    assert x.shape == (1, 3, 4, 6)
    expected = [(1 - 0.485) / 0.229, (0.2 - 0.456) / 0.224, (0.4 - 0.406) / 0.225]
    assert torch.allclose(x[0, :, 1, 2], torch.tensor(expected), atol=1e-6)
    assert x[0, 0, 0, 0] == pytest.approx(-0.485 / 0.229)


def test_a_stack_of_flow_is_normalized():
    flow = np.zeros((1, 5, 4, 6, 2), np.float32)
    flow[0, 4, 1, 2] = (20, -20)
    x = flow_input(flow)
    assert x.shape == (1, 10, 4, 6)
    assert x[0, 8:, 1, 2].tolist() == pytest.approx([0.5 / 0.226, -0.5 / 0.226])
    assert x[0, 0, 0, 0] == pytest.approx((128 / 255 - 0.5) / 0.226, rel=1e-4)


@pytest.mark.parametrize("counters", [True, False])
@pytest.mark.parametrize("zipped", [True, False])
def test_torchvisions_layout_loads(tmp_path, counters, zipped):
    model, path = network(seed=4), tmp_path / "resnet.pth"
    state = {k: v for k, v in model.state_dict().items() if counters or not k.endswith("num_batches_tracked")}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    loaded, x = load_resnet101(path), noise(1, 3, 64, 64)
    assert (loaded.width, loaded.num_classes, loaded.feature_dim, loaded.training) == (1 / 16, 5, 128, False)
    with torch.inference_mode():
        assert torch.equal(model(x), loaded(x))


def test_flow_starts_from_the_mean_over_colours(tmp_path):
    model = network(seed=4)
    torch.save(model.state_dict(), tmp_path / "resnet.pth")
    flow = load_resnet101(tmp_path / "resnet.pth", "flow")
    assert flow.in_channels == 10
    red, green, blue = model.conv1.weight.detach().unbind(1)
    for filters in flow.conv1.weight.unbind(1):
        assert torch.allclose(filters, (red + green + blue) / 3, atol=1e-6)
    rest = flow.state_dict()
    assert all(torch.equal(v, rest[k]) for k, v in model.state_dict().items() if k != "conv1.weight")
    torch.save(rest, tmp_path / "flow.pth")
    again = load_resnet101(tmp_path / "flow.pth", "flow")
    assert torch.equal(again.conv1.weight, flow.conv1.weight)
    with pytest.raises(UserError, match="takes 10 channels; the rgb stream needs weights for 3"):
        load_resnet101(tmp_path / "flow.pth")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("layer3.22.bn2.bias"), "lacks layer3.22.bn2.bias"),
        (lambda s: s.update({"layer3.23.bn2.bias": torch.zeros(1)}), "does not know: layer3.23"),
        (lambda s: s.update({"bn1.bias": torch.zeros(5)}), r"bn1.bias has shape \(5,\)"),
        (lambda s: s["layer1.0.conv1.weight"].fill_(torch.inf), "not finite"),
        (lambda s: s["bn1.running_var"].fill_(-1), "negative variance"),
        (lambda s: s.update({"bn1.bias": torch.zeros(4, dtype=torch.int64)}), "holds torch.int64"),
        (lambda s: s.update({"conv1.weight": torch.zeros(0, 3, 7, 7)}), "not ResNet-101's"),
        (lambda s: s.clear() or s.update({"features.0.weight": torch.zeros(1)}), "is no ResNet"),
    ],
)
def test_other_contents_are_named(tmp_path, change, says):
    state = network().state_dict()
    change(state)
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(UserError, match=says) as error:
        load_resnet101(tmp_path / "x.pth")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("known", [file for file in KNOWN if not file.unfit], ids=lambda file: file.name)
def test_the_published_file(root, known):
    path = Path(os.environ.get("ACTIONBYTES_WEIGHTS", root / "data" / "full" / "weights")) / known.name
    if not path.is_file():
        pytest.skip(f"published weights are absent: {path}")
    model = load_resnet101(path)
    assert (model.width, model.num_classes) == (1, 1000)
    with torch.inference_mode():
        assert model.features(rgb_input(np.full((1, 1, 224, 224, 3), 128, np.uint8))).isfinite().all()
