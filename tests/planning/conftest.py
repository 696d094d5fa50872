"""A project of parameters and papers alone, which is all that planning reads in a rendered world."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from actionbytes.planning.plan import Plan


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    """Parameters and papers in an empty folder."""
    shutil.copy(root / "params.yaml", tmp_path)
    shutil.copytree(root / "papers", tmp_path / "papers")
    return tmp_path


@pytest.fixture
def planned(project: Path) -> Callable[..., Plan]:
    """Write a paper with these experiments and rows, set some keys of the suite, and plan."""

    def plan(experiments: dict, tables: dict | None = None, figures: dict | None = None, **suite: object) -> Plan:
        params = yaml.safe_load((project / "params.yaml").read_text())
        params["mini"] |= suite
        (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        paper = {"paper": "mine", "name": "Mine", "title": "T", "venue": "V", "experiments": experiments}
        paper |= {"tables": tables or {}, "figures": figures or {}}
        (project / "papers/mine.yaml").write_text(yaml.safe_dump(paper, sort_keys=False))
        return Plan.read(project)

    return plan
