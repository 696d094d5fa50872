"""What the workflow's scripts share: logs, one-line errors, progress in plain lines."""

import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from time import monotonic
from typing import Any

from actionbytes.errors import UserError

EVERY_S = 10  # seconds between two lines of progress in a log


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Send output to the job's log; a UserError is one line on the terminal and exit status 2."""
    log = Path(str(snakemake.log[0]))
    log.parent.mkdir(parents=True, exist_ok=True)
    terminal = sys.stderr
    with log.open("w", buffering=1) as file, redirect_stdout(file), redirect_stderr(file):
        try:
            yield
        except UserError as error:
            message = "error: " + " ".join(str(error).split())
            print(message)
            print(message, file=terminal)
            sys.exit(2)
        except Exception:
            traceback.print_exc()
            print(f"a defect, not your doing; the traceback is in {log}", file=terminal)
            sys.exit(1)


def lines(items: Sequence, what: str = "videos") -> Iterable:
    """Iterate over `items`, saying how far it is every few seconds, as a log wants it."""
    last = monotonic()
    for done, item in enumerate(items):
        if monotonic() - last > EVERY_S:
            print(f"{done}/{len(items)} {what}")
            last = monotonic()
        yield item
    print(f"{len(items)}/{len(items)} {what}")
