"""The networks by name: a clip becomes features through the whole chain, with drawn weights in the published layout."""

import runpy
from pathlib import Path

import av
import h5py
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from actionbytes.backbones import bn_inception, p3d, resnet101
from actionbytes.backbones.fast import has_bf16
from actionbytes.backbones.parameters import Inference
from actionbytes.backbones.registry import NETWORKS
from actionbytes.errors import UserError
from actionbytes.features.extract import file_features
from actionbytes.features.kinds import FeatureKind
from actionbytes.features.made_with import MadeWith, WeightFile
from actionbytes.video.parameters import Decoding, Flow

HERE = Path(__file__).parent
drawn = runpy.run_path(str(HERE / "slow_network.py"))["drawn"]
FRAMES, SIDE = 40, 32


def network_of(name: str, stream: str) -> torch.nn.Module:
    if name == "bn-inception":
        return drawn(bn_inception.BNInception(bn_inception.CHANNELS[stream], 4, width=1 / 16), 1, gain=1.5)
    if name == "resnet-101":
        return drawn(resnet101.ResNet101(resnet101.CHANNELS[stream], 4, 1 / 32), 2)
    return drawn(p3d.P3D199(p3d.CHANNELS[stream], 4, "port" if name.endswith("port") else "caffe", 1 / 32), 3)


