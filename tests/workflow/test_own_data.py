"""The example of docs/own-data.md, word for word, on a handful of tiny videos, in both suites; and what it promises."""

import csv
import json
import re
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import torch
import yaml

from actionbytes.backbones.i3d import I3D
from actionbytes.backbones.published import git_blob_id
from actionbytes.backbones.weights import save_i3d
from actionbytes.errors import UserError
from actionbytes.planning.plan import Plan

TABLE = "results/mine_gym.csv"
SIDE = 32
WORLD = {
    "pretraining_clips": 60,
    "pretraining_seconds": [1.4, 1.5],
    "clips": 6,
    "clip_seconds": [1.0, 1.5],
    "thumos14_validation_videos": 0,
    "thumos14_test_videos": 2,
    "thumos14_seconds": [4.0, 5.0],
    "activitynet12_training_videos": 0,
    "activitynet12_validation_videos": 2,
    "activitynet12_seconds": [4.0, 5.0],
    "short_side": SIDE,
    "broken": 0,
}


def blocks(root: Path, language: str) -> list[str]:
    """The fenced examples of the page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", (root / "docs" / "own-data.md").read_text(), re.DOTALL)


def render(path: Path, action: str, seconds: float, seed: int) -> None:
    """A bright square that goes up and down ("jump") or sideways ("spin") over noise."""
    random = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=SIDE, height=SIDE, pix_fmt="yuv420p")
        for k in range(round(seconds * 25)):
            picture = random.integers(0, 60, (SIDE, SIDE, 3), np.uint8)
            at = int(12 + 10 * np.sin(k / 3 + seed))
            y, x = (at, 12) if action == "jump" else (12, at)
            picture[y : y + 8, x : x + 8] = 240
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())


def prepared(project: Path, root: Path, suite: str) -> Path:
    """The page's example in a copy of the project, whose suite is made small."""
    for seed, action in enumerate(("jump", "spin")):
        for clip in range(3):
            render(project / "my/clips" / action / f"{'abc'[clip]}.mp4", action, 1.4, 10 * seed + clip)
    (project / "my/clips/jump/c.mp4").write_bytes(b"not a video")
    (project / "my/annotations.json").write_text(blocks(root, "json")[0])
    for name, video in json.loads(blocks(root, "json")[0])["database"].items():
        render(project / f"my/videos/{name}.mp4", video["annotations"][0]["label"], video["duration"], 99)
    dataset, paper = blocks(root, "yaml")
    (project / "papers" / "mine.yaml").write_text(paper)

    params = yaml.safe_load((project / "params.yaml").read_text())
    params["suite"] = suite
    chosen = params[suite]
    chosen["datasets"] |= yaml.safe_load(dataset)
    chosen["decoding"] = {"fps": 25, "short_side": SIDE, "crop": SIDE}
    chosen["flow"] = {"warps": 1, "nscales": 2, "inner_iterations": 5, "outer_iterations": 1}
    if suite == "mini":
        chosen["world"] = WORLD
        chosen["networks"] = {"i3d": {"width": 0.125, "pretraining": {"epochs": 1, "window": 16}}}
    else:
        torch.manual_seed(0)
        for stream, channels in (("rgb", 3), ("flow", 2)):
            path = project / f"my/{stream}.safetensors"
            save_i3d(I3D(channels, 5, 0.125), path)
            chosen["networks"]["i3d"][stream] = {"file": f"my/{stream}.safetensors", "git_blob": git_blob_id(path)}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    return project


@pytest.fixture(scope="module", params=["full", "mini"])
def made(request, tmp_path_factory, root, snakemake, project_copier):
    """The example, made."""
    folder = prepared(project_copier(root, tmp_path_factory.mktemp(request.param)), root, request.param)
    snakemake(folder, "--cores", "2", TABLE)
    return folder


def plan_in(folder: Path, monkeypatch) -> Plan:
    monkeypatch.chdir(folder)
    return Plan.read()


def test_the_example_of_the_page(made, snakemake, monkeypatch):
    plan = plan_in(made, monkeypatch)
    rows = list(csv.DictReader((made / TABLE).open()))
    assert [(r["method"], r["dataset"], r["tiou"]) for r in rows] == [("W-TALC", "gym", t) for t in ("0.3", "0.5")]
    assert {r["videos"] for r in rows} == {"2/2"}
    assert all(0 <= float(r["mean"]) <= 100 and r["tier"] == plan.suite.tier for r in rows)
    home = made / plan.datasets["gym"].home
    truth = json.loads((home / "annotations.json").read_text())["database"]
    assert truth["jump_a"]["annotations"] == [{"label": "jump", "segment": [0.0, 1.4]}]
    assert {row["sha256"] != "" for row in csv.DictReader((home / "videos.csv").open())} == {True}
    listing = {r["video"]: r["status"] for r in csv.DictReader(plan.extraction.features("gym").listing("test").open())}
    assert listing == {"one": "ok", "two": "ok"}
    shards = plan.extraction.features("gym").files("training")
    assert "jump_c" in shards[0].read_bytes().decode("latin1")  # set aside in the shard, and the run went on
    assert not list(home.glob("videos/*"))
    assert "Nothing to be done" in (done := snakemake(made, "--cores", "1", TABLE)).stdout + done.stderr


