"""docs/add-a-method.md is done as it is written there: its files are put in place and its commands are run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from actionbytes.data.annotations import Instance, Video, write_annotations
from actionbytes.data.scores import read_scores
from actionbytes.features.store import VideoFeatures, write_shard

DIM, STEPS, CLASSES = 12, 40, ("jump", "run", "throw")


def world(folder: Path) -> None:
    """Shards and annotations in which each class adds its own pattern where it happens."""
    rng = np.random.default_rng(0)
    patterns, videos, features = rng.random((3, 2 * DIM)) * 2, {}, {}
    for i in range(30):
        name, c = f"v{i:02d}", i % 3
        x = (rng.random((STEPS, 2 * DIM)) * 0.5).astype(np.float32)
        x[10:16] += patterns[c]
        x[25:30] += patterns[c]
        spans = [(10, 16), (25, 30)]
        found = tuple(Instance(CLASSES[c], a * 0.64, b * 0.64) for a, b in spans)
        videos[name] = Video(name, "validation" if i < 20 else "test", STEPS * 0.64, 25.0, found)
        features[name] = VideoFeatures({"rgb": x[:, :DIM], "flow": x[:, DIM:]}, STEPS * 0.64, STEPS * 16, 25, 16, 0.64)
    (folder / "shards").mkdir()
    write_shard(folder / "shards" / "all.h5", features.items(), {"made": "for a test"})
    write_annotations(folder / "annotations.json", videos)


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory, root):
    """The repository's workflow and package in a folder, with the files of the document in place."""
    folder = tmp_path_factory.mktemp("project")
    for part in ("src", "papers", "workflow", "profiles"):
        shutil.copytree(root / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("Snakefile", "params.yaml"):
        shutil.copy(root / part, folder / part)
    text = (root / "docs" / "add-a-method.md").read_text()
    files = re.findall(r"^### [^\n]*`([\w./]+)`\n+```\w+\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    methods = [f"src/actionbytes/methods/{name}" for name in ("mean_logits", "spotter")]
    code = [f"{folder}/{file}.py" for folder in methods for file in ("__init__", "parameters", "network")]
    assert [name for name, _ in files] == [
        *code[:3],
        "papers/mean_logits.yaml",
        "docs/methods/mean_logits.md",
        *code[3:],
    ]
    for name, content in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    world(folder)
    return folder, re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def shell(folder: Path, script: str) -> subprocess.CompletedProcess:
    binaries = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
    }
    return subprocess.run(["bash", "-ec", script], cwd=folder, env=environment, capture_output=True, text=True)


def test_the_commands_of_the_page_work(project):
    folder, commands = project
    done = shell(folder, commands[0])
    assert done.returncode == 0, done.stderr
    table = [line for line in done.stdout.splitlines() if re.search(r"\d\.\d", line)]
    assert table, done.stdout
    assert "mean_logits" in (folder / "run" / "config.yaml").read_text()
    assert "smoothing: 0.1" in (folder / "run" / "config.yaml").read_text()
    assert "lr: 0.001" in (folder / "run" / "config.yaml").read_text()


def test_the_page_s_table_is_planned(project):
    folder, commands = project
    done = shell(folder, commands[1])
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    assert re.search(r"^train +\d+$", text, re.MULTILINE) and "render_table" in text


def test_a_method_with_two_optimizers_finds_segments_itself(project):
    folder, commands = project
    done = shell(folder, commands[2])
    assert done.returncode == 0, done.stderr
    mean_ap = re.search(r"^activitynet +(\d+\.\d+)", done.stdout, re.MULTILINE)
    assert mean_ap and float(mean_ap[1]) > 90, done.stdout
    scores = read_scores(folder / "spots.csv")
    assert scores.classes == list(CLASSES) and len(scores.videos) == 10
    right = [int(name[1:]) % 3 == row.argmax() for name, row in zip(scores.videos, scores.parts["fusion"], strict=True)]
    assert np.mean(right) > 0.8
    labels = commands[2].splitlines()[0] + " " + commands[2].splitlines()[1].replace("--supervision segments", "")
    done = shell(folder, labels.replace("\\", "").replace("spotter_run", "spotter_labels"))
    assert done.returncode == 2 and "spotter learns from segments; use --supervision segments" in done.stderr


def test_the_methods_of_the_page_pass_the_linter(project):
    folder, _ = project
    paths = " ".join(f"src/actionbytes/methods/{name}" for name in ("mean_logits", "spotter"))
    done = shell(folder, f"ruff check --select E,F,I,B,D --ignore D105,D107 --line-length 120 "
                         f"--config 'lint.pydocstyle.convention=\"google\"' {paths}")  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_a_method_with_the_wrong_parameter_or_no_class_is_one_line(project):
    folder, _ = project
    usual = "actionbytes train {} --features shards --annotations annotations.json --subset validation --out {} {}"
    done = shell(folder, usual.format("mean_logits", "r1", "--set smoothin=1"))
    assert done.returncode == 2 and "no such parameter; known here: smoothing" in done.stderr
    empty = folder / "src/actionbytes/methods/nothing"
    empty.mkdir()
    (empty / "__init__.py").write_text("")
    (empty / "parameters.py").write_text("X = 1\n")
    done = shell(folder, usual.format("nothing", "r2", ""))
    shutil.rmtree(empty)
    assert done.returncode == 2 and done.stderr.count("error: ") == 1
    assert "defines no MethodParameters named after its folder; see docs/add-a-method.md" in done.stderr
