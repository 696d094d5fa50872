"""What the workflow's scripts share: a log and one-line errors."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, TypeVar

from actionbytes.errors import UserError
from actionbytes.progress import messages_to

Item = TypeVar("Item")


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Send output and messages of level INFO to the log of a job.

    A UserError is one line on the terminal and exit status 2. Any other exception is a defect: its traceback is in the
    log, and the exit status is 1.

    Args:
        snakemake: The object that Snakemake gives to a script.
    """
    log = Path(str(snakemake.log[0]))
    log.parent.mkdir(parents=True, exist_ok=True)
    terminal = sys.stderr
    with log.open("w", buffering=1) as file, redirect_stdout(file), redirect_stderr(file), messages_to(file):
        try:
            yield
        except UserError as error:
            message = "error: " + " ".join(str(error).split())
            print(message)
            print(message, file=terminal)
            sys.exit(2)
        except Exception:
            traceback.print_exc()
            print(f"error: this is a defect of the program; the traceback is in {log}", file=terminal)
            sys.exit(1)
