"""Snakemake's own lint finds nothing but what is so on purpose."""

import re
import subprocess
from pathlib import Path


def test_lint(root: Path):
    done = subprocess.run(["snakemake", "--lint"], cwd=root, capture_output=True, text=True, check=False)
    titles = set(re.findall(r"^ +\* (.*?):$", done.stderr, flags=re.MULTILINE))
    # All rules share one environment, which `make setup` makes and constraints.txt pins.
    assert titles == {"Specify a conda environment or container for each rule."}, done.stderr
