"""One run of the workflow at a time, and none beside the jobs of one that was killed."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from actionbytes.errors import UserError
from actionbytes.locks import job_lock, lock_workflow

HOLDER = "from pathlib import Path; from actionbytes.locks import *\nwith {lock}: print('held', flush=True); input()"


@pytest.fixture
def holder(tmp_path: Path):
    """Starts a process that holds a lock until it is killed."""
    started = []

    def start(lock: str) -> subprocess.Popen:
        command = [sys.executable, "-c", HOLDER.format(lock=lock)]
        process = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_second_run_is_refused_and_a_killed_one_is_not_in_the_way(tmp_path: Path, holder):
    first = holder("lock_workflow(Path())")
    with pytest.raises(UserError, match="another run of the workflow works in this folder"):
        lock_workflow(tmp_path)
    first.kill()
    first.wait()
    lock_workflow(tmp_path).close()


def test_the_jobs_of_a_killed_run_are_waited_for(tmp_path: Path, holder, caplog: pytest.LogCaptureFixture):
    """As after the system has killed the workflow alone: the same job is not begun beside them."""
    (tmp_path / ".snakemake").mkdir()
    jobs = [holder("job_lock(Path())") for _ in range(2)]
    got: list[object] = []
    waiting = threading.Thread(target=lambda: got.append(lock_workflow(tmp_path)))
    waiting.start()
    jobs[0].kill()
    waiting.join(0.3)
    assert waiting.is_alive() and "waiting for the jobs of a run that was killed" in caplog.text
    jobs[1].kill()
    waiting.join(20)
    assert not waiting.is_alive() and len(got) == 1


def test_a_job_outside_the_workflow_leaves_nothing(tmp_path: Path):
    with job_lock(tmp_path):
        assert not list(tmp_path.iterdir())
