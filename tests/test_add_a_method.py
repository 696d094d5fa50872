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


@pytest.fixture(scope="module")
def project(tmp_path_factory, root):
    """The repository's workflow and package in a folder, with the files of the document in place."""
    folder = tmp_path_factory.mktemp("project")
    for part in ("src", "papers", "workflow", "profiles"):
        shutil.copytree(root / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("Snakefile", "params.yaml"):
        shutil.copy(root / part, folder / part)
    text = (root / "docs" / "add-a-method.md").read_text()
    files = re.findall(r"^## \d\. [^\n]*`([\w./]+)`\n+```\w+\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert [name for name, _ in files] == [
        "src/actionbytes/methods/mean_logits.py", "papers/mean_logits.yaml", "docs/methods/mean_logits.md",
    ]  # fmt: skip
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
    assert "pairs: 0" in (folder / "run" / "config.yaml").read_text()


def test_the_page_s_table_is_planned(project):
    folder, commands = project
    done = shell(folder, commands[1])
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    assert "train_method" in text and "render_table" in text


def test_a_method_with_the_wrong_parameter_or_no_class_is_one_line(project):
    folder, _ = project
    usual = "actionbytes train {} --features shards --annotations annotations.json --subset validation --out {} {}"
    done = shell(folder, usual.format("mean_logits", "r1", "--set smoothin=1"))
    assert done.returncode == 2 and "no such parameter; known here: smoothing" in done.stderr
    (folder / "src/actionbytes/methods/nothing.py").write_text("X = 1\n")
    done = shell(folder, usual.format("nothing", "r2", ""))
    (folder / "src/actionbytes/methods/nothing.py").unlink()
    assert done.returncode == 2 and "defines no Method; see docs/add-a-method.md" in done.stderr