def test_what_makes_new_features_and_what_only_new_runs(made, tmp_path, monkeypatch, snakemake):
    folder = tmp_path / "copy"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns(".snakemake", "logs"))

    def names() -> tuple[str, str, str]:
        detections = plan_in(folder, monkeypatch).runs.detections("gym_wtalc", "gym")
        return detections.features.recipe.name, detections.run.recipe.name, detections.recipe.name

    first = names()
    assert "Nothing to be done" in (done := snakemake(folder, "--cores", "1", TABLE)).stdout + done.stderr

    (folder / "my/clips").rename(folder / "elsewhere")
    text = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("my/clips", str(folder / "elsewhere")))
    assert names() == first

    annotations = folder / "my/annotations.json"
    annotations.write_text(annotations.read_text().replace("0.6", "0.7"))
    relabelled = names()
    assert relabelled[0] == first[0] and relabelled[1] != first[1] and relabelled[2] != first[2]

    render(folder / "my/videos/one.mp4", "spin", 4.0, 5)
    changed = names()
    assert all(a != b for a, b in zip(changed, relabelled, strict=True))
    dry = snakemake(folder, "--dry-run", "--cores", "1", TABLE)
    assert "extract_shard" in dry.stdout + dry.stderr

    shutil.rmtree(folder / "my/videos")  # as in a clone without videos: the list of the last run stands
    shutil.rmtree(folder / "elsewhere")
    assert names() == first
    done = snakemake(folder, "--cores", "1", TABLE)
    assert not {"decode_shard", "train", "list_own"} & set((done.stdout + done.stderr).split())


WRONG = {
    "no folder of clips": (lambda my: shutil.rmtree(my / "clips"), ["gym.clips", "no such folder"]),
    "no folder of videos": (lambda my: shutil.rmtree(my / "videos"), ["gym.videos", "no such folder"]),
    "no annotations": (lambda my: (my / "annotations.json").unlink(), ["annotations.json", "no such file"]),
    "an empty class": (lambda my: (my / "clips/fly").mkdir(), ["fly", "holds no video"]),
    "a clip beside its class": (lambda my: (my / "clips/a.mp4").touch(), ["a.mp4", "class folders"]),
    "a video without annotation": (lambda my: (my / "videos/x.mp4").touch(), ["x.mp4", "has no annotation"]),
    "an annotation without video": (lambda my: (my / "videos/one.mp4").unlink(), ["'one'", "has no file"]),
    "two files of one id": (lambda my: (my / "clips/jump/a.avi").touch(), ["jump_a", "rename one"]),
    "two videos of one name": (lambda my: (my / "videos/one.avi").touch(), ["one.avi", "one name"]),
    "a mistyped subset": (
        lambda my: (my.parent / "papers/mine.yaml").write_text(
            (my.parent / "papers/mine.yaml").read_text().replace("subset: training", "subset: train")
        ),
        ["'train'", "write 'training'"],
    ),
}


@pytest.fixture(scope="module")
def example(tmp_path_factory, root, project_copier):
    return prepared(project_copier(root, tmp_path_factory.mktemp("wrong")), root, "full")


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_in_one_line(what, example, tmp_path, monkeypatch):
    folder = tmp_path / "project"
    shutil.copytree(example, folder)
    spoil, words = WRONG[what]
    spoil(folder / "my")
    plan = plan_in(folder, monkeypatch)
    with pytest.raises(UserError) as error:
        plan.results.metrics("mine_gym")
    assert all(word in str(error.value) for word in words), error.value
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["../one", "/one", "a/one", ".one", "a\\one", ""])
def test_ids_that_leave_the_folder_are_refused(name, example, tmp_path, monkeypatch):
    folder = tmp_path / "project"
    shutil.copytree(example, folder)
    path = folder / "my/annotations.json"
    truth = json.loads(path.read_text())
    truth["database"][name] = truth["database"].pop("one")
    path.write_text(json.dumps(truth))
    with pytest.raises(UserError, match="cannot name a video"):
        plan_in(folder, monkeypatch).results.metrics("mine_gym")


def test_an_error_is_one_line_of_the_workflow(example, tmp_path, snakemake):
    folder = tmp_path / "project"
    shutil.copytree(example, folder)
    (folder / "my/videos/one.mp4").unlink()
    done = snakemake(folder, "--dry-run", "--cores", "1", TABLE, check=False)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if line][-1].startswith(
        "error: "
    ) and "Traceback" not in done.stderr


def test_a_dataset_that_is_not_there_is_named_when_its_table_is_wanted(example, tmp_path, snakemake):
    folder = tmp_path / "project"
    shutil.copytree(example, folder)
    done = snakemake(folder, "--dry-run", "--cores", "1", "results/table1_what2when.csv", check=False)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if "videos.csv: no such file" in line]


def test_subset_folders(example, tmp_path, monkeypatch):
    folder = tmp_path / "project"
    shutil.copytree(example, folder)
    clips = folder / "my/clips"
    clips.rename(folder / "my/train")
    clips.mkdir()
    (folder / "my/train").rename(clips / "train")
    text = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("      subset: training\n", ""))
    own = plan_in(folder, monkeypatch).datasets["gym"].data
    assert {(r.video, r.subset, r.label) for r in own.rows if r.label == "spin"} == {
        (f"train_spin_{k}", "training", "spin") for k in "abc"
    }
    render(clips / "train/spin/a.mp4", "jump", 1.0, 77)
    entry = next(r for r in own.rows if r.video == "train_spin_a")
    with pytest.raises(UserError, match="has changed since the run began"):
        own.unchanged(entry)
