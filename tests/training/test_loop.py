"""Training: learns, repeats, resumes to identical weights, and says in one line what is wrong."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from actionbytes.errors import UserError
from actionbytes.features.store import PackedFeatures
from actionbytes.methods.actionbytes.parameters import ActionBytesParameters as ActionBytes
from actionbytes.methods.wtalc.parameters import WtalcParameters as Wtalc
from actionbytes.training.checkpoints import CHECKPOINT
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import CONFIG, LOG, MODEL, ROUNDS, load_run, read_config
from actionbytes.training.sources import training_set

CLASSES = ("jump", "run", "throw")
QUICK = Training(iterations=12, lr=1e-3, log_every=4)
METHODS = {"wtalc": Wtalc(latent_dim=16), "actionbytes": ActionBytes(latent_dim=16, clusters=5, rounds=2)}


def world(count=24, dim=20, noise=0.2):
    """Videos of 6 to 14 snippets, the middle third of which shows their class."""
    rng = np.random.default_rng(0)
    shown, background = 2 * rng.random((3, dim)), rng.random(dim)
    kinds, videos = np.arange(count) % 3, []
    for kind in kinds:
        x = np.tile(background, (rng.integers(6, 15), 1))
        third = len(x) // 3
        x[third : 2 * third] = shown[kind]
        videos.append(np.maximum(x + noise * rng.normal(size=x.shape), 0))
    lengths = np.array([len(x) for x in videos])
    names = [f"clip{i}" for i in range(count)]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    features = PackedFeatures(names, offsets, np.concatenate(videos).astype(np.float16), 0.64, lengths * 0.64)
    return features, np.eye(3, dtype=bool)[kinds]


def run(out, name="wtalc", training=QUICK, seed=0, data=None, **more):
    parameters = more.pop("parameters", METHODS[name])
    sets = {"videos": training_set(*(data or world()), CLASSES)}
    return fit(name, parameters, training, sets, seed, out, **more)


def contents(folder, names=(MODEL, LOG, CONFIG)):
    return [(folder / name).read_bytes() for name in names]


def stop_after(count, stop):
    calls = iter(range(1, 10_000))

    def progress(done, total, losses):
        if next(calls) == count:
            stop()

    return progress


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_gives_the_same_bytes_with_any_number_of_cores(tmp_path, name):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    run(tmp_path / "a", name)
    torch.set_num_threads(2)
    run(tmp_path / "b", name)
    assert torch.get_num_threads() == 2 and not torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(before)
    run(tmp_path / "c", name, seed=1)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a", [MODEL]) != contents(tmp_path / "c", [MODEL])


@pytest.mark.parametrize(("name", "calls"), [("wtalc", (1, 3)), ("actionbytes", (1, 3, 4, 2))])
def test_an_interrupted_run_goes_on_to_the_same_bytes(tmp_path, name, calls):
    """actionbytes reports 3 times in its W-TALC run, then 3 times in each of two rounds."""
    run(tmp_path / "whole", name)
    for count in calls:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut", name, progress=stop_after(count, interrupt), checkpoint_s=0)
    run(tmp_path / "cut", name, checkpoint_s=0)
    assert contents(tmp_path / "whole") == contents(tmp_path / "cut")
    assert not (tmp_path / "cut" / CHECKPOINT).exists()
    if name == "actionbytes":
        more = [ROUNDS, "round1.safetensors", "baseline/model.safetensors"]
        assert contents(tmp_path / "whole", more) == contents(tmp_path / "cut", more)


@pytest.mark.slow
def test_kill_9_loses_nothing(tmp_path):
    """This file is run as a script by another process, which kills itself on the way."""
    process = subprocess.run([sys.executable, __file__, str(tmp_path / "cut")], check=False)
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(UserError, match="not finished"):
        load_run(tmp_path / "cut")
    assert contents(run(tmp_path / "cut", "actionbytes")) == contents(run(tmp_path / "whole", "actionbytes"))


def test_a_finished_run_is_left_as_it_is_and_another_is_refused(tmp_path):
    run(tmp_path)
    before = (tmp_path / MODEL).stat().st_mtime_ns
    run(tmp_path, progress=lambda *_: pytest.fail("trains again"))
    assert (tmp_path / MODEL).stat().st_mtime_ns == before
    features, labels = world(noise=0.3)
    for change in ({"seed": 5}, {"training": QUICK.model_copy(update={"lr": 1.0})}, {"data": (features, labels)}):
        with pytest.raises(UserError, match="another configuration or other data"):
            run(tmp_path, **change)


def test_mining_starts_from_the_given_run(tmp_path):
    base = run(tmp_path / "base")
    given = run(tmp_path / "given", "actionbytes", starts={"baseline": base})
    own = run(tmp_path / "own", "actionbytes")
    assert contents(given) == contents(own) and not (given / "baseline").exists()
    with pytest.raises(UserError, match="is a run of actionbytes"):
        run(tmp_path / "wrong", "actionbytes", starts={"baseline": given})
    with pytest.raises(UserError, match="starts from no run called 'base'; it starts from: baseline"):
        run(tmp_path / "wrong", "actionbytes", starts={"base": base})


def test_the_log_has_a_line_for_every_so_many_steps(tmp_path):
    run(tmp_path, "actionbytes")
    lines = list(csv.DictReader((tmp_path / LOG).open()))
    assert [(x["round"], x["step"]) for x in lines] == [(s, t) for s in "12" for t in ("4", "8", "12")]
    assert set(lines[0]) == {"round", "step", "total", "mil", "coactivity", "transfer"}
    facts = list(csv.DictReader((tmp_path / ROUNDS).open()))
    assert facts[0]["nmi"] == "" and 0 <= float(facts[1]["nmi"]) <= 1 and float(facts[0]["objective"]) > 0


def test_wtalc_learns_classes_and_where_they_are(tmp_path):
    features, labels = world()
    run(tmp_path, training=Training(iterations=150, lr=1e-2), parameters=Wtalc(latent_dim=64))
    method, config = load_run(tmp_path)
    assert config.classes == CLASSES
    inside = 0
    for i in range(len(labels)):
        found = method.predict(features.video(i))
        assert found.scores.argmax() == labels[i].argmax()
        third = len(found.cas) // 3
        inside += third <= found.cas[:, labels[i].argmax()].argmax() < 2 * third
    assert inside >= 0.9 * len(labels)


@pytest.mark.slow
def test_mining_ends_with_a_model_of_the_true_classes(tmp_path):
    features, labels = world()
    settings = ActionBytes(latent_dim=64, clusters=12, rounds=2, dropout=0.3)
    run(tmp_path, "actionbytes", Training(iterations=200, lr=3e-3), parameters=settings)
    right = [
        np.mean([m.predict(features.video(i)).scores.argmax() == labels[i].argmax() for i in range(len(labels))])
        for m in (load_run(tmp_path, round=1)[0], load_run(tmp_path)[0])
    ]
    assert min(right) >= 0.9


def test_memory_mapped_rows_and_videos_longer_than_the_window(tmp_path):
    features, labels = world()
    np.save(tmp_path / "rows.npy", features.rows)
    mapped = PackedFeatures(
        features.names,
        features.offsets,
        np.load(tmp_path / "rows.npy", mmap_mode="r"),
        features.hop_s,
        features.durations,
    )
    short = QUICK.model_copy(update={"max_length": 4})
    one = run(tmp_path / "one", training=short)
    assert contents(one) == contents(run(tmp_path / "two", training=short, data=(mapped, labels)))


def test_nan_in_features_names_the_video(tmp_path):
    features, labels = world()
    rows = features.rows.copy()
    rows[features.offsets[7]] = np.nan
    broken = PackedFeatures(features.names, features.offsets, rows, 0.64, features.durations)
    for name in METHODS:
        with pytest.raises(UserError, match="clip7: features hold NaN"):
            run(tmp_path / name, name, data=(broken, labels))


def test_divergence_names_the_step(tmp_path):
    with pytest.raises(UserError, match=r"not finite at step \d+ of round 1: training diverged; lower training.lr"):
        run(tmp_path, training=Training(iterations=60, lr=1e30))


def test_videos_without_a_label_are_an_error(tmp_path):
    features, labels = world()
    labels = labels.copy()
    labels[3] = False
    with pytest.raises(UserError, match="1 videos have no label, such as clip3"):
        run(tmp_path, data=(features, labels))


def test_a_negative_seed_is_an_error(tmp_path):
    with pytest.raises(UserError, match="seed -1"):
        run(tmp_path, seed=-1)


def test_a_run_that_is_not_there_or_broken_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no run there"):
        load_run(tmp_path / "nowhere")
    run(tmp_path / "run")
    with pytest.raises(UserError, match="has no round 2; its rounds go from 1 to 1"):
        load_run(tmp_path / "run", round=2)
    (tmp_path / "run" / MODEL).write_bytes(b"rubbish")
    with pytest.raises(UserError, match="does not hold this run's weights"):
        load_run(tmp_path / "run")
    (tmp_path / "run" / CONFIG).write_text("speed: 3\n" + (tmp_path / "run" / CONFIG).read_text())
    with pytest.raises(UserError, match="speed: no such parameter"):
        read_config(tmp_path / "run")


if __name__ == "__main__":
    suicide = stop_after(7, lambda: os.kill(os.getpid(), signal.SIGKILL))
    run(Path(sys.argv[1]), "actionbytes", progress=suicide, checkpoint_s=0)
