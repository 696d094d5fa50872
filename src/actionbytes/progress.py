"""Progress and messages of long work: one signature for all that report, and the places where they are shown.

A function that takes long has a parameter `progress: Progress = silent`. It calls `progress(done, total, note)` after
each unit of work, or iterates over `each(items, progress)`. The caller chooses the reporter: `on_terminal` for
commands, `in_log` for the workflow's jobs. Messages go through `logging`; `messages_to` says where they are written.
"""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Protocol, TextIO, TypeVar

from tqdm import tqdm

LOG = logging.getLogger(__name__)
EVERY_S = 10.0  # seconds between two lines of a log

Item = TypeVar("Item")


class Progress(Protocol):
    """Reports that `done` of `total` units of work are finished; the note says how it goes, such as a loss."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Report."""


def silent(done: int, total: int, note: str = "") -> None:
    """Report nothing."""


def each(items: Sequence[Item], progress: Progress) -> Iterator[Item]:
    """Iterate over `items` and report each one when the caller has finished with it."""
    for done, item in enumerate(items, 1):
        yield item
        progress(done, len(items))


def on_terminal(unit: str = "video") -> Progress:
    """A reporter for one piece of work: a bar on a terminal, elsewhere a plain line every tenth of the way."""
    return _Bar(unit) if sys.stderr.isatty() else _Tenths(unit)


def in_log(unit: str = "video", every_s: float = EVERY_S) -> Progress:
    """A reporter for one piece of work: a line in the log every `every_s` seconds and one at the end."""
    last = monotonic()

    def report(done: int, total: int, note: str = "") -> None:
        nonlocal last
        if done >= total or monotonic() - last > every_s:
            last = monotonic()
            LOG.info("%s", _line(unit, done, total, note))

    return report


@contextmanager
def messages_to(stream: TextIO, level: str = "INFO") -> Iterator[None]:
    """Within the block, write the package's messages of `level` and above to `stream`, one line each."""
    package = logging.getLogger("actionbytes")
    handler, before = logging.StreamHandler(stream), package.level
    package.addHandler(handler)
    package.setLevel(level)
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(before)


class _Bar:
    """A progress bar on standard error."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.bar: tqdm | None = None

    def __call__(self, done: int, total: int, note: str = "") -> None:
        if self.bar is None:
            self.bar = tqdm(total=total, unit=self.unit)
        self.bar.set_postfix_str(note, refresh=False)
        self.bar.update(done - self.bar.n)
        if done >= total:
            self.bar.close()


class _Tenths:
    """Plain lines on standard error, at most ten."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.tenth = 0

    def __call__(self, done: int, total: int, note: str = "") -> None:
        tenth = done * 10 // max(total, 1)
        if tenth > self.tenth:
            self.tenth = tenth
            print(_line(self.unit, done, total, note), file=sys.stderr)


def _line(unit: str, done: int, total: int, note: str) -> str:
    return f"{unit} {done}/{total}" + (f", {note}" if note else "")
