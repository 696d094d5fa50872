"""`actionbytes doctor`: what is installed, which device, what is missing."""

import importlib
import shutil
import sys
from pathlib import Path
from typing import Any

import click


@click.command()
def doctor() -> None:
    """Say what is installed, which device is there, and what is missing; exit status 1 if something is."""
    from actionbytes.reporting.provenance import versions

    missing = []
    for package, version in versions().items():
        print(f"{package:34} {version}")
        if version == "absent":
            missing.append(f"the package {package}: make setup")
    cv2, torch = (loaded(name, missing) for name in ("cv2", "torch"))
    if torch:
        print(f"{'device':34} {'cuda: ' + torch.cuda.get_device_name() if torch.cuda.is_available() else 'cpu'}")
        print(f"{'cores used by torch':34} {torch.get_num_threads()}")
    compiler = shutil.which("g++") or shutil.which("clang++")
    print(f"{'C++ compiler (fast bf16 mode only)':34} {compiler or 'none: fast mode runs uncompiled'}")
    if cv2 and not hasattr(cv2, "optflow"):
        missing.append("TV-L1: this OpenCV is not the contrib build; pip install opencv-contrib-python-headless alone")
    for command in ("snakemake", "dvc", "git"):
        path = shutil.which(command) or shutil.which(command, path=str(Path(sys.executable).parent))
        print(f"{command:34} {path or 'absent'}")
        if not path:
            missing.append(f"the command {command}: make setup, then `. .venv/bin/activate`")
    for problem in missing:
        print(f"missing: {problem}")
    if missing:
        sys.exit(1)
    print("nothing is missing")


def loaded(name: str, missing: list[str]) -> Any:
    """A package's module, or None where it cannot be loaded, which is then added to what is missing."""
    try:
        return importlib.import_module(name)
    except (ImportError, OSError, RuntimeError) as error:  # such as a library of the system that is not there
        missing.append(f"{name} cannot be loaded: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
        return None
