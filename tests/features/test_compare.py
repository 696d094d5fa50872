"""What sets two extractions apart: each mismatch planted in features of known make, and in I3D features of a clip."""

import numpy as np
import pytest
import torch

from actionbytes.backbones.i3d import I3D, flow_input, initialize, rgb_input
from actionbytes.errors import UserError
from actionbytes.features.agreement import centred_cosine, common_share, cosines
from actionbytes.features.compare import compare, settings_apart
from actionbytes.features.extract import seen_by
from actionbytes.mini.render import write_video
from actionbytes.mini.script import scripts
from actionbytes.mini.world import MiniWorld
from actionbytes.video.decode import VideoReader
from actionbytes.video.parameters import Decoding, Flow

DIM, HOP = 96, 0.64


class World:
    """Features of three videos as a network of one layer would make them: relu(W input + c), of smooth inputs."""

    def __init__(self, seed=0):
        random = np.random.default_rng(seed)
        across = random.normal(size=(DIM, 12))
        down = 0.8 * across + 0.6 * random.normal(size=(DIM, 12))  # what moves across and down looks related
        weights = {"rgb": random.normal(size=(DIM, 24)), "flow": np.hstack([across, down])}
        self.nets = {s: (weight, 4 * random.normal(size=DIM)) for s, weight in weights.items()}
        steps = {f"v{i}": 60 + 17 * i for i in range(3)}
        self.inputs = {
            name: {s: self.walk(random, 16 * n) for s in ("rgb", "flow")} for name, n in steps.items()
        }  # one row a frame

    @staticmethod
    def walk(random, frames):
        kernel = np.hanning(40)
        x = np.stack([np.convolve(random.normal(size=frames + 80), kernel, "same")[40:-40] for _ in range(24)], 1)
        return x / x.std()

    def features(self, stream, x):
        weight, bias = self.nets[stream]
        return np.maximum(x @ weight.T + bias, 0).astype(np.float32)

    def made(self, hop=16, span=16, start=0, rate=1.0, change=lambda stream, x: x):
        """Features with a hop and span in frames, from a frame on, at `rate` times the frame rate."""
        found = {}
        for name, inputs in self.inputs.items():
            found[name] = {}
            for stream, x in inputs.items():
                x = change(stream, x[(np.arange(int(len(x) * rate)) / rate).astype(int)])
                pieces = [x[i : i + span].mean(0) for i in range(start, len(x) - span + 1, hop)]
                found[name][stream] = self.features(stream, np.stack(pieces))
        return found


@pytest.fixture(scope="module")
def world():
    return World()


def only(stream, how):
    return lambda s, x: how(x) if s == stream else x


def each(features, how):
    return {name: {s: how(s, x) for s, x in streams.items()} for name, streams in features.items()}


INPUTS = {
    "the same": ({}, ["same"]),
    "25 and 10 frames a second": ({"rate": 0.4}, ["fps"]),
    "25 and 30": ({"rate": 1.2}, ["fps"]),
    "24 and 25": ({"rate": 24 / 25}, ["fps"]),
    "hop 8": ({"hop": 8}, ["hop"]),
    "hop 4": ({"hop": 4}, ["hop"]),
    "five snippets late": ({"start": 80}, ["offset"]),
    "half a snippet late": ({"start": 8}, ["offset"]),
    "flow x and y": ({"change": only("flow", lambda x: np.roll(x, 12, axis=1))}, ["flow axes"]),
    "flow halved": ({"change": only("flow", lambda x: x / 3)}, ["flow scale"]),
    "flow doubled": ({"change": only("flow", lambda x: x * 3)}, ["flow scale"]),
    "pixels in [0, 1]": ({"change": only("rgb", lambda x: (x + 3) / 2)}, ["rgb values"]),
}


