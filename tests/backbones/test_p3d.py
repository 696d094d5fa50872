"""P3D-199: its published tables, what its three kinds of block compute in Caffe and in the port, inputs and weights."""

import os
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from actionbytes.backbones.p3d import KNOWN, P3D199, Plain2D, Pseudo3D, flow_input, load_p3d, rgb_input
from actionbytes.errors import UserError

SLOW = runpy.run_path(str(Path(__file__).with_name("slow_network.py")))
drawn, noise, convolved, normed, pooled = (SLOW[k] for k in ("drawn", "noise", "convolved", "normed", "pooled"))


def network(in_channels=3, num_classes=5, variant="caffe", width=1 / 32, seed=0) -> P3D199:
    return drawn(P3D199(in_channels, num_classes, variant, width), seed)


def published(in_channels=3, variant="caffe") -> P3D199:
    with torch.device("meta"):
        return P3D199(in_channels, variant=variant).eval()


@pytest.mark.parametrize(("channels", "values"), [(3, 66_664_528), (2, 66_661_392)])
def test_the_published_numbers_of_values_and_tensors(channels, values):
    model = published(channels)
    state = {key: value for key, value in model.state_dict().items() if "tracked" not in key}
    assert len(state) == 1012
    assert sum(value.numel() for value in state.values()) == values
    assert sum(value.ndim > 2 for value in state.values()) == 202
    assert sum(key.endswith("running_var") for key in state) == 202
    assert sum(p.numel() for p in model.parameters()) == 66_492_240 - (3 - channels) * 64 * 49


def test_the_keys_of_the_port():
    shapes = {key: tuple(value.shape) for key, value in published().state_dict().items()}
    by_hand = {
        "conv1_custom.weight": (64, 3, 1, 7, 7),
        "bn1.running_mean": (64,),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1, 1),
        "layer1.2.conv2.weight": (64, 64, 1, 3, 3),
        "layer2.0.conv1.weight": (128, 256, 1, 1, 1),
        "layer2.7.conv3.weight": (128, 128, 3, 1, 1),
        "layer3.35.conv4.weight": (1024, 256, 1, 1, 1),
        "layer3.35.bn4.bias": (1024,),
        "layer4.0.downsample.0.weight": (2048, 1024, 1, 1),
        "layer4.0.downsample.1.running_var": (2048,),
        "layer4.2.conv_normal.weight": (512, 512, 3, 3),
        "layer4.2.bn_normal.weight": (512,),
        "layer4.2.conv4.weight": (2048, 512, 1, 1),
        "fc.weight": (400, 2048),
    }
    assert {key: shapes[key] for key in by_hand} == by_hand
    assert not any(key.startswith("layer4.0.conv2") or "layer1.1.downsample" in key for key in shapes)


def test_kinds_take_turns_over_the_whole_network():
    model = published()
    kinds = [block.kind for name in ("layer1", "layer2", "layer3") for block in model.get_submodule(name)]
    assert len(kinds) == 47
    assert "".join(kinds[:6]) == "ABCABC"
    assert model.layer3[0].kind == "C"  # res4a
    assert model.layer3[35].kind == "B"  # res4b35, where Caffe's time branch reads branch2a


@pytest.mark.parametrize("variant", ["caffe", "port"])
def test_shapes_layer_by_layer_at_160_pixels(variant):
    model, seen = published(2, variant), {}
    for name in ("conv1_custom", "layer1", "layer2", "layer3", "layer4"):
        model.get_submodule(name).register_forward_hook(
            lambda _m, x, y, name=name: seen.update({name: (tuple(x[0].shape[1:]), tuple(y.shape[1:]))})
        )
    with torch.device("meta"):
        assert model(torch.empty(2, 2, 16, 160, 160)).shape == (2, 400)
        assert model.features(torch.empty(2, 2, 16, 160, 160)).shape == (2, 2048)
    assert seen == {
        "conv1_custom": ((2, 16, 160, 160), (64, 16, 80, 80)),
        "layer1": ((64, 8, 40, 40), (256, 8, 40, 40)),
        "layer2": ((256, 4, 40, 40), (512, 4, 20, 20)),
        "layer3": ((512, 2, 20, 20), (1024, 2, 10, 10)),
        "layer4": ((1024, 10, 10), (2048, 5, 5)),
    }


