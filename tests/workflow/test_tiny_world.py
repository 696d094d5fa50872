"""Table 1 of a tiny world, from pixels: complete, repeatable, robust against kills and broken files."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from actionbytes.data.annotations import of_subset, read_annotations
from actionbytes.data.exclusions import read_excluded
from actionbytes.planning.plan import Plan

TABLE = "results/table1_what2when.csv"
WORLD = {
    "pretraining_clips": 60,
    "pretraining_seconds": [1.8, 2.0],
    "clips": 60,
    "clip_seconds": [2.0, 3.0],
    "thumos14_validation_videos": 0,
    "thumos14_test_videos": 4,
    "thumos14_seconds": [12.0, 16.0],
    "activitynet12_training_videos": 0,
    "activitynet12_validation_videos": 4,
    "activitynet12_seconds": [10.0, 14.0],
    "short_side": 32,
    "broken": 5,
}


def tiny(project: Path) -> Path:
    """Make the project's mini world tiny: minutes become seconds, numbers become meaningless."""
    params = yaml.safe_load((project / "params.yaml").read_text())
    mini = params["mini"]
    mini["world"] = WORLD
    mini["decoding"] = {"fps": 25, "short_side": 32, "crop": 32}
    mini["flow"] = {"warps": 1, "nscales": 2, "inner_iterations": 5, "outer_iterations": 1}
    mini["networks"] = {"i3d": {"width": 0.125, "pretraining": {"epochs": 1, "window": 16}}}
    for name, method in mini["methods"].items():
        method["training"] = {"iterations": 12}
        method["parameters"] = {"segments": 8} if name == "stpn" else {"latent_dim": 16}
    mini["methods"]["actionbytes"]["parameters"]["clusters"] = 8
    params["seeds"] = [0, 1]
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    return project


@pytest.fixture(scope="module")
def made(tmp_path_factory, root, snakemake, project_copier):
    """A tiny project with its table, made with two cores."""
    folder = tiny(project_copier(root, tmp_path_factory.mktemp("tiny")))
    snakemake(folder, "--cores", "2", TABLE)
    return folder


def test_the_table_is_whole(made):
    rows = list(csv.DictReader((made / TABLE).open()))
    assert {r["method"] for r in rows} == {"Baseline", "Ours", "Ours (+ Proposals)"}
    assert {r["dataset"] for r in rows} == {"thumos14", "multithumos", "activitynet12"}
    assert {r["tiou"] for r in rows} == {"0.3", "0.4", "0.5", "0.7"}
    assert all(r["tier"] == "C" and r["n_seeds"] == "2" and r["std"] for r in rows)
    assert all(float(r["paper"]) > 0 for r in rows)
    assert "tier C" in (made / TABLE).with_suffix(".md").read_text()
    assert r"\toprule" in (made / TABLE).with_suffix(".tex").read_text()
    provenance = json.loads((made / TABLE).with_suffix(".provenance.json").read_text())
    assert len(provenance["runs"]) == 3 * 3 * 2
    assert provenance["versions"]["torch"]


def test_broken_videos_are_set_aside_and_counted(made):
    plan = Plan.read(made)
    listing = made / plan.extraction.features("thumos14").listing("test")
    rows = {r["video"]: r for r in csv.DictReader(listing.open())}
    aside = [r for r in rows.values() if r["status"] == "set aside"]
    assert len(rows) == 9
    assert 4 <= len(aside) <= 5  # of a truncated file, what decodes may be kept
    assert all(r["reason"] for r in rows.values() if r["status"] != "ok")
    counts = {r["videos"] for r in csv.DictReader((made / TABLE).open()) if r["dataset"] == "thumos14"}
    assert counts == {f"{9 - len(aside)}/9"}
    assert "set aside" in (made / TABLE).with_suffix(".md").read_text()


def test_temporary_frames_and_flow_are_gone(made):
    assert not list(made.glob("data/mini/*/frames/*/*"))
    assert not list(made.glob("data/mini/*/flow/*/*"))
    assert not list(made.rglob("*.partial"))