@pytest.mark.parametrize("what", INPUTS)
@pytest.mark.parametrize("turned", [False, True])
def test_a_wrong_setting_is_named(what, turned, world):
    settings, kinds = INPUTS[what]
    pair = [world.made(), world.made(**settings)]
    findings, fits = compare(*(pair[::-1] if turned else pair), HOP, 25.0)
    assert [finding.kind for finding in findings] == kinds, findings
    assert {(fit.a, fit.b) for fit in fits} == {("rgb", "rgb"), ("flow", "flow")}


@pytest.mark.slow
def test_words_say_how_much(world):
    a = world.made()
    says = {what: compare(a, world.made(**INPUTS[what][0]), HOP, 25.0)[0][0].says for what in INPUTS}
    assert "B's is about 10" in says["25 and 10 frames a second"]
    assert "B's is about 24" in says["24 and 25"]
    assert "5 snippets (3.20 s) later" in says["five snippets late"]
    assert "later" in says["half a snippet late"]
    assert "B has 4 snippets where A has one" in says["hop 4"]
    earlier = compare(world.made(start=80), a, HOP, 25.0)[0][0].says
    assert "5 snippets (3.20 s) earlier" in earlier


UNITS = {
    "a factor": (lambda s, x: 0.1 * x, "units", "0.1 times"),
    "length one": (lambda s, x: x / np.linalg.norm(x, axis=1, keepdims=True), "units", "snippets of B have one length"),
    "standardised": (lambda s, x: (x - x.mean(0)) / (x.std(0) + 1e-6), "units", "standardised"),
    "float16": (lambda s, x: x.astype(np.float16), "same", "the same"),
    "noise of bf16": (
        lambda s, x: x * (1 + 0.03 * np.random.default_rng(1).normal(size=x.shape)), "close", "precision",
    ),
    "dimensions in another order": (lambda s, x: x[:, ::-1], "unrelated", "order is another"),
    "all zero": (lambda s, x: 0 * x, "unrelated", "nothing in common"),
}  # fmt: skip


@pytest.mark.parametrize("what", UNITS)
def test_other_units(what, world):
    how, kind, words = UNITS[what]
    findings, _ = compare(world.made(), each(world.made(), how), HOP, 25.0)
    assert {finding.kind for finding in findings} == {kind}, findings
    assert all(words in finding.says for finding in findings)


