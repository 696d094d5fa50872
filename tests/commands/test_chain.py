"""Ready-made features to metrics by the commands alone, and what a user gets wrong on the way."""

import json

import numpy as np
import pytest

from actionbytes.data.annotations import Instance, Video, write_annotations
from actionbytes.data.scores import read_scores

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
    assert (status, "36 videos imported, 0 set aside; rgb: " in out) == (0, True)
    train = ["train", "wtalc", "--features", world / "shards", *annotations, "--subset", "validation"]
    status, out, err = cli(*train, "--out", world / "run", *settings)
    assert status == 0, err
    assert "24 videos" in out
    weights = (world / "run" / "model.safetensors").read_bytes()
    assert cli(*train, "--out", world / "again", *settings)[0] == 0
    assert (world / "again" / "model.safetensors").read_bytes() == weights
    status, out, err = cli(
        *("localize", world / "run", "--features", world / "shards", *annotations, "--subset", "test"),
        *("--proposals", "--out", world / "det.json", "--scores", world / "scores.csv"),
    )
    assert status == 0, err
    scores = read_scores(world / "scores.csv")
    right = [
        scores.classes[row.argmax()] in CLASSES[int(v[1:]) % 3]
        for v, row in zip(scores.videos, scores.parts["fusion"], strict=True)
    ]
    assert len(right) == 12 and np.mean(right) > 0.9
    status, out, err = cli(
        *("evaluate", world / "det.json", world / "annotations.json", "--subset", "test"),
        *("--protocol", "wtalc", "--tiou", "0.3,0.5", "--out", world / "m.json"),
    )
    assert status == 0, err
    metrics = json.loads((world / "m.json").read_text())
    metrics = metrics.get("wtalc", metrics)
    assert metrics["map"][0] > 60  # a toy is learned; chance is near 0


def test_proposals_where_a_method_has_none_are_refused(world, cli, tmp_path):
    annotations = ["--annotations", world / "annotations.json"]
    if not (world / "shards").exists():
        cli("import-features", world / "npy", *annotations, "--out", world / "shards")
    sizes = ["--set", "segments=16", "--set", "training.iterations=5"]
    train = ["train", "stpn", "--features", world / "shards", *annotations, "--subset", "validation"]
    status, _, err = cli(*train, "--out", tmp_path / "stpn", *sizes)
    assert status == 0, err
    localize = ("localize", tmp_path / "stpn", "--features", world / "shards", "--out", tmp_path / "d.json")
    status, _, err = cli(*localize, "--proposals")
    assert status == 2 and err.count("error: ") == 1
    assert "is a run of stpn, which makes no ActionBytes; leave the option out" in err
    assert cli(*localize)[0] == 0


def test_sources_and_runs_to_start_from_are_named(world, cli, tmp_path):
    annotations, shards = world / "annotations.json", world / "npy"
    whole = ("--features", shards, "--annotations", annotations, "--subset", "validation")
    source = ("--source", "videos", shards, annotations, "validation")
    for arguments, line in (
        (("wtalc",), "name --features, --annotations and --subset"),
        (("wtalc", *whole, *source), "--source says all of a source"),
        (
            ("wtalc", "--source", "clips", shards, annotations, "validation"),
            "learns from the sources videos; given: clips",
        ),
        (("wtalc", *source, "--init", "run"), "wtalc starts from no other run"),
        (("actionbytes", *source, "--init", "a", "--init", "baseline=b"), "the run 'baseline' is named twice"),
    ):
        status, _, err = cli("train", *arguments, "--out", tmp_path / "r")
        assert (status, err.count("error: ")) == (2, 1) and line in err, err
    assert not (tmp_path / "r").exists()


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
