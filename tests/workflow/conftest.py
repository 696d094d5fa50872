"""Copies of the project in which workflow tests may write."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

PARTS = ("Snakefile", "params.yaml", "papers", "workflow", "profiles", "pyproject.toml")


def copy_project(root: Path, folder: Path) -> Path:
    """The workflow's files in `folder`."""
    for part in PARTS:
        source = root / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    return folder


def run_snakemake(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
    """Run Snakemake in `folder`; the environment's own commands come first on the path."""
    binaries = Path(sys.executable).parent
    done = subprocess.run(
        [binaries / "snakemake", *arguments],
        cwd=folder,
        env=os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    if check:
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    """The workflow's files in an empty folder."""
    return copy_project(root, tmp_path)


@pytest.fixture(scope="session")
def snakemake() -> Callable[..., subprocess.CompletedProcess]:
    return run_snakemake


@pytest.fixture(scope="session")
def project_copier() -> Callable[[Path, Path], Path]:
    return copy_project


@pytest.fixture(scope="session")
def small(root: Path) -> ModuleType:
    """tests/workflow/small.py: a tiny world under git and DVC."""
    path = root / "tests" / "workflow" / "small.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory, root: Path, small: ModuleType) -> Path:
    """A folder with `origin/`, a small project made by `dvc repro`, committed and pushed, and its remote.

    It is made once and must not be changed: take a `clone`, or a copy of the folder.
    """
    folder = tmp_path_factory.mktemp("kept")
    origin = small.small_project(root, folder / "origin")
    small.run(origin, "dvc", "repro")
    small.run(origin, "git", "add", ".")
    small.run(origin, "git", "commit", "-qm", "results")
    small.run(origin, "dvc", "push")
    return folder


@pytest.fixture
def clone(tmp_path: Path, kept: Path, small: ModuleType) -> Path:
    """A fresh clone of the small project, its DVC remote beside it, nothing pulled."""
    shutil.copytree(kept / "actionbytes-cache", tmp_path / "actionbytes-cache")
    small.run(tmp_path, "git", "clone", "-q", kept / "origin", "clone")
    return tmp_path / "clone"