def test_a_second_run_does_nothing(made, snakemake):
    before = {p: p.stat().st_mtime_ns for p in made.glob("results/**/*") if p.is_file()}
    done = snakemake(made, "--cores", "2", TABLE)
    assert "Nothing to be done" in done.stdout + done.stderr
    assert before == {p: p.stat().st_mtime_ns for p in made.glob("results/**/*") if p.is_file()}


def test_truth_is_that_of_the_rendered_files(made):
    videos = of_subset(read_annotations(made / "data/mini/thumos14/annotations.json"), "test")
    assert all(v.instances for v in videos.values())


def test_figures_and_zero_shot_come_from_the_same_world(made, snakemake):
    """The figures of ActionBytes and the zero-shot table; whose classes were left out is a file."""
    figures = ["fig4_actionbytes", "fig6_iterations", "fig7_proposals", "fig8_qualitative"]
    targets = ["results/table2_zero_shot.csv", *(f"results/figures/{name}.png" for name in figures)]
    snakemake(made, "--cores", "2", *targets)
    for name in figures:
        folder = made / "results/figures"
        assert (folder / f"{name}.png").read_bytes()[1:4] == b"PNG"
        assert (folder / f"{name}.pdf").read_bytes()[:4] == b"%PDF"
        assert len(list(csv.DictReader((folder / f"{name}.csv").open()))) > 3
        assert json.loads((folder / f"{name}.provenance.json").read_text())["runs"]
    rounds = [r["x"] for r in csv.DictReader((made / "results/figures/fig6_iterations.csv").open())]
    assert rounds[:6] == ["0", "1", "2", "3", "4", "5"]
    (excluded,) = made.glob("results/exclusions/mini/kinetics400-without-thumos14-*.csv")
    assert "clean and jerk" in read_excluded(excluded)
    runs = [
        yaml.safe_load(path.open()) for path in made.glob("results/runs/mini/wtalc-kinetics400-*/seed0/config.yaml")
    ]
    assert {len(run["classes"]) for run in runs} == {32, 32 - len(read_excluded(excluded))}
    before = {path: path.read_bytes() for path in (made / "results/figures").iterdir()}
    for path in (made / "results/figures").glob("*.p*"):
        path.unlink()
    (made / "data/mini/thumos14/videos").rename(made / "data/mini/thumos14/away")  # pictures need no videos
    try:
        snakemake(made, "--cores", "2", *targets)
    finally:
        (made / "data/mini/thumos14/away").rename(made / "data/mini/thumos14/videos")
    after = {path: path.read_bytes() for path in (made / "results/figures").iterdir()}
    same = {path.name for path in before if before[path] == after[path]}
    assert {f"{name}.{kind}" for name in figures for kind in ("png", "pdf", "csv")} <= same


def kill_at(folder: Path, rule: str, seconds: float = 300) -> None:
    """Start the workflow, and kill it and all it started as soon as `rule` has begun its work."""
    command = [Path(sys.executable).parent / "snakemake", "--cores", "1", TABLE]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **quiet)
    deadline = time.monotonic() + seconds
    while not list((folder / "logs" / rule).glob("*.log")):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_thrice_with_one_core_it_ends_with_the_same_bytes(made, project, snakemake):
    folder = tiny(project)
    for rule in ("flow_shard", "extract_shard", "train"):
        kill_at(folder, rule)
    snakemake(folder, "--cores", "1", TABLE)
    for name in (TABLE, TABLE.replace(".csv", ".md"), TABLE.replace(".csv", ".tex")):
        assert (folder / name).read_bytes() == (made / name).read_bytes(), name
    for path in made.glob("data/mini/*/features/*/*.h5"):
        assert path.read_bytes() == (folder / path.relative_to(made)).read_bytes(), path.name
    models = list(folder.glob("results/runs/mini/*/seed*/model.safetensors"))
    assert len(models) == 4  # other tests have made more in the other folder
    for path in models:
        assert path.read_bytes() == (made / path.relative_to(folder)).read_bytes(), path
