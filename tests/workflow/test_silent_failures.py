"""What goes wrong silently where time stamps decide, and what a power cut leaves: nothing stale, nothing half."""

import os
import re
import shutil
import signal
import stat
import subprocess
import time

import pytest
import yaml

from actionbytes.planning.plan import Plan


def wants(small, folder, *targets):
    done = small.run(folder, "snakemake", "--dry-run", "--cores", "1", *targets)
    return dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, re.MULTILINE))


def set_back(folder):
    """Give every file one old time, as a tool would that wants to stop spurious runs."""
    for path in folder.rglob("*"):
        if path.is_file() and ".git" not in path.parts and ".dvc" not in path.parts:
            os.utime(path, (1, 1))


def metrics_shown(folder):
    plan = Plan.read(folder)
    return [folder / path for path in plan.results.metrics("table1_what2when")]


def test_a_parameter_edited_after_a_pull_is_not_recorded_beside_old_artifacts(clone, small):
    """(1) Outputs without .snakemake/metadata: Snakemake would see nothing to do, DVC would record fps 10 beside 25."""
    small.run(clone, "dvc", "pull")
    assert not (clone / ".snakemake").exists()
    small.edit(clone, "mini", "decoding", "fps", value=10)
    set_back(clone)
    jobs = wants(small, clone, "features")
    assert jobs["extract_shard"] == "2"
    small.run(clone, "git", "checkout", "params.yaml")
    small.loosen(clone)
    set_back(clone)
    small.run(clone, "dvc", "repro")
    lock = yaml.safe_load((clone / "dvc.lock").read_text())["stages"]["runs"]
    kept = yaml.safe_load(small.run(clone, "git", "show", "HEAD:dvc.lock").stdout)["stages"]["runs"]
    assert lock["outs"][0]["md5"] != kept["outs"][0]["md5"]
    for path in metrics_shown(clone):
        assert path.exists()
    recipes = [path.with_name("recipe.json").read_text() for path in metrics_shown(clone)]
    assert any('"class_rule": "zero"' in recipe for recipe in recipes)


@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_an_unprotecting_copy_does_not_make_stale_outputs_fresh(clone, small, kind):
    """(2) DVC copies linked outs before a stage: their new time hides an edit from whoever judges by time."""
    small.run(clone, "dvc", "config", "--local", "cache.type", kind)
    small.run(clone, "dvc", "pull")
    small.loosen(clone)
    future = time.time() + 3600  # what unprotecting does, and worse
    runs = clone / "results/runs"
    small.run(clone, "dvc", "unprotect", "results/runs/mini")
    small.run(clone, "dvc", "unprotect", "results/figures")
    for path in [*runs.rglob("*"), *clone.glob("results/figures/*"), *clone.glob("results/*.*")]:
        os.utime(path, (future, future))
    jobs = wants(small, clone, "all")
    assert (jobs["detect"], jobs["evaluate"], jobs["render_table"]) == ("1", "1", "1")
    assert jobs["render_figure"] == "1"  # the one that shows the detections


def test_an_edit_between_pull_and_first_run_is_seen_whatever_the_times_say(clone, small):
    """(3) Setting back the times of inputs, to stop spurious runs, hides an edit that was made before."""
    small.run(clone, "dvc", "pull")
    small.edit(clone, "mini", "world", "seed", value=1)
    set_back(clone)
    jobs = wants(small, clone, "all")
    assert (jobs["render_videos"], jobs["extract_shard"], jobs["train"]) == ("2", "2", "2")


def test_a_stage_does_not_lose_what_other_recipes_made(clone, small):
    """(4) Without persist, DVC clears an out before its stage, and with it every other recipe."""
    small.run(clone, "dvc", "pull")
    before = {path: path.read_bytes() for path in (clone / "results/runs").rglob("*") if path.is_file()}
    keys = clone / "results/.keys/stage-runs.json"
    small.loosen(clone)
    small.run(clone, "actionbytes", "plan")
    changed = keys.read_bytes()
    small.run(clone, "dvc", "repro", "runs")
    assert keys.read_bytes() == changed
    assert all(path.read_bytes() == content for path, content in before.items())


# power cuts


