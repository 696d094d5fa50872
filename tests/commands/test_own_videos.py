"""Real clips through `features`, `train` and `detect`, on a random narrow backbone: sane output, broken files named."""

import json

import h5py
import numpy as np
import pytest
import torch

from actionbytes.backbones.i3d import I3D
from actionbytes.backbones.weights import save_i3d
from actionbytes.data.annotations import Instance, Video, write_annotations
from actionbytes.data.detections import read_detections
from actionbytes.features.store import load_features, read_statuses

CLIPS = ("torchvision/R6llTwEh07w.mp4", "c3d/v_BaseballPitch_g01_c01.avi", "mmaction2/demo.mp4")
SMALL = ["--set", "decoding.short_side=32", "--set", "decoding.crop=32", "--set", "flow.warps=1"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for stream, channels in (("rgb", 3), ("flow", 2)):
        save_i3d(I3D(channels, 5, 0.125), folder / f"{stream}.safetensors")
    return ["--weights-rgb", folder / "rgb.safetensors", "--weights-flow", folder / "flow.safetensors"]


@pytest.fixture(scope="module")
def broken(tmp_path_factory, real):
    folder = tmp_path_factory.mktemp("broken")
    whole = (real / "videos" / CLIPS[0]).read_bytes()
    for name, content in (("empty", b""), ("text", b"not a video"), ("cut", whole[:2000])):
        (folder / f"{name}.mp4").write_bytes(content)
    return folder


@pytest.mark.slow
def test_features_then_detect(real, weights, broken, cli, tmp_path):
    clips = [real / "videos" / clip for clip in CLIPS]
    status, out, err = cli("features", *clips, broken, "--out", tmp_path / "f.h5", *weights, *SMALL)
    assert status == 0, err
    assert "3/6 videos" in out
    with h5py.File(tmp_path / "f.h5") as file:
        aside = {s.video: s.reason for s in read_statuses(file) if s.status == "set aside"}
    assert set(aside) == {"empty", "text", "cut"}
    packed = load_features(tmp_path / "f.h5")
    assert packed.rows.shape[1] == 256
    assert packed.hop_s == 0.64
    assert np.abs(packed.rows).max() < 100

    labels = dict(zip(packed.names, ("a", "b", "a"), strict=True))
    videos = {
        name: Video(name, "training", duration, 25.0, (Instance(labels[name], 0.0, 1.0),))
        for name, duration in zip(packed.names, packed.durations.tolist(), strict=True)
    }
    write_annotations(tmp_path / "a.json", videos)
    run = ["--features", tmp_path / "f.h5", "--annotations", tmp_path / "a.json", "--subset", "training"]
    status, _, err = cli(
        *("train", "wtalc", *run, "--out", tmp_path / "run"),
        *("--set", "latent_dim=16", "--set", "training.iterations=20"),
    )
    assert status == 0, err

    detect = ("detect", clips[0], broken / "empty.mp4", "--run", tmp_path / "run", "--annotations", tmp_path / "a.json")
    status, out, err = cli(*detect, "--out", tmp_path / "d.json", "--plot", tmp_path / "t.png")
    assert status == 0, err
    assert err.count("set aside") == 1
    found = read_detections(tmp_path / "d.json")
    duration = videos["R6llTwEh07w"].duration
    assert len(found)
    assert (found.start >= 0).all()
    assert (found.end <= duration + 1e-6).all()
    assert (tmp_path / "t_R6llTwEh07w.png").stat().st_size > 5000


def test_streaming_does_not_depend_on_threads(real, weights, cli, tmp_path):
    for threads in (1, 3):
        out = tmp_path / f"{threads}.h5"
        assert cli("features", real / "videos" / CLIPS[2], "--out", out, "--threads", threads, *weights, *SMALL)[0] == 0
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "3.h5").read_bytes()


def test_npy_out(real, weights, cli, tmp_path):
    assert cli("features", real / "videos" / CLIPS[2], "--out", tmp_path / "npy", *weights, *SMALL)[0] == 0
    assert np.load(tmp_path / "npy" / "rgb" / "demo.npy").shape == np.load(tmp_path / "npy" / "flow" / "demo.npy").shape


def test_weights_must_be_those_of_the_run(real, weights, cli, tmp_path):
    made_with = tmp_path / "features.json"
    status, _, err = cli("detect", real / "videos" / CLIPS[2], "--run", tmp_path)
    assert status == 2
    made_with.write_text(json.dumps({"decoding": {}, "flow": {}}))
    (tmp_path / "config.yaml").write_text("method: wtalc\n")
    status, _, err = cli("detect", real / "videos" / CLIPS[2], "--run", tmp_path)
    assert status == 2
    assert err.count("error:") == 1


@pytest.mark.parametrize("content", ["5", "null", "[1]", '{"extraction": 5}', "[" * 5000, "{"])
def test_a_run_that_does_not_say_how_features_are_made(cli, tmp_path, content):
    (tmp_path / "features.json").write_text(content)
    (tmp_path / "v.mp4").write_bytes(b"x")
    status, _, err = cli("features", tmp_path / "v.mp4", "--run", tmp_path, "--out", tmp_path / "x.h5")
    assert status == 2
    assert "features.json: " in err
    assert err.count("\n") == 1
