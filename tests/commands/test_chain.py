"""Ready-made features to metrics by the commands alone, and what a user gets wrong on the way."""

import json

import numpy as np
import pytest

from actionbytes.data.annotations import Instance, Video, write_annotations

CLASSES, DIM, STEPS = ("jump", "run", "throw"), 12, 60


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder of joint `.npy` features in which each class adds its own pattern where it happens."""
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    patterns = rng.random((len(CLASSES), DIM)) * 2
    videos = {}
    (folder / "npy").mkdir()
    for i in range(36):
        name, c = f"v{i:02d}", i % len(CLASSES)
        x = rng.random((STEPS, DIM)) * 0.5
        instances = []
        for start in (6, 25, 44):
            length = int(rng.integers(4, 9))
            x[start : start + length] += patterns[c]
            instances.append(Instance(CLASSES[c], start * 0.64, (start + length) * 0.64))
        np.save(folder / "npy" / f"{name}.npy", x.astype(np.float32))
        videos[name] = Video(name, "validation" if i < 24 else "test", STEPS * 0.64, 25.0, tuple(instances))
    write_annotations(folder / "annotations.json", videos)
    return folder


@pytest.fixture(scope="module")
def settings():
    return [
        *("--set", "latent_dim=32", "--set", "training.iterations=150"),
        *("--set", "training.lr=0.003", "--set", "training.max_length=60"),
    ]


def test_features_to_metrics(world, cli, settings):
    annotations = ["--annotations", world / "annotations.json"]
    status, out, _ = cli("import-features", world / "npy", *annotations, "--out", world / "shards")
    assert (status, "36 videos imported, 0 set aside" in out) == (0, True)
    train = ["train", "wtalc", "--features", world / "shards", *annotations, "--subset", "validation"]
    status, out, err = cli(*train, "--out", world / "run", *settings)
    assert status == 0, err
    assert "24 videos" in out
    weights = (world / "run" / "model.safetensors").read_bytes()
    assert cli(*train, "--out", world / "again", *settings)[0] == 0
    assert (world / "again" / "model.safetensors").read_bytes() == weights
    status, out, err = cli(
        *("localize", world / "run", "--features", world / "shards", *annotations, "--subset", "test"),
        *("--proposals", "--out", world / "det.json"),
    )
    assert status == 0, err
    status, out, err = cli(
        *("evaluate", world / "det.json", world / "annotations.json", "--subset", "test"),
        *("--protocol", "wtalc", "--tiou", "0.3,0.5", "--out", world / "m.json"),
    )
    assert status == 0, err
    metrics = json.loads((world / "m.json").read_text())
    metrics = metrics.get("wtalc", metrics)
    assert metrics["map"][0] > 60  # a toy is learned; chance is near 0


def test_what_users_get_wrong_is_one_line(world, cli, tmp_path):
    annotations = ["--annotations", world / "annotations.json"]
    shards = world / "npy"
    wrong = [
        ("train", "wtalk", "--features", shards, *annotations, "--subset", "validation", "--out", tmp_path / "r"),
        ("train", "wtalc", "--features", shards, *annotations, "--subset", "validation", "--out", tmp_path / "r"),
        ("localize", tmp_path, "--features", shards, "--out", tmp_path / "d.json"),
        ("import-features", tmp_path / "no", *annotations, "--out", tmp_path / "s"),
        ("import-features", shards, *annotations, "--out", tmp_path / "s", "--fps", "10"),
        ("import-features", shards, *annotations, "--out", tmp_path / "s", "--order", "flow"),
        ("features", tmp_path / "no.mp4", "--out", tmp_path / "f.h5"),
        ("detect", tmp_path / "no.mp4", "--run", tmp_path),
        ("index", tmp_path),
        ("nonsense",),
        ("train",),
    ]
    for arguments in wrong[:5] + wrong[6:]:
        status, _, err = cli(*arguments)
        assert status == 2, arguments
        assert err.count("error: ") == 1, err
        assert "Traceback" not in err
    assert not (tmp_path / "r").exists()


def test_doctor_names_what_is_installed(cli):
    status, out, _ = cli("doctor")
    assert "torch" in out
    assert status == (0 if "nothing is missing" in out else 1)
