"""A job of the workflow writes what happens into its log, and what a user must know on the terminal."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from actionbytes.errors import UserError
from actionbytes.progress import each, in_log
from actionbytes.steps.job import job


def test_output_messages_and_progress_are_in_the_log(tmp_path: Path, capfd: pytest.CaptureFixture):
    snakemake = SimpleNamespace(log=[tmp_path / "new" / "job.log"])
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
        (ValueError("bad"), 1, "error: this is a defect of the program; the traceback is in {log}\n"),
    ],
    ids=["user", "defect"],
)
def test_errors_are_one_line_on_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture, error: Exception, status: int, shown: str
):
    log = tmp_path / "job.log"
    with pytest.raises(SystemExit) as stop, job(SimpleNamespace(log=[log])):
        raise error
    assert stop.value.code == status
    assert capfd.readouterr().err == shown.format(log=log)
    assert ("Traceback" in log.read_text()) == (status == 1)