def test_streams_swapped_spans_pooled_and_rates_of_files(world):
    a = world.made()
    swapped = {name: {"rgb": x["flow"], "flow": x["rgb"]} for name, x in a.items()}
    findings, fits = compare(a, swapped, HOP)
    assert [f.kind for f in findings] == ["streams"]
    assert all(fit.mean > 0.9999 for fit in fits)
    pooled = each(a, lambda s, x: x[: len(x) // 4 * 4].reshape(-1, 4, DIM).mean(1))
    assert [f.kind for f in compare(a, pooled)[0]] == ["span"]
    assert "of B is the mean of 4 of A" in compare(a, pooled)[0][0].says
    faster = {name: world.made(rate=rate)[name] for name, rate in zip(a, (0.6, 1.0, 1.2), strict=True)}
    assert [f.kind for f in compare(a, faster)[0]] == ["rates"]


def test_two_things_at_once(world):
    b = world.made(start=32, change=only("flow", lambda x: x * 3))
    assert [f.kind for f in compare(world.made(), b)[0]] == ["offset", "flow scale"]


def test_what_cannot_be_compared(world):
    a = world.made()
    with pytest.raises(UserError, match="no video in common"):
        compare(a, {"other": a["v0"]})
    with pytest.raises(UserError, match="finite"):
        compare(a, {"v0": {"rgb": np.full((3, DIM), np.nan)}})
    findings, fits = compare(a, each(a, lambda s, x: x[:, :50]))
    assert [f.kind for f in findings] == ["dimensions"] and not fits


def test_pure_arithmetic():
    random = np.random.default_rng(0)
    x = random.normal(size=(50, 7))
    assert cosines(x, 2 * x) == pytest.approx(np.ones(50)) and cosines(x, -x) == pytest.approx(-np.ones(50))
    assert cosines(np.zeros((2, 3)), np.array([[0.0, 0, 0], [1, 0, 0]])).tolist() == [1, 0]
    assert centred_cosine(x, x + 5) == pytest.approx(1) and centred_cosine(0 * x, x) == 0
    assert common_share(x, x + 5) == pytest.approx(1)
    assert common_share(x, x + random.normal(size=x.shape)) < 0.05
    made = {"decoding": {"fps": 25}, "weights": {"rgb": {"file": "a", "sha256": "1"}}}
    other = {"decoding": {"fps": 10}, "weights": {"rgb": {"file": "b", "sha256": "1"}}}
    assert settings_apart(made, other) == ["decoding.fps: 25 in A, 10 in B"]
    assert settings_apart(made, None) == []


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """One rendered test video, and functions from its frames and flow to I3D features (narrow, drawn, calibrated)."""
    folder = tmp_path_factory.mktemp("clip")
    # a clip that does not move with the world's defaults: with drawn weights, swapped axes are not told from every clip
    world = MiniWorld(short_side=32, thumos14_test_videos=1, thumos14_seconds=(24.0, 25.0), thumos14_gaps=1.0, broken=0)
    script = next(s for s in scripts(world, "thumos14") if s.subset == "test")
    write_video(script, folder)
    path = folder / f"{script.id}.mp4"
    models = {}
    torch.set_num_threads(1)

    def frames(fps=25.0):
        decoded = VideoReader(path, Decoding(fps=fps, short_side=32, crop=32))
        pairs = list(seen_by(("rgb", "flow"), decoded, Flow(warps=1, nscales=3, outer_iterations=2)))
        return {"rgb": np.stack([p[0] for p in pairs]), "flow": np.stack([p[1] for p in pairs])}

    def features(made, hop=16, start=0, change=lambda stream, x: x):
        found = {}
        for stream, x in made.items():
            x = x[start:]
            snippets = np.stack([x[i : i + 16] for i in range(0, len(x) - 15, hop)])
            inputs = rgb_input(snippets) if stream == "rgb" else flow_input(snippets)
            with torch.no_grad():
                if stream not in models:
                    models[stream] = calibrated(x.shape[-1], inputs)
                found[stream] = models[stream].features(change(stream, inputs)).numpy()
        return {"clip": found}

    base = frames()
    return base, features(base), frames, features


def calibrated(channels, inputs):
    """A network whose BatchNorm knows its inputs; drawn ones without lose the signal on the way."""
    model = I3D(channels, 5, 0.125)
    initialize(model, torch.Generator().manual_seed(0))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.momentum = None
    model.train().trunk(inputs)
    return model.eval()


@pytest.mark.slow
def test_i3d_features_of_a_clip(clip):
    base, a, frames, features = clip

    def kinds(b):
        return [finding.kind for finding in compare(a, b, HOP, 25.0)[0]]

    assert kinds(features(base)) == ["same"]
    assert kinds(features(base, hop=8)) == ["hop"]
    assert kinds(features(base, start=32)) == ["offset"]
    assert kinds(features(frames(10.0))) == ["fps"]
    assert kinds({"clip": dict(zip(("rgb", "flow"), reversed(a["clip"].values()), strict=True))}) == ["streams"]
    assert kinds(features(base, change=only("flow", lambda x: x.flip(1)))) in (["flow axes"], ["flow input"])
    # Of a network that has learned nothing, a wrong input leaves little to read from; but which stream it was is plain.
    for stream, change in (("flow", lambda x: 2 * x), ("flow", lambda x: x / 2), ("rgb", lambda x: (x + 1) / 2)):
        findings, fits = compare(a, features(base, change=only(stream, change)), HOP, 25.0)
        assert [finding.says.split(":")[0] for finding in findings] == [stream]
        assert {fit.a for fit in fits if fit.mean > 0.9999} == {"rgb", "flow"} - {stream}
        assert findings[0].kind not in ("flow axes", "same", "close")
