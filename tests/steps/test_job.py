"""A job of the workflow writes what happens into its log, and what a user must know on the terminal."""

import logging
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from safetensors import SafetensorError

from actionbytes.errors import UserError
from actionbytes.progress import each, in_log
from actionbytes.steps.job import job


def test_output_messages_and_progress_are_in_the_log(tmp_path: Path, capfd: pytest.CaptureFixture):
    snakemake = SimpleNamespace(log=[tmp_path / "new" / "job.log"], input=[])
    with job(snakemake):
        print("printed")
        logging.getLogger("actionbytes.features").info("logged")
        assert list(each("ab", in_log("clip"))) == ["a", "b"]
    assert (tmp_path / "new" / "job.log").read_text().splitlines() == ["printed", "logged", "clip 2/2"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [
        (UserError("x.csv: no such\nfile"), 2, "error: x.csv: no such file\n"),
        (OSError(28, "No space left on device", "x.part"), 2, "error: x.part: No space left on device; the traceback"),
        (SafetensorError("I/O error: full"), 2, "error: I/O error: full; the traceback"),
        (ValueError("bad"), 1, "error: this is a defect of the program; the traceback is in {log}\n"),
    ],
    ids=["user", "full disk", "full disk by safetensors", "defect"],
)
def test_errors_are_one_line_on_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture, error: Exception, status: int, shown: str
):
    log = tmp_path / "job.log"
    with pytest.raises(SystemExit) as stop, job(SimpleNamespace(log=[log], input=[])):
        raise error
    assert stop.value.code == status
    assert capfd.readouterr().err.startswith(shown.format(log=log))
    assert ("Traceback" in log.read_text()) == (not isinstance(error, UserError))


def test_a_log_that_cannot_be_written_is_one_line(capfd: pytest.CaptureFixture):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no device that is full")
    with pytest.raises(SystemExit) as stop, job(SimpleNamespace(log=[full], input=[])):
        raise UserError("x.csv: no such file")
    assert stop.value.code == 2
    assert capfd.readouterr().err.startswith("error: x.csv: no such file\n")
    with pytest.raises(SystemExit) as stop, job(SimpleNamespace(log=[full], input=[])):
        print("printed")
    assert stop.value.code == 2
    assert "No space left on device" in capfd.readouterr().err


def test_inputs_of_the_future_get_the_time_of_now(tmp_path: Path):
    """Snakemake would fail the job and delete its output: of a clock that was set back, or of another machine."""
    future, old = time.time() + 9999, time.time() - 9999
    frames, listed, linked = tmp_path / "frames", tmp_path / "videos.csv", tmp_path / "link.csv"
    frames.mkdir()
    linked.symlink_to(listed)
    for path, when in ((frames / ".snakemake_timestamp", future), (frames, future), (listed, future)):
        path.touch()
        os.utime(path, (when, when))
    os.utime(linked, (future, future), follow_symlinks=False)
    (tmp_path / "old.csv").touch()
    os.utime(tmp_path / "old.csv", (old, old))
    inputs = [str(frames), linked, tmp_path / "old.csv", tmp_path / "gone.csv"]
    with job(SimpleNamespace(log=[tmp_path / "job.log"], input=inputs)):
        pass
    for path in (frames, frames / ".snakemake_timestamp", listed, linked):
        assert time.time() - 60 < path.lstat().st_mtime < time.time()
    assert (tmp_path / "old.csv").stat().st_mtime == pytest.approx(old)