def kill_when(folder, command, ready, small, seconds=900):
    """Start a command, and kill it and all that it started as soon as `ready()`; False if it ended before."""
    environment = os.environ | {"PATH": small.binaries(), "DVC_NO_ANALYTICS": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    process = subprocess.Popen(command, cwd=folder, env=environment, **quiet)
    deadline = time.monotonic() + seconds
    while not ready() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    ended = process.poll() is not None
    if not ended:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return not ended


def test_power_cut_during_repro(clone, kept, small):
    small.run(clone, "dvc", "pull")
    shutil.rmtree(clone / "results/runs")
    lock = (clone / "dvc.lock").read_bytes()
    logs = clone / "logs"
    assert kill_when(clone, ["dvc", "repro"], lambda: list(logs.glob("detect/*.log")), small)
    assert (clone / "dvc.lock").read_bytes() == lock
    small.run(clone, "dvc", "repro")
    for path in (kept / "origin/results/runs").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (clone / path.relative_to(kept / "origin")).read_bytes(), path
    assert not list(clone.rglob("*.partial"))
    again = set(wants(small, clone, "all", "features", "runs")) - {"all", "total"}
    assert again <= {"render_table", "render_figure"}  # detections with the same bytes, but newer: drawn once more
    small.run(clone, "snakemake", "--cores", "1", "all")
    assert wants(small, clone, "all", "features", "runs") == {}


def test_power_cut_during_push(clone, small, tmp_path):
    small.run(clone, "dvc", "pull")
    remote = tmp_path / "actionbytes-cache"
    shutil.rmtree(remote)
    files = lambda: [path for path in remote.rglob("*") if path.is_file()]  # noqa: E731
    assert kill_when(clone, ["dvc", "push", "--jobs", "1"], files, small)
    # DVC tries a reflink into the final name, empty for a moment; it trusts what is read-only and hashes the rest
    assert all(path.stat().st_mode & stat.S_IWUSR for path in small.half_objects(remote))
    small.run(tmp_path, "git", "clone", "-q", clone, "other")
    other = tmp_path / "other"
    early = small.run(other, "dvc", "pull", check=False)
    kept = {
        path.relative_to(clone / ".dvc/cache") for path in (clone / ".dvc/cache/files").rglob("*") if path.is_file()
    }
    missing = kept - {path.relative_to(remote) for path in files()}
    assert early.returncode != 0 or not missing  # loudly, not with half of the files; a fast push may have been whole
    assert not small.half_objects(other / ".dvc/cache")
    small.run(clone, "dvc", "push")
    assert not small.half_objects(remote)
    small.run(other, "dvc", "pull")
    assert set(wants(small, other, "all", "features", "runs")) <= {"render_table", "render_figure", "all", "total"}
    files = [path for path in (clone / "results/runs").rglob("*") if path.is_file()]
    assert files
    assert all(path.read_bytes() == (other / path.relative_to(clone)).read_bytes() for path in files)


@pytest.mark.parametrize("share", [0, 0.5], ids=["empty", "half"])
def test_what_a_cut_push_had_begun_is_begun_anew(clone, small, tmp_path, share):
    """An object under its name, but not yet read-only; the lists of the folders were still to come."""
    small.run(clone, "dvc", "pull")
    remote = tmp_path / "actionbytes-cache"
    small.cut_object(remote, share)
    for path in remote.rglob("*.dir"):
        path.unlink()
    small.run(tmp_path, "git", "clone", "-q", clone, "other")
    other = tmp_path / "other"
    assert small.run(other, "dvc", "pull", check=False).returncode != 0
    assert not small.half_objects(other / ".dvc/cache")
    small.run(clone, "dvc", "push")
    assert not small.half_objects(remote)
    small.run(other, "dvc", "pull")


def test_power_cut_during_a_job(clone, kept, small):
    small.run(clone, "dvc", "pull")
    models = list((clone / "results/runs").rglob("model.safetensors"))
    for path in models:
        path.unlink()
    command = ["snakemake", "--cores", "1", "all", "runs"]
    logs = clone / "logs/train"
    assert kill_when(clone, command, lambda: list(logs.glob("*.log")), small)
    assert not all(path.exists() for path in models)
    small.run(clone, *command)
    for path in models:
        assert path.read_bytes() == (kept / "origin" / path.relative_to(clone)).read_bytes()


def test_a_clock_that_was_set_back_loses_nothing(clone, small):
    """Inputs newer than now: Snakemake would fail every job that reads them and delete what the job has made."""
    small.run(clone, "dvc", "pull")
    small.loosen(clone)
    future = time.time() + 3600
    for path in [*(clone / "data").rglob("*"), *(clone / "results/runs").rglob("*"), *clone.glob("papers/*")]:
        os.utime(path, (future, future))
    small.run(clone, "snakemake", "--cores", "2", "all", "results/audit.csv")
    assert all(path.exists() for path in metrics_shown(clone))
