"""Provenance: which runs, recipes, commit, versions and machine a result comes from."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("actionbytes", "av", "h5py", "numba", "numpy", "opencv-contrib-python-headless", "scikit-learn", "torch")


def git_commit(root: Path = Path()) -> str:
    """The commit of the working tree, with `-dirty` if files differ from it; "unknown" outside a repository.

    Results do not make a tree dirty: they are what it makes.
    """
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!results", ":!dvc.lock")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit}-dirty" if changed else commit


def git_problem(root: Path) -> str:
    """Why git knows no commit of a folder, in one line, such as that the folder is another user's; "" if it does."""
    try:
        _git(root, "rev-parse", "HEAD")
    except FileNotFoundError:
        return "git is not installed, or not on PATH"
    except subprocess.CalledProcessError as error:
        lines = [line.strip() for line in error.stderr.splitlines() if line.startswith("fatal:")]
        return lines[0].removeprefix("fatal: ") if lines else f"git ends with status {error.returncode}"
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return ""


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()


def versions() -> dict[str, str]:
    """Versions of the packages that numbers depend on; "absent" for one that is not installed."""
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            installed[package] = "absent"
    return installed


def provenance(runs: Sequence[Mapping[str, Any]], key: str, **facts: Any) -> str:
    """Where a result comes from, as JSON text.

    Args:
        runs: An entry for each run that it shows.
        key: Digest of all that decides the result.
        facts: What else is said about it.

    Returns:
        The facts, then key, commit, versions, machine and runs.
    """
    machine = {"processor": _processor(), "cores": os.cpu_count(), "system": platform.platform()}
    context = {"key": key, "commit": git_commit(), "versions": versions(), "machine": machine}
    content = {**facts, **context, "runs": list(runs)}
    return json.dumps(content, indent=1) + "\n"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
