"""What tests of several methods share."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def toy():
    """The module `toy.py` beside this file, which is in no package."""
    path = Path(__file__).with_name("toy.py")
    spec = importlib.util.spec_from_file_location("toy", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
