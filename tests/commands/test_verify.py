"""`features --verify` and `compare-features` on a shard: what is the same is said to be, what is wrong is named."""

import json
import shutil

import av
import numpy as np
import pytest
import torch

from actionbytes.backbones.i3d import I3D, initialize
from actionbytes.backbones.weights import save_i3d
from actionbytes.features.store import load_features, read_made_with

SMALL = ["--set", "decoding.short_side=32", "--set", "decoding.crop=32", "--set", "flow.warps=1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two short videos, in a class folder each, and weights."""
    folder = tmp_path_factory.mktemp("verify")
    random = np.random.default_rng(0)
    for name in ("run/a", "jump/v_b"):
        (folder / name).parent.mkdir()
        with av.open(str(folder / f"{name}.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=25, width=48, height=40, pix_fmt="yuv420p")
            tile = random.integers(0, 255, (40, 448, 3), np.uint8)
            for k in range(200):
                at = int(200 + 190 * np.sin(k / 17) * np.sin(k / 31))  # at a speed that changes, under changing light
                picture = (tile[:, at : at + 48] * (0.6 + 0.4 * np.sin(k / 23))).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            container.mux(stream.encode())
    for stream, channels in (("rgb", 3), ("flow", 2)):
        model = I3D(channels, 5, 0.125)
        initialize(model, torch.Generator().manual_seed(0))
        save_i3d(model, folder / f"{stream}.safetensors")
    return folder


@pytest.fixture(scope="module")
def weights(folder):
    return ["--weights-rgb", folder / "rgb.safetensors", "--weights-flow", folder / "flow.safetensors"]


@pytest.mark.slow
def test_verify_and_compare(folder, weights, cli, tmp_path):
    videos = [folder / "run", folder / "jump"]
    assert cli("features", *videos, "--out", tmp_path / "a.h5", *weights, *SMALL)[0] == 0
    status, out, err = cli("features", "--verify", tmp_path / "a.h5", *videos)
    assert status == 0, err
    assert "same: the same features" in out and "v_b rgb: mean cosine 1.00000" in out and "2 of 2 videos" in out

    other = ["--set", "decoding.fps=10"]
    assert cli("features", *videos, "--out", tmp_path / "b.h5", *weights, *SMALL, *other)[0] == 0
    status, out, _ = cli("compare-features", tmp_path / "a.h5", tmp_path / "b.h5")
    assert status == 1, out
    assert "recorded: decoding.fps: 25" in out and "so B's is about 10" in out
    status, out, _ = cli("features", "--verify", tmp_path / "a.h5", folder, "--sample", 1, *other)
    assert status == 1 and "made again" in out and "A's is 10, so B's is about 2" in out

    assert cli("features", *videos, "--out", tmp_path / "npy", *weights, *SMALL)[0] == 0
    status, out, _ = cli("compare-features", tmp_path / "a.h5", tmp_path / "npy")
    assert status == 0 and "recorded" not in out
    status, out, _ = cli("features", "--verify", tmp_path / "npy", folder, *weights, *SMALL)
    assert status == 0 and "same: the same features" in out
    swapped = tmp_path / "swapped"
    shutil.copytree(tmp_path / "npy" / "rgb", swapped / "flow")
    shutil.copytree(tmp_path / "npy" / "flow", swapped / "rgb")
    status, out, _ = cli("compare-features", tmp_path / "a.h5", swapped)
    assert status == 1 and "streams are swapped" in out and "rgb of A, flow of B" in out


def test_verify_finds_the_videos_of_a_dataset(folder, weights, cli, tmp_path):
    home = tmp_path / "data/full/mine"
    shard = home / "features/i3d/test_00.h5"
    assert cli("features", folder / "run", "--out", shard, *weights, *SMALL)[0] == 0
    shutil.copy(folder / "run/a.mp4", home / "a.mp4")
    (home / "videos.csv").write_text("video,subset,file\na,test,a.mp4\ngone,test,gone.mp4\n")
    status, out, err = cli("features", "--verify", shard.parent)
    assert status == 0 and "1 of 1 videos" in out, err
    (home / "a.mp4").write_bytes(b"broken since")
    status, out, err = cli("features", "--verify", shard)
    assert status == 2 and "cannot be used now" in out and err.count("error:") == 1


def test_what_users_get_wrong_is_one_line(folder, cli, tmp_path):
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "x.npy", np.zeros((3, 4)))
    for arguments in (
        ("features",),
        ("features", folder / "run"),
        ("features", "--verify", tmp_path / "none.h5"),
        ("features", "--verify", tmp_path / "empty"),
        ("features", "--verify", tmp_path, folder / "run"),
        ("compare-features", tmp_path / "empty", tmp_path),
        ("compare-features", tmp_path / "none.h5", tmp_path),
        ("compare-features", tmp_path),
    ):
        status, _, err = cli(*arguments)
        assert status == 2 and err.count("error:") == 1 and "Traceback" not in err, (arguments, err)


def test_one_stream_with_snippets_that_overlap(folder, cli, tmp_path):
    """Only the weights of the stream are asked for; what was set is recorded, and verified by."""
    stream = ["--set", "features.streams=[rgb]", "--set", "features.hop=8", *SMALL]
    out = tmp_path / "a.h5"
    status, _, err = cli(
        "features", folder / "run", "--out", out, "--weights-flow", folder / "flow.safetensors", *stream
    )
    assert status == 2 and "no --weights-rgb: name its weights" in err
    assert cli("features", folder / "run", "--out", out, "--weights-rgb", folder / "rgb.safetensors", *stream)[0] == 0
    packed = load_features(out)
    assert packed.streams == ("rgb",) and packed.hop_s == 0.32 and packed.rows.shape == ((200 - 16) // 8 + 1, 128)
    status, text, err = cli("features", "--verify", out, folder / "run")
    assert status == 0 and "a rgb: mean cosine 1.00000" in text and "flow" not in text, err
    plain = tmp_path / "b.h5"
    rgb = ["--weights-rgb", folder / "rgb.safetensors", *SMALL]
    assert cli("features", folder / "run", "--out", plain, "--set", "features.streams=[rgb]", *rgb)[0] == 0
    status, text, _ = cli("compare-features", plain, out)
    assert (
        status == 1 and "recorded: features.hop: 16 in A, 8 in B" in text and "B has 2 snippets where A has one" in text
    )


def test_a_run_of_the_first_version_says_how_its_features_were_made(folder, weights, cli, tmp_path):
    assert cli("features", folder / "run", "--out", tmp_path / "a.h5", *weights, *SMALL)[0] == 0
    made_with = read_made_with(tmp_path / "a.h5")
    kind, files = made_with.pop("features"), made_with.pop("weights")
    extraction = {"chunk": kind["span"]} | {key: kind[key] for key in ("batch", "precision", "threads", "dtype")}
    old = made_with | {"extraction": extraction, "rgb": files["rgb"], "flow_weights": files["flow"]}
    (tmp_path / "features.json").write_text(json.dumps(old))
    assert cli("features", folder / "run", "--out", tmp_path / "b.h5", "--run", tmp_path)[0] == 0
    a, b = (load_features(tmp_path / name) for name in ("a.h5", "b.h5"))
    assert a.rows.tobytes() == b.rows.tobytes()
