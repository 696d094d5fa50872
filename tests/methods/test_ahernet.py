"""AherNet: what runs of it and of its variants do."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from actionbytes.errors import UserError
from actionbytes.localization.nms import segment_iou
from actionbytes.methods.ahernet.detection import AnchorRules
from actionbytes.methods.ahernet.network import Ahernet
from actionbytes.methods.ahernet.parameters import AhernetParameters
from actionbytes.methods.ahernet_single.parameters import AhernetSingleParameters
from actionbytes.progress import silent
from actionbytes.training.loop import fit
from actionbytes.training.runs import LOG, MODEL, ROUNDS, load_run

spec = importlib.util.spec_from_file_location("ahernet_toys", Path(__file__).with_name("ahernet_toys.py"))
toys = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toys)
DIM, NET, SMALL, quick, sets = toys.DIM, toys.NET, toys.SMALL, toys.quick, toys.sets
VARIANTS = {
    "summed": {},
    "separate": {"adams": "separate", "generator_steps": 2, "synthesis": "shifted"},
    "algorithm": {"moment_backbone": "fixed", "discriminator_into_backbone": True, "objectness": False},
    "pretrained": {"contexts": "pretrained"},
    "noise": {"contexts": "noise", "class_cells": "foreground", "offsets": "decoded"},
    "minus": {"classifier": "proposals", "contexts": "off"},
    "minus separate": {"classifier": "proposals", "contexts": "off", "adams": "separate"},
}
LONGER = quick(iterations=9)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A finished run of the anchor network on the untrimmed videos."""
    out = tmp_path_factory.mktemp("runs") / "start"
    training = quick(iterations=100, lr=3e-3, batch=8)
    return fit("ahernet_single", AhernetSingleParameters(**NET), training, {"videos": toys.untrimmed()}, 0, out)


def run(out, start, training=None, seed=0, progress=silent, **parameters):
    settings = AhernetParameters(**SMALL | parameters)
    return fit("ahernet", settings, training or quick(), sets(), seed, out, {"localizer": start}, progress, 0)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_trains_twice_to_the_same_weights_and_survives_interruptions(tmp_path, start, name):
    whole = run(tmp_path / "whole", start, **VARIANTS[name])
    again = run(tmp_path / "again", start, **VARIANTS[name])
    assert (whole / MODEL).read_bytes() == (again / MODEL).read_bytes()

    calls = iter(range(100))

    def every_second(done, total, line):  # of the log's lines; behind each of the others is a checkpoint
        if next(calls) % 2:
            raise KeyboardInterrupt

    for _ in range(10):
        try:
            run(tmp_path / "cut", start, progress=every_second, **VARIANTS[name])
            break
        except KeyboardInterrupt:
            pass
    assert (tmp_path / "cut" / MODEL).read_bytes() == (whole / MODEL).read_bytes()
    assert (tmp_path / "cut" / LOG).read_bytes() == (whole / LOG).read_bytes()


@pytest.mark.slow
def test_kill_9_loses_nothing(tmp_path, start):
    """This file is run as a script by another process, which kills itself on the way."""
    process = subprocess.run([sys.executable, __file__, str(tmp_path / "cut"), str(start)], check=False)
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(UserError, match="not finished"):
        load_run(tmp_path / "cut")
    models = [(run(tmp_path / name, start, LONGER) / MODEL).read_bytes() for name in ("cut", "whole")]
    assert models[0] == models[1]


def test_generators_of_a_minus_learn_contexts_first_and_then_stay(tmp_path, start):
    folder = run(tmp_path, start, contexts="pretrained")
    first, last = (load_run(folder, round=n)[0] for n in (1, 2))
    fresh = Ahernet(DIM, 3, AhernetParameters(**SMALL, contexts="pretrained"), torch.Generator().manual_seed(0), 2)
    name = "generators.before.first.weight"
    assert first.state_dict()[name].equal(last.state_dict()[name])
    assert not first.backbone.stem[0].weight.equal(last.backbone.stem[0].weight)
    assert first.state_dict()[name].shape == fresh.state_dict()[name].shape
    lines = (folder / LOG).read_text().splitlines()
    assert len(lines) == 5 and "discriminator" not in lines[0]


def test_the_share_of_truth_without_an_anchor_is_logged_and_noted(tmp_path, start):
    folder = run(tmp_path, start)
    assert "uncovered" in (folder / LOG).read_text().splitlines()[0]
    assert 0 < float((folder / ROUNDS).read_text().splitlines()[1].split(",")[1]) < 1


def test_untrimmed_videos_without_segments_are_an_error(tmp_path, start):
    bare = toys.untrimmed()
    bare = bare.__class__(**{**vars(bare), "segments": None})
    with pytest.raises(UserError, match="need segments"):
        fit(
            "ahernet",
            AhernetParameters(**SMALL),
            quick(),
            sets() | {"untrimmed": bare},
            0,
            tmp_path,
            {"localizer": start},
        )


def test_moments_that_are_all_too_short_are_an_error(tmp_path, start):
    with pytest.raises(UserError, match="every video is shorter than 99 snippets"):
        run(tmp_path, start, min_moment=99)


def test_a_start_of_another_size_is_an_error(tmp_path, start):
    with pytest.raises(UserError, match="differ; set alike"):
        run(tmp_path, start, stem=(12, 13))


def test_settings_that_contradict_each_other_are_an_error():
    for settings in ({"rho": (15, 14)}, {"classifier": "proposals"}, {"background": 0.9}):
        with pytest.raises(ValueError, match=r"smallest|localizes no moments|above foreground"):
            AhernetParameters(**SMALL | settings)


@pytest.mark.slow
def test_it_localizes_classes_that_it_knows_from_moments_alone(tmp_path, start):
    """Mean tIoU of the best detection with the truth, and how many videos get their class."""
    training = quick(iterations=120, lr=2e-3, batch=8)
    model, config = load_run(run(tmp_path, start, training))
    assert config.classes == ("c", "d", "e")
    test = toys.untrimmed((2, 3, 4), ("c", "d", "e"), 12, seed=5)
    right, overlaps = [], []
    for i, label in enumerate(test.labels.argmax(1)):
        detected = model.detect(test.video(i), AnchorRules())
        found = detected.segments
        assert len(found.start) <= 100 and (np.diff(found.score) <= 0).all()
        right.append(found.label[0] == label)
        start_, end = test.segments[i][:, :2].T
        ours = found.label == label
        bounds = zip(start_, end, strict=True)
        overlaps += [segment_iou(found.start[ours], found.end[ours], *both).max(initial=0) for both in bounds]
    assert np.mean(right) >= 0.75 and np.mean(overlaps) > 0.5


if __name__ == "__main__":
    counted = iter(range(100))

    def suicide(done, total, line):
        if next(counted) == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    run(Path(sys.argv[1]), Path(sys.argv[2]), LONGER, progress=suicide)
