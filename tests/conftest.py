"""What all tests share."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("project", deadline=None)  # a busy machine is no defect
settings.load_profile("project")

ROOT = Path(__file__).resolve().parent.parent


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A test with bytes for a parameter goes by the parameter's name: the bytes may differ between two collections."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in tests/workflow, and put the longest files first, so that no core waits for another at the end.

    A test that is slow elsewhere says so itself, by `pytest.mark.slow`.
    """
    for item in items:
        if item.path.is_relative_to(ROOT / "tests" / "workflow"):
            item.add_marker(pytest.mark.workflow)
    items.sort(key=lambda item: item.get_closest_marker("workflow") is None and item.path.name != "test_fuzz.py")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def real() -> Path:
    """Real annotations, detections and clips that are not part of the repository; the test is skipped without them."""
    folder = ROOT.parent / "shared" / "real"
    if not folder.is_dir():
        pytest.skip(f"real test data is absent: {folder}")
    return folder


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> Callable[..., tuple[int, str, str]]:
    """Run `actionbytes ARGUMENTS` in this process: exit status, stdout, stderr."""
    from actionbytes.cli import main

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["actionbytes", *map(str, arguments)])
        capfd.readouterr()
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
        out, err = capfd.readouterr()
        return status, out, err

    return run