def relu(x):
    return np.maximum(x, 0)


@pytest.mark.parametrize("kind", "ABC")
@pytest.mark.parametrize("variant", ["caffe", "port"])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_block_by_hand(kind, variant, stride):
    block = drawn(Pseudo3D(8, 2, kind, variant, stride, first=stride == 2), 3)
    state, x = block.state_dict(), noise(1, 8, 3, 4, 5, seed=1)
    start = x[0].double().numpy()
    y = relu(normed(convolved(start, state, "conv1", (1, stride, stride)), state, "bn1"))
    space = relu(normed(convolved(y, state, "conv2", 1, (0, 1, 1)), state, "bn2"))
    time = normed(convolved(y if kind == "B" else space, state, "conv3", 1, (1, 0, 0)), state, "bn3")
    if kind == "A":
        y = relu(time)
    elif variant == "port":
        y = space + relu(time)
    else:
        y = relu(space + time) if kind == "B" else relu(0.5 * space + 0.5 * time)
    y = normed(convolved(y, state, "conv4"), state, "bn4")
    if stride == 2:
        start = normed(convolved(start, state, "downsample.0", (1, 2, 2)), state, "downsample.1")
    with torch.inference_mode():
        assert np.allclose(block(x)[0].numpy(), relu(y + start), atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_block_of_the_last_stage_by_hand(stride):
    block = drawn(Plain2D(8, 2, stride, first=stride == 2), 3)
    state, x = block.state_dict(), noise(1, 8, 5, 6, seed=1)
    start = x[0].double().numpy()
    y = relu(normed(convolved(start, state, "conv1", stride), state, "bn1"))
    y = relu(normed(convolved(y, state, "conv_normal", 1, 1), state, "bn_normal"))
    y = normed(convolved(y, state, "conv4"), state, "bn4")
    if stride == 2:
        start = normed(convolved(start, state, "downsample.0", 2), state, "downsample.1")
    with torch.inference_mode():
        assert np.allclose(block(x)[0].numpy(), relu(y + start), atol=1e-5)


@pytest.mark.parametrize(("variant", "pad", "ceil"), [("caffe", 0, True), ("port", (0, 1, 1), False)])
def test_the_first_pooling_by_hand(variant, pad, ceil):
    model, x = network(2, variant=variant), noise(1, 2, 4, 16, 16)
    state = model.state_dict()
    y = relu(normed(convolved(x[0].double().numpy(), state, "conv1_custom", (1, 2, 2), (0, 3, 3)), state, "bn1"))
    y = pooled(np.pad(y, 0), (2, 3, 3), 2, pad, ceil=ceil)
    assert y.shape == (2, 2, 4, 4)
    with torch.inference_mode():
        assert np.allclose(model.stem(x)[0].numpy(), y, atol=1e-5)


def test_the_variants_differ_with_the_same_weights():
    x = noise(1, 3, 16, 32, 32)
    with torch.inference_mode():
        caffe, port = (network(variant=variant).features(x) for variant in ("caffe", "port"))
    assert not torch.allclose(caffe, port, rtol=0.01)


def test_time_is_halved_by_a_maximum_after_each_stage():
    model, seen = network(), []
    model.layer1.register_forward_hook(lambda _m, _x, y: seen.append(y))
    model.layer2.register_forward_pre_hook(lambda _m, x: seen.append(x[0]))
    with torch.inference_mode():
        model.features(noise(1, 3, 16, 32, 32))
    assert torch.equal(seen[1], torch.maximum(seen[0][:, :, ::2], seen[0][:, :, 1::2]))


def test_a_snippet_does_not_see_its_neighbours():
    model, x = network(), noise(3, 3, 16, 32, 32)
    with torch.inference_mode():
        alone = torch.cat([model.features(snippet[None]) for snippet in x])
        assert torch.allclose(model.features(x), alone, rtol=1e-4, atol=1e-6)
        assert torch.allclose(model(x), model.fc(alone), rtol=1e-4, atol=1e-5)
        x[1] = torch.nan
        assert torch.allclose(model.features(x)[[0, 2]], alone[[0, 2]], rtol=1e-4, atol=1e-6)


def test_wrong_use_is_named():
    with pytest.raises(ValueError, match="16 frames, not of 15"):
        network().features(noise(1, 3, 15, 32, 32))
    with pytest.raises(ValueError, match="multiple"):
        P3D199(3, width=0.01)
    with pytest.raises(ValueError, match="none of"):
        P3D199(3, variant="keras")
    with pytest.raises(ValueError, match="expected"):
        rgb_input(np.zeros((1, 16, 8, 8, 2), np.uint8))


def test_frames_as_caffe_and_as_the_port_want_them():
    frames = np.zeros((1, 16, 4, 6, 3), np.uint8)
    frames[0, 3, 1, 2] = (255, 51, 102)
    x = rgb_input(frames)
    assert (x.shape, x.dtype) == ((1, 3, 16, 4, 6), torch.float32)
    assert x[0, :, 3, 1, 2].tolist() == [102 - 104, 51 - 117, 255 - 123]
    assert x[0, :, 0, 0, 0].tolist() == [-104, -117, -123]
    expected = [(1 - 0.485) / 0.229, (0.2 - 0.456) / 0.224, (0.4 - 0.406) / 0.225]
    assert torch.allclose(rgb_input(frames, "port")[0, :, 3, 1, 2], torch.tensor(expected), atol=1e-6)


def test_flow_as_caffe_and_as_the_port_want_it():
    flow = np.zeros((1, 16, 4, 6, 2), np.float32)
    flow[0, 3, 1, 2] = (10, -33)
    x = flow_input(flow)
    assert (x.shape, x.dtype) == ((1, 2, 16, 4, 6), torch.float32)
    assert x[0, :, 3, 1, 2].tolist() == [191 - 128, -128]
    assert x.abs().sum() == 63 + 128
    port = flow_input(flow, variant="port")[0, :, 3, 1, 2].tolist()
    assert port == pytest.approx([(191 / 255 - 0.5) / 0.226, -0.5 / 0.226], rel=1e-5)


@pytest.mark.parametrize("counters", [True, False])
@pytest.mark.parametrize("zipped", [True, False])
def test_the_checkpoint_of_the_port_loads(tmp_path, counters, zipped):
    model, path = network(2, seed=4), tmp_path / "p3d_mine.checkpoint.pth.tar"
    state = {k: v for k, v in model.state_dict().items() if counters or not k.endswith("num_batches_tracked")}
    torch.save({"epoch": 9, "state_dict": state}, path, _use_new_zipfile_serialization=zipped)
    loaded, x = load_p3d(path, "flow"), noise(1, 2, 16, 32, 32)
    assert (loaded.width, loaded.num_classes, loaded.feature_dim, loaded.training) == (1 / 32, 5, 64, False)
    with torch.inference_mode():
        assert torch.equal(model(x), loaded(x))
        port = drawn(P3D199(2, 5, "port", 1 / 32), 4)
        assert torch.equal(load_p3d(path, variant="port")(x), port(x))
    with pytest.raises(UserError, match="takes 2 channels; the rgb stream needs weights for 3"):
        load_p3d(path, "rgb")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("layer3.35.bn3.bias"), "lacks layer3.35.bn3.bias of P3D-199"),
        (lambda s: s.update({"layer3.36.bn3.bias": torch.zeros(1)}), "does not know: layer3.36"),
        (lambda s: s.update({"bn1.bias": torch.zeros(5)}), r"bn1.bias has shape \(5,\)"),
        (lambda s: s["layer1.0.conv1.weight"].fill_(torch.inf), "not finite"),
        (lambda s: s.update({"conv1_custom.weight": torch.zeros(0, 3, 1, 7, 7)}), "first or last layer"),
        (lambda s: s.clear() or s.update({"conv1.weight": torch.zeros(1)}), "is no P3D"),
    ],
)
def test_other_contents_are_named(tmp_path, change, says):
    state = network().state_dict()
    change(state)
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(UserError, match=says) as error:
        load_p3d(tmp_path / "x.pth")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("known", KNOWN, ids=lambda file: file.name)
def test_the_published_file(root, known):
    path = Path(os.environ.get("ACTIONBYTES_WEIGHTS", root / "data" / "full" / "weights")) / known.name
    if not path.is_file():
        pytest.skip(f"published weights are absent: {path}")
    model = load_p3d(path, known.stream)
    assert (model.width, model.num_classes) == (1, 400)
    with torch.inference_mode():
        assert model.features(noise(1, model.in_channels, 16, 160, 160)).isfinite().all()
