"""A copy of the project in which workflow tests may write."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PARTS = ("Snakefile", "params.yaml", "papers", "workflow", "profiles", "pyproject.toml")


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    """The workflow's files in an empty folder."""
    for part in PARTS:
        source = root / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / part)
    return tmp_path


@pytest.fixture
def snakemake() -> Callable[..., subprocess.CompletedProcess]:
    """Run Snakemake in a folder; the environment's own commands come first on the path."""
    binaries = Path(sys.executable).parent

    def run(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        environment = os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            [binaries / "snakemake", *arguments],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done

    return run
