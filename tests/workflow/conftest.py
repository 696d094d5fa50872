"""A copy of the project in which workflow tests may write."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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
