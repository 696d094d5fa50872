"""Pretraining from what the stages decoded: which clips are learned from."""

import numpy as np

from actionbytes.backbones.parameters import Pretraining
from actionbytes.backbones.weights import read_weights
from actionbytes.data.annotations import Instance, Video, write_annotations
from actionbytes.data.manifests import Status
from actionbytes.features.shards import STATUS
from actionbytes.files import write_rows
from actionbytes.steps.pretrain import pretrain_stream
from actionbytes.video.clips import write_clip

PARAMETERS = Pretraining(epochs=1, batch=4, window=16, crop=1.0, held_out=0.25)


def test_clips_that_are_short_or_without_class_are_left_out(tmp_path, caplog):
    rng = np.random.default_rng(0)
    lengths = {"a0": 16, "a1": 20, "b0": 16, "b1": 16, "short": 15, "unnamed": 16}
    classes = {name: name[0] if name != "short" else "a" for name in lengths}
    for name, frames in lengths.items():
        write_clip(tmp_path / f"{name}.frames", rng.integers(0, 255, (frames, 32, 32, 3), np.uint8))
    statuses = [Status(name, frames, "ok") for name, frames in lengths.items()]
    write_rows(tmp_path / STATUS, [*statuses, Status("broken", 0, "set aside", "empty")], Status)
    videos = {
        name: Video(name, "training", 1.0, 25.0, () if name == "unnamed" else (Instance(classes[name], 0, 1),))
        for name in lengths
    }
    write_annotations(tmp_path / "annotations.json", videos)
    out = tmp_path / "out" / "rgb.safetensors"
    pretrain_stream(
        stream="rgb",
        folders=[tmp_path],
        annotations=tmp_path / "annotations.json",
        width=0.125,
        pretraining=PARAMETERS,
        seed=0,
        out=out,
    )
    assert "short: left out, has 15 frames of at least 16" in caplog.text
    _, about = read_weights(out)
    assert about["classes"] == ["a", "b"] and about["stream"] == "rgb"
    assert sorted(path.name for path in out.parent.iterdir()) == ["rgb.log.csv", "rgb.safetensors"]
