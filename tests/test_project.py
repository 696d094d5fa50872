"""What the files of the project say about each other: version, changelog, constraints, tiers of tests."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import actionbytes


def test_the_version_is_in_one_place(root: Path):
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "actionbytes.__version__"}
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert citation["version"] == actionbytes.__version__


def test_the_changelog_keeps_its_form(root: Path):
    lines = (root / "CHANGELOG.md").read_text().splitlines()
    releases = [line for line in lines if line.startswith("## ")]
    assert releases[0] == "## [Unreleased]"
    assert re.fullmatch(rf"## \[{re.escape(actionbytes.__version__)}\] - \d{{4}}-\d\d-\d\d", releases[1])
    kinds = {line for line in lines if line.startswith("### ")}
    assert kinds <= {f"### {kind}" for kind in ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")}
    body = lines[lines.index(releases[0]) :]
    assert all(line.startswith(("#", "- ", "[")) or not line for line in body), "an entry is one line"
    assert max(map(len, body)) <= 160


def test_every_requirement_is_pinned(root: Path):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(name for group in project["optional-dependencies"].values() for name in group),
    ]
    pinned = {canonical(line.partition("==")[0]) for line in (root / "constraints.txt").read_text().split()}
    names = {canonical(re.split(r"[\[<>=]", requirement)[0]) for requirement in wanted} - {"actionbytes"}
    assert names <= pinned


def canonical(name: str) -> str:
    """The one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_quick_leaves_the_workflow_out(root: Path):
    command = re.search(r"^quick: .*\n.*(-m \".*\")$", (root / "Makefile").read_text(), flags=re.MULTILINE)[1]
    arguments = ["--collect-only", *shlex.split(command), "tests/workflow/test_lint.py", __file__]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments], cwd=root, capture_output=True, text=True, check=True
    )
    assert "test_project.py::test_quick" in done.stdout and "test_lint.py" not in done.stdout, done.stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_a_folder_with_a_blank_is_refused_unless_the_environment_is_elsewhere(root: Path, tmp_path: Path):
    """Snakemake does not quote its Python: every job would end with status 127."""
    folder = tmp_path / "my project"
    folder.mkdir()
    shutil.copy(root / "Makefile", folder)
    done = subprocess.run(["make", "-n", "table1"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 2 and "make VENV=/tmp/actionbytes table1" in done.stderr
    for name in ("pyproject.toml", "constraints.txt"):
        (folder / name).touch()
    done = subprocess.run(["make", "-n", "table1", f"VENV={tmp_path}/env"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0 and f'PATH="{tmp_path}/env/bin:$PATH"' in done.stdout
