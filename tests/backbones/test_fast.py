"""The rewritten network: equal in fp32, close in bf16, and able to say what it did without."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from actionbytes.backbones.fast import FastI3D, Features, PairedStem, has_bf16, largest_along
from actionbytes.backbones.i3d import I3D, Unit, flow_input, initialize, rgb_input, same_padding
from actionbytes.backbones.parameters import Inference
from actionbytes.backbones.registry import NETWORKS
from actionbytes.backbones.weights import save_i3d

CPU = torch.device("cpu")


def noise(*shape, seed=0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def textures(count, channels, size, seed=0) -> torch.Tensor:
    """Smooth moving textures, each of its own brightness: (N, C, 16, S, S)."""
    coarse = noise(count, channels, 5, 6, 6, seed=seed) + noise(count, channels, 1, 1, 1, seed=seed + 1)
    return F.interpolate(coarse, (16, size, size), mode="trilinear").clamp(-1, 1)


@pytest.fixture(scope="module", params=[3, 2], ids=["rgb", "flow"])
def model(request) -> I3D:
    """Drawn weights, BatchNorm calibrated on textures, so that signals neither fade nor explode."""
    model = I3D(request.param, 12, 0.25)
    initialize(model, torch.Generator().manual_seed(0))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.momentum = None
    with torch.no_grad():
        model.train().trunk(textures(8, request.param, 64, seed=5))
    return model.eval()


def relative(found, expected) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize(("height", "width"), [(64, 64), (72, 56), (65, 71)])
def test_fp32_is_exact(model, height, width):
    x = noise(2, model.in_channels, 16, height, width)
    expected = model.features(x).detach()
    features = Features(model)
    assert relative(features(x), expected) < 1e-4
    assert features.notes == []


def test_fp32_does_not_mind_the_batch(model):
    x = textures(5, model.in_channels, 64)
    features = Features(model)
    together, alone = features(x), torch.cat([features(snippet[None]) for snippet in x])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-6)
    assert torch.equal(features(x), together)


@pytest.mark.parametrize("size", [64, 71])
def test_bf16_is_close(model, size):
    x = textures(24, model.in_channels, size)
    expected = model.features(x).detach()
    found = FastI3D(model, torch.bfloat16)(x).detach()
    assert found.dtype == torch.float32
    found, expected = found - expected.mean(0), expected - expected.mean(0)  # what tells snippets apart
    assert float(F.cosine_similarity(found.flatten(), expected.flatten(), dim=0)) >= 0.98


@pytest.mark.parametrize("size", [8, 11])
def test_the_paired_stem_is_the_stem(size):
    unit = Unit(3, 8, (7, 7, 7), (2, 2, 2)).eval()
    x = noise(2, 3, 16, size, size + 2)
    with torch.inference_mode():
        found = PairedStem(unit)(x)
        assert found.shape == unit(x).shape
        assert torch.allclose(found, unit(x), atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [1, 2, 3, 6, 7])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (2, 2)])
def test_pooling_by_bits_is_pooling(dtype, size, kernel, stride):
    x = noise(2, 3, size, seed=size).relu().to(dtype)
    expected = F.max_pool1d(F.pad(x.float(), same_padding(size, kernel, stride)), kernel, stride)
    bits = x.view(torch.int16 if dtype == torch.bfloat16 else torch.int32)
    before = bits.clone()
    assert torch.equal(largest_along(bits, 2, kernel, stride).view(dtype).float(), expected)
    assert torch.equal(bits, before)


def test_channels_stay_innermost(model):
    seen = []
    network = FastI3D(model, torch.float32)
    for layer in network.layers:
        layer.register_forward_hook(
            lambda module, inputs, y: seen.append(y.is_contiguous(memory_format=torch.channels_last_3d))
        )
    network(noise(1, model.in_channels, 16, 64, 64))
    assert len(seen) == 16
    assert all(seen)


def test_a_processor_without_bf16_gets_fp32_and_is_told(model, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    assert not has_bf16(CPU)
    features = Features(model, "bf16")
    assert features.precision == "fp32"
    assert "does not multiply it" in features.notes[0]
    x = textures(1, model.in_channels, 64)
    assert relative(features(x), model.features(x).detach()) < 1e-4


def test_a_stream_is_opened_by_name(model, tmp_path, caplog, monkeypatch):
    stream = "rgb" if model.in_channels == 3 else "flow"
    save_i3d(model, tmp_path / "weights.safetensors")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    compute = NETWORKS["i3d"].open_stream(tmp_path / "weights.safetensors", stream, Inference("bf16", flow_bound=10.0))
    assert "does not multiply it" in caplog.text
    pixels = np.random.default_rng(0).integers(0, 20, (2, 16, 32, 32, model.in_channels), np.uint8)
    x = rgb_input(pixels) if stream == "rgb" else flow_input(pixels.astype(np.float32), 10.0)
    found = compute(pixels if stream == "rgb" else pixels.astype(np.float32))
    assert relative(torch.from_numpy(found), model.features(x).detach()) < 1e-4


@pytest.mark.parametrize("span", [24, 64])
def test_longer_snippets(model, span):
    x = noise(2, model.in_channels, span, 32, 32)
    assert relative(Features(model)(x), model.features(x).detach()) < 1e-4


@pytest.mark.parametrize("span", [8, 15, 20, 264])
def test_a_snippet_of_another_number_of_frames_is_refused(model, span):
    x = noise(1, model.in_channels, span, 8, 8)
    with pytest.raises(ValueError, match="multiples of 8 from 16 to 256"):
        Features(model)(x)
    with pytest.raises(ValueError, match="multiples of 8 from 16 to 256"):
        model.features(x)
