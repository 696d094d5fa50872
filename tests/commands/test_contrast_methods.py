"""UntrimmedNet and CleanNet by the commands alone, from ready-made features to detections."""

import csv
import json

import numpy as np
import pytest

from actionbytes.data.annotations import Instance, Video, read_annotations, write_annotations
from actionbytes.localization.nms import segment_iou

CLASSES, DIM, STEPS = ("jump", "run", "throw"), 16, 60
TRAINING = ["--set", "training.lr=0.05", "--set", "training.batch=8"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder of joint `.npy` features, both streams side by side, in which classes add a pattern of their own."""
    folder = tmp_path_factory.mktemp("world")
    rng, videos = np.random.default_rng(0), {}
    patterns = 3 * rng.random((len(CLASSES), DIM))
    (folder / "npy").mkdir()
    for i in range(30):
        name, c = f"v{i:02d}", i % len(CLASSES)
        rows, instances = rng.random((STEPS, DIM)) * 0.5, []
        for start in (6, 25, 44):
            end = start + int(rng.integers(4, 9))
            rows[start:end] += patterns[c]
            instances.append(Instance(CLASSES[c], start * 0.64, end * 0.64))
        np.save(folder / "npy" / f"{name}.npy", rows.astype(np.float32))
        videos[name] = Video(name, "validation" if i < 21 else "test", STEPS * 0.64, 25.0, tuple(instances))
    write_annotations(folder / "annotations.json", videos)
    return folder


def test_untrimmednet_then_cleannet(world, cli):
    annotations = ["--annotations", world / "annotations.json"]
    assert cli("import-features", world / "npy", *annotations, "--out", world / "shards")[0] == 0
    data = ["--features", world / "shards", *annotations]
    train = ["train", "untrimmednet", *data, "--subset", "validation", *TRAINING]
    status, out, err = cli(*train, "--set", "training.iterations=200", "--out", world / "untrimmednet")
    assert status == 0 and "21 videos" in out, err
    train = ["train", "cleannet", *data, "--subset", "validation"]
    status, _, err = cli(*train, "--out", world / "no")
    assert (status, "untrimmednet" in err, err.count("\n")) == (2, True, 1)
    status, _, err = cli(*train, "--init", world / "untrimmednet", "--out", world / "no", "--set", "streams=[rgb]")
    assert (status, "has streams ('rgb', 'flow'), this one ('rgb',)" in err, err.count("\n")) == (2, True, 1)
    settings = ["training.iterations=100", "training.lr=0.001", "channels=16", "anchors=[2,4,8,16]"]
    chosen = [part for setting in settings for part in ("--set", setting)]
    status, _, err = cli(*train, "--init", world / "untrimmednet", "--out", world / "cleannet", *chosen)
    assert status == 0, err
    for method, setting in (("untrimmednet", "smooth=false"), ("cleannet", "select=all")):
        detections, scores = world / f"{method}.json", world / f"{method}.csv"
        localize = ["localize", world / method, *data, "--subset", "test", "--out", detections]
        status, _, err = cli(*localize, "--scores", scores)
        assert status == 0, err
        assert hits(detections, world / "annotations.json") >= 8  # of 9
        parts = {line["part"] for line in csv.DictReader(scores.open())}
        assert parts == ({"fusion", "rgb", "flow"} if method == "untrimmednet" else {"fusion"})
        before = detections.read_bytes()
        assert cli(*localize, "--set", f"localization.{setting}")[0] == 0
        assert detections.read_bytes() != before


def hits(detections, annotations):
    """In how many videos the best detection is of the right class and has tIoU >= 0.5 with an instance."""
    truth, count = read_annotations(annotations), 0
    for name, found in json.loads(detections.read_text())["results"].items():
        best = max(found, key=lambda detection: detection["score"])
        same = [(i.start, i.end) for i in truth[name].instances if i.label == best["label"]]
        count += any(segment_iou(*best["segment"], *bounds) >= 0.5 for bounds in same)
    return count


def test_what_does_not_fit_is_an_error_in_one_line(world, cli):
    data = ["--features", world / "shards", "--annotations", world / "annotations.json", "--subset", "validation"]
    for settings, message in (
        (["actioness=false", "edges=false"], "a proposal needs a score"),
        (["streams=[audio]"], "streams"),
        (["margins=3"], "no such parameter"),
    ):
        chosen = [part for setting in settings for part in ("--set", setting)]
        status, _, err = cli(
            "train", "cleannet", *data, "--init", world / "untrimmednet", "--out", world / "no", *chosen
        )
        assert (status, message in err, err.count("\n")) == (2, True, 1), err
