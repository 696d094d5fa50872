"""What the evaluation tests share: the plain loops, and random worlds to evaluate."""

import importlib.util

import pytest


def load(path):
    """A module from a file that is in no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def plain_loops(root):
    """benchmarks/reference_map.py: each protocol as loops over single detections."""
    return load(root / "benchmarks" / "reference_map.py")


@pytest.fixture(scope="session")
def worlds(root):
    """tests/evaluation/worlds.py: random truth and detections."""
    return load(root / "tests" / "evaluation" / "worlds.py")
