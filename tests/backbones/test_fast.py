"""The rewritten network: equal in fp32, close in bf16, and able to say what it did without."""

import pytest
import torch
from torch.nn import functional as F

from actionbytes.backbones import fast
from actionbytes.backbones.fast import FastI3D, PairedStem, fast_features, has_bf16, largest_along
from actionbytes.backbones.i3d import I3D, Unit, initialize, same_padding
from actionbytes.backbones.parameters import Inference

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
    features = fast_features(model, Inference())
    assert relative(features(x), expected) < 1e-4
    assert features.notes == []
    assert relative(fast_features(model, Inference(rewritten=False))(x), expected) == 0


def test_fp32_does_not_mind_the_batch(model):
    x = textures(5, model.in_channels, 64)
    features = fast_features(model, Inference())
    together, alone = features(x), torch.cat([features(chunk[None]) for chunk in x])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-6)
    assert torch.equal(features(x), together)


@pytest.mark.parametrize("size", [64, 71])
def test_bf16_is_close(model, size):
    x = textures(24, model.in_channels, size)
    expected = model.features(x).detach()
    found = FastI3D(model, torch.bfloat16)(x).detach()
    assert found.dtype == torch.float32
    found, expected = found - expected.mean(0), expected - expected.mean(0)  # what tells chunks apart
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
    features = fast_features(model, Inference(precision="bf16"))
    assert features.precision == "fp32"
    assert "does not multiply it" in features.notes[0]
    x = textures(1, model.in_channels, 64)
    assert relative(features(x), model.features(x).detach()) < 1e-4


@pytest.fixture
def with_bf16(monkeypatch):
    monkeypatch.setattr(fast, "has_bf16", lambda device: True)


def test_compiling_is_left_out_where_it_does_not_pay(model, with_bf16, monkeypatch):
    def said(parameters, chunks=None):
        return " ".join(fast_features(model, parameters, chunks=chunks).notes)

    assert "exact mode" in said(Inference(compile="auto"), 10**9)
    assert "too little work" in said(Inference(precision="bf16", compile="auto"), 100)
    assert "too little work" in said(Inference(precision="bf16", compile="auto"))
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert "no C++ compiler" in said(Inference(precision="bf16", compile="auto"), 10**9)
    assert said(Inference(precision="bf16")) == ""


def test_a_compiler_that_fails_is_not_the_end(model, with_bf16, monkeypatch):
    def broken(network, **options):
        def run(x):
            raise RuntimeError("no header")

        return run

    monkeypatch.setattr(torch, "compile", broken)
    monkeypatch.setattr("shutil.which", lambda name: name)
    features = fast_features(model, Inference(precision="bf16", compile="auto"), chunks=10**9)
    x = textures(2, model.in_channels, 64)
    expected = fast_features(model, Inference(precision="bf16"))(x)
    assert torch.equal(features(x), expected)
    assert torch.equal(features(x), expected)
    assert features.notes == ["compile: failed (RuntimeError), so the network runs uncompiled"]
    assert not features.compiled


def test_compiled_code_sees_one_batch_size(model, with_bf16, monkeypatch):
    sizes = []

    def compiler(network, **options):
        return lambda x: sizes.append(len(x)) or network(x)

    monkeypatch.setattr(torch, "compile", compiler)
    monkeypatch.setattr("shutil.which", lambda name: name)
    features = fast_features(model, Inference(precision="bf16", compile="auto"), chunks=10**9)
    x = textures(4, model.in_channels, 64)
    outputs = [features(x[:3]), features(x[3:]), features(x)]
    assert sizes == [3, 3]
    assert features.compiled
    assert torch.allclose(torch.cat(outputs[:2]), outputs[2], rtol=0.05, atol=0.05)


def test_a_chunk_has_sixteen_frames(model):
    with pytest.raises(ValueError, match="16 frames"):
        fast_features(model, Inference())(noise(1, model.in_channels, 24, 32, 32))
