"""A minute of broken input to the readers and commands; `make fuzz` does it for longer."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_broken_input_is_a_result_or_one_line(root: Path, tmp_path: Path):
    command = [sys.executable, root / "benchmarks" / "fuzz.py", "--seconds", "60", "--keep", tmp_path]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " 0 findings" in run.stdout
