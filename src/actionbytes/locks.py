"""Locks of a project folder: one run of the workflow at a time, and none beside the jobs of one that was killed.

A lock ends with its holder, whatever ends that. Who is killed alone, as by the system where memory is short, leaves its
jobs behind: each job holds a lock of its own, for which the next run waits.
"""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from actionbytes.errors import UserError

FOLDER = ".snakemake"  # in the project

logger = logging.getLogger(__name__)


def lock_workflow(root: Path) -> TextIO:
    """Become the only run of the workflow in a folder, for as long as the returned file is open.

    Jobs that a killed run has left behind are waited for.

    Raises:
        UserError: Another run works there.
    """
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    lock = (folder / "running").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise UserError("another run of the workflow works in this folder; wait for it or stop it") from None
    with (folder / "jobs").open("w") as jobs:
        try:
            fcntl.flock(jobs, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.warning("waiting for the jobs of a run that was killed; they still work in this folder")
            fcntl.flock(jobs, fcntl.LOCK_EX)
    return lock


@contextmanager
def job_lock(root: Path) -> Iterator[None]:
    """Say for the time of a block that a job works in a folder; nothing where the workflow does not run there."""
    if not (root / FOLDER).is_dir():
        yield
        return
    with (root / FOLDER / "jobs").open("a") as jobs:
        fcntl.flock(jobs, fcntl.LOCK_SH)
        yield
