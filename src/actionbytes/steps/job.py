"""What the workflow's scripts share: a log, one-line errors, times that Snakemake accepts."""

import os
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO, TypeVar

from safetensors import SafetensorError

from actionbytes.errors import UserError
from actionbytes.locks import job_lock
from actionbytes.progress import messages_to

Item = TypeVar("Item")


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Send output and messages of level INFO to the log of a job.

    A UserError is one line on the terminal and exit status 2, and so is a file that cannot be read or written, such as
    on a full disk. Any other exception is a defect: its traceback is in the log, and the exit status is 1.

    Args:
        snakemake: The object that Snakemake gives to a script.
    """
    log, terminal = Path(str(snakemake.log[0])), sys.stderr
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with (
            job_lock(Path()),
            log.open("w", buffering=1) as file,
            redirect_stdout(file),
            redirect_stderr(file),
            messages_to(file),
        ):
            try:
                not_of_the_future(snakemake.input)
                yield
                not_of_the_future(snakemake.input)
            except UserError as error:
                _say(" ".join(str(error).split()), terminal)
                sys.exit(2)
            except (OSError, SafetensorError) as error:
                with suppress(OSError):
                    traceback.print_exc()
                _say(f"{_problem(error)}; the traceback is in {log}", terminal)
                sys.exit(2)
            except Exception:
                traceback.print_exc()
                print(f"error: this is a defect of the program; the traceback is in {log}", file=terminal)
                sys.exit(1)
    except OSError as error:  # the log
        print(f"error: {_problem(error, str(log))}", file=terminal)
        sys.exit(2)


def _say(message: str, terminal: TextIO) -> None:
    """One line on the terminal and in the log, which may be on the disk that is full."""
    print(f"error: {message}", file=terminal)
    with suppress(OSError):
        print(f"error: {message}")


def _problem(error: Exception, file: str = "") -> str:
    """What the system says of a file, in one line."""
    name = getattr(error, "filename", None) or file
    reason = " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
    return f"{name}: {reason}" if name else reason


def not_of_the_future(paths: Iterable[str | Path]) -> None:
    """Give files the time of now that are newer: of a clock that was set back, or of a machine whose clock is ahead.

    Snakemake fails a job, and deletes what it made, where an output is older than an input. Times decide about no
    artifact, so nothing is hidden by this.

    Args:
        paths: Inputs of a job; of a folder the file counts in which Snakemake keeps its time.

    Raises:
        UserError: A time cannot be set.
    """
    second_ago = time.time_ns() - 10**9
    for path in paths:
        for place in (Path(path), Path(path) / ".snakemake_timestamp"):
            for follow in (True, False):
                try:
                    status = place.stat(follow_symlinks=follow)
                    if status.st_mtime_ns > second_ago + 10**9:
                        os.utime(place, ns=(status.st_atime_ns, second_ago), follow_symlinks=follow)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                except PermissionError:
                    raise UserError(f"{place}: is newer than now, and its time cannot be set; mend the clock") from None