def input_of(name: str, stream: str):
    module = {"bn-inception": bn_inception, "resnet-101": resnet101}.get(name, p3d)
    to_input = module.rgb_input if stream == "rgb" else module.flow_input
    return (lambda pixels: to_input(pixels, variant="port")) if name.endswith("port") else to_input


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Network, stream -> a file as it is published."""
    folder = tmp_path_factory.mktemp("weights")
    files = {}
    for name in ("bn-inception", "resnet-101", "p3d-199"):
        for stream in ("rgb", "flow"):
            state = network_of(name, stream).state_dict()
            if name == "bn-inception":
                state = {k.replace("fc_action", "fc"): v[None] if "_bn." in k else v for k, v in state.items()}
                state = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
            path = folder / f"{name}_{stream}{'.checkpoint.pth.tar' if name == 'p3d-199' else '.pth'}"
            torch.save({"state_dict": state} if name == "p3d-199" else state, path)
            files[name, stream] = path
    return files | {("p3d-199-port", stream): files["p3d-199", stream] for stream in ("rgb", "flow")}


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """A texture that glides by, at 25 frames a second."""
    path = tmp_path_factory.mktemp("clip") / "moving.avi"
    tile = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE + FRAMES, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=SIDE, height=SIDE, pix_fmt="yuv420p")
        for k in range(FRAMES):
            picture = np.ascontiguousarray(tile[:, k : k + SIDE])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    return path


def made_with(weights, name, span, hop, **options) -> MadeWith:
    kind = FeatureKind(network=name, span=span, hop=hop, batch=2, dtype="float32", **options)
    return MadeWith(
        decoding=Decoding(short_side=SIDE, crop=SIDE),
        flow=Flow(warps=1, nscales=1, inner_iterations=5, outer_iterations=1),
        features=kind,
        weights={stream: WeightFile.of(weights[name, stream]) for stream in kind.streams},
    )


@pytest.mark.parametrize(
    ("name", "span", "hop", "snippets", "width"),
    [
        ("bn-inception", 15, 15, 2, 64),
        ("resnet-101", 5, 5, 8, 64),
        ("p3d-199", 16, 8, 4, 64),
        ("p3d-199-port", 16, 8, 4, 64),
    ],
)
def test_a_clip_becomes_features(weights, clip, name, span, hop, snippets, width):
    recipe = made_with(weights, name, span, hop)
    networks, seen = recipe.streams(), {"rgb": [], "flow": []}

    def watched(stream):
        return lambda pixels: seen[stream].append(pixels.copy()) or networks[stream](pixels)

    features, _ = file_features(clip, recipe, {stream: watched(stream) for stream in networks})
    assert {stream: x.shape for stream, x in features.streams.items()} == dict.fromkeys(seen, (snippets, width))
    for stream, x in features.streams.items():
        pixels = np.concatenate(seen[stream])
        assert pixels.shape == (snippets, span, SIDE, SIDE, NETWORKS[name].channels[stream])
        with torch.inference_mode():
            one_by_one = [network_of(name, stream).features(input_of(name, stream)(p[None]))[0] for p in pixels]
        assert np.allclose(x, torch.stack(one_by_one).numpy(), rtol=1e-3, atol=1e-4)
        assert x.std(axis=0).max() > 0.02  # snippets differ by much more than the comparison allows


def test_the_command_takes_a_network_by_name(weights, clip, tmp_path, cli):
    out = tmp_path / "features.h5"
    settings = ["network=bn-inception", "span=15", "hop=15", "dtype=float32", "batch=2"]
    options = [f"--set=features.{one}" for one in settings]
    options += [f"--set=decoding.{side}={SIDE}" for side in ("crop", "short_side")]
    options += ["--set=flow.warps=1", "--set=flow.nscales=1", "--set=flow.outer_iterations=1"]
    files = [f"--weights-{stream}={weights['bn-inception', stream]}" for stream in ("rgb", "flow")]
    code, printed, errors = cli("features", str(clip), f"--out={out}", "--device=cpu", *files, *options)
    assert code == 0, errors
    assert "1/1 videos" in printed
    with h5py.File(out) as file:
        assert {stream: file["moving"][stream].shape for stream in ("rgb", "flow")} == {"rgb": (2, 64), "flow": (2, 64)}
        recipe = made_with(weights, "bn-inception", 15, 15)
        expected = file_features(clip, recipe, recipe.streams())[0].streams["rgb"]
        assert np.array_equal(file["moving"]["rgb"][()], expected)
    other = f"--out={tmp_path / 'other.h5'}"
    code, _, errors = cli("features", str(clip), other, *files, "--set=features.network=resnet-101")
    assert code != 0
    assert len(errors.strip().splitlines()) == 1
    assert "is no ResNet" in errors


def test_caffe_and_port_differ(weights, clip):
    found = [
        file_features(clip, recipe, recipe.streams())[0].streams["rgb"]
        for recipe in (made_with(weights, name, 16, 16, streams=("rgb",)) for name in ("p3d-199", "p3d-199-port"))
    ]
    assert not np.allclose(*found, rtol=0.01)


def test_the_bound_of_flow_is_obeyed(weights):
    flow = np.full((1, 16, SIDE, SIDE, 2), 7, np.float32)
    for name in ("bn-inception", "resnet-101", "p3d-199", "p3d-199-port"):
        wide, narrow = (
            NETWORKS[name].open_stream(weights[name, "flow"], "flow", Inference(flow_bound=bound))(flow)
            for bound in (20.0, 8.0)
        )
        assert not np.allclose(wide, narrow, rtol=0.01)


@pytest.mark.parametrize("name", ["bn-inception", "resnet-101", "p3d-199"])
def test_bf16_is_close_and_said_where_it_is_missing(weights, name, caplog):
    frames = np.random.default_rng(1).integers(0, 255, (2, 16, SIDE, SIDE, 3), np.uint8)
    exact, near = (
        NETWORKS[name].open_stream(weights[name, "rgb"], "rgb", Inference(precision=precision))(frames)
        for precision in ("fp32", "bf16")
    )
    assert near.dtype == np.float32
    cosine = (exact * near).sum() / np.linalg.norm(exact) / np.linalg.norm(near)
    assert cosine > 0.99
    if has_bf16(torch.device("cpu")):
        assert not np.array_equal(exact, near)
        assert not caplog.text
    else:
        assert np.array_equal(exact, near)
        assert "does not multiply it" in caplog.text


def test_what_a_network_cannot_do_is_one_line(weights):
    frames = np.zeros((1, 15, 40, 48, 3), np.uint8)
    compute = NETWORKS["bn-inception"].open_stream(weights["bn-inception", "rgb"], "rgb", Inference())
    with pytest.raises(UserError, match="48 x 40 do not fit; set decoding"):
        compute(frames)
    for name, span, says in (("p3d-199", 15, "takes 16"), ("resnet-101", 4, "takes 5 to 256")):
        with pytest.raises(ValidationError, match=f"{name} {says}"):
            FeatureKind(network=name, span=span)
    for name, other in (("bn-inception", "resnet-101"), ("resnet-101", "p3d-199"), ("p3d-199", "bn-inception")):
        with pytest.raises(UserError, match="is no"):
            NETWORKS[name].open_stream(weights[other, "rgb"], "rgb", Inference())
    with pytest.raises(UserError, match="the flow stream needs weights for 10"):
        NETWORKS["bn-inception"].open_stream(weights["bn-inception", "rgb"], "flow", Inference())
