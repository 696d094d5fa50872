"""The command line as a whole: help, suggestions, and one line for what stops it."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from actionbytes import cli as command_line


def run(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "actionbytes", *arguments], capture_output=True, check=False, **options
    )


@pytest.mark.parametrize("arguments", [(), ("weights",), ("recipe",)])
def test_help_where_nothing_is_asked(cli, arguments: tuple[str, ...]):
    status, out, err = cli(*arguments)
    assert (status, err) == (0, "")
    assert out.startswith("Usage: ")
    assert "\nCommands:\n" in out


@pytest.mark.parametrize(("name", "near"), [("import_features", "import-features"), ("Features", "features")])
def test_a_command_with_a_typing_error_is_told_the_nearest(cli, name: str, near: str):
    status, _, err = cli(name)
    assert status == 2
    assert f"no such command {name!r}; did you mean {near!r}?" in err
    assert err.count("\n") == 1


def test_the_module_is_the_command():
    shown = run("--version")
    assert (shown.returncode, shown.stdout[:11]) == (0, b"actionbytes")


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (OSError(28, "No space left on device", "/disk/x"), "/disk/x: No space left on device"),
        (PermissionError(13, "Permission denied"), "standard output, or a file: Permission denied"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_what_the_system_refuses_is_one_line(cli, monkeypatch: pytest.MonkeyPatch, problem: Exception, line: str):
    @click.command()
    def failing() -> None:
        raise problem

    monkeypatch.setattr(command_line.LazyGroup, "get_command", lambda *_: failing)
    status, _, err = cli("doctor")
    assert status == 2
    assert err.startswith(f"error: {line}")
    assert err.count("\n") == 1


def test_a_defect_keeps_its_traceback(cli, monkeypatch: pytest.MonkeyPatch):
    @click.command()
    def failing() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(command_line.LazyGroup, "get_command", lambda *_: failing)
    with pytest.raises(ZeroDivisionError):
        cli("doctor")


def test_an_output_that_takes_nothing():
    with Path("/dev/full").open("wb") as full:
        shown = subprocess.run(
            [sys.executable, "-m", "actionbytes", "params", "lr"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert shown.returncode == 2
    assert shown.stderr.startswith(b"error: ") and shown.stderr.count(b"\n") == 1


def test_a_terminal_without_the_letters(tmp_path: Path):
    truth = tmp_path / "a.json"
    truth.write_text(
        '{"database": {"v": {"subset": "test", "annotations": [{"label": "\\u00e9", "segment": [0, 1]}]}}}'
    )
    (tmp_path / "d.json").write_text('{"results": {"v": [{"label": "\\u00e9", "segment": [0, 1], "score": 1}]}}')
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    shown = run("evaluate", str(tmp_path / "d.json"), str(truth), "--per-class", env=ascii_only)
    assert shown.returncode == 0, shown.stderr
    assert b"\\xe9" in shown.stdout or "\u00e9".encode() in shown.stdout


def test_detections_through_a_pipe(tmp_path: Path):
    (tmp_path / "a.json").write_text(
        '{"database": {"v": {"subset": "test", "annotations": [{"label": "x", "segment": [0, 1]}]}}}'
    )
    content = b'{"results": {"v": [{"label": "x", "segment": [0, 1], "score": 1}]}}'
    for name in ("-", "/dev/stdin"):
        shown = run("evaluate", name, str(tmp_path / "a.json"), "--tiou", "0.5", input=content)
        assert shown.returncode == 0, shown.stderr
        assert b"100.00" in shown.stdout


def test_truth_in_frames_is_said(tmp_path: Path, cli):
    truth = (
        '{"database": {"v": {"subset": "test", "duration": 9, "annotations": [{"label": "x", "segment": [30, 90]}]}}}'
    )
    (tmp_path / "a.json").write_text(truth)
    (tmp_path / "d.json").write_text('{"results": {"v": [{"label": "x", "segment": [1, 3], "score": 1}]}}')
    status, out, _ = cli("evaluate", tmp_path / "d.json", tmp_path / "a.json")
    assert status == 0
    assert "1 of 1 instances end after their video" in out


def test_doctor_says_what_cannot_be_loaded(cli, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    status, out, _ = cli("doctor")
    assert status == 1
    assert "missing: cv2 cannot be loaded: " in out
