"""Decoding in another process: a file that kills or hangs the decoder is one broken video and not a dead worker.

The process decodes one video after the other, so that it is started only once, and works while the caller does. Its
memory is limited, so that a small file cannot ask for all of the machine's. It sends FRAME and the pixels, AGAIN where
the frame before is shown again, and at the end REPORT and a line of JSON.
"""

import atexit
import json
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, cast

import numpy as np

from actionbytes.errors import UserError
from actionbytes.video.decode import BrokenVideo, VideoReader
from actionbytes.video.parameters import Decoding

FRAME, AGAIN, REPORT = b"F", b"A", b"R"
PATIENCE_S = 120  # seconds without a frame after which a decoder hangs
MEMORY = 2 << 30  # bytes for pictures; those of 8K with 10 bits take 1.8 GiB
ATTEMPTS = 2  # a decoder that died is tried again, for most die by chance
FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}  # no file makes its decoder send these
REPORTED = ("status", "reason", "frames", "pictures", "duration", "fps", "size")


class IsolatedReader:
    """A `VideoReader` that decodes in another process: same frames, same attributes once the last frame is there.

    Where the decoder dies or hangs, it is tried again. Where it does so twice, the frames that came before are kept and
    the status is "damaged"; without any, it is a BrokenVideo. A decoder that is killed from outside, as where memory is
    short, says nothing about the video: if that comes twice, it is a UserError, and nothing is known of the video.
    """

    def __init__(self, path: Path | str, decoding: Decoding, interval: tuple[float, float] | None = None) -> None:
        """Nothing is read before the first frame is asked for; arguments and errors are those of `VideoReader`."""
        VideoReader(path, decoding, interval)  # checks the interval here and not in the other process
        self.path, self.decoding, self.interval = Path(path), decoding, interval
        self._forget()

    def _forget(self) -> None:
        self.status, self.reason, self.frames, self.pictures = "ok", "", 0, 0
        self.duration, self.fps, self.size = 0.0, 0.0, (0, 0)

    def __iter__(self) -> Iterator[np.ndarray]:
        self._forget()
        deaths: dict[bool, int] = {True: 0, False: 0}  # by whether they came from outside
        while True:
            try:
                yield from self._attempt()
                return
            except _Died as death:
                deaths[death.from_outside] += 1
                if deaths[death.from_outside] < ATTEMPTS:
                    continue
                if death.from_outside:
                    raise UserError(
                        f"{self.path}: the decoder was killed {ATTEMPTS} times and not by the video ({death}); "
                        "free memory, then run the same again"
                    ) from None
                if not self.frames:
                    raise BrokenVideo(f"{self.path}: the decoder {death} on it") from None
                self.status, self.reason = "damaged", f"the decoder {death} after {self.frames} frames"
                return

    def _attempt(self) -> Iterator[np.ndarray]:
        """Yield the frames that no attempt before has yielded, and take over the report."""
        child = _a_child()
        count = 0
        try:
            child.ask({"path": str(self.path), "decoding": self.decoding.model_dump(), "interval": self.interval})
            while (kind := child.read(np.empty(1, np.uint8)).tobytes()) != REPORT:
                if kind == FRAME:
                    frame = child.read(np.empty((self.decoding.crop, self.decoding.crop, 3), np.uint8))
                count += 1
                if count > self.frames:
                    self.frames = count
                    yield frame
            report = child.read_line()
        except _Died:
            raise
        except BaseException:  # the caller has enough, or was interrupted: the child is in the middle of something
            child.end()
            raise
        _idle.append(child)
        if "broken" in report:
            raise BrokenVideo(report["broken"])
        for name in REPORTED:
            setattr(self, name, report[name])
        width, height = self.size
        self.size = (width, height)


class _Died(Exception):
    """A decoder that has ended; the message says how.

    Attributes:
        from_outside: Whether another process has ended it.
    """

    def __init__(self, how: str, from_outside: bool = False) -> None:
        super().__init__(how)
        self.from_outside = from_outside


class _Child:
    def __init__(self) -> None:
        command = [sys.executable, "-c", f"from {__name__} import serve; serve()"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
        )
        self.questions = cast(FileIO, self.process.stdin)
        self.answers = cast(FileIO, self.process.stdout)
        self.ready = select.poll()
        self.ready.register(self.answers, select.POLLIN)

    def ask(self, question: dict[str, Any]) -> None:
        try:
            self.questions.write(json.dumps(question).encode() + b"\n")
        except OSError:
            raise self._death() from None

    def read(self, array: np.ndarray) -> np.ndarray:
        """Fill an array and return it."""
        rest = memoryview(array.data).cast("B")
        while rest:
            if not self.ready.poll(PATIENCE_S * 1000):
                self.end()
                raise _Died(f"hangs for {PATIENCE_S} s")
            count = self.answers.readinto(rest)
            if not count:
                raise self._death()
            rest = rest[count:]
        return array

    def read_line(self) -> dict[str, Any]:
        line = bytearray()
        while not line.endswith(b"\n"):
            line += self.read(np.empty(1, np.uint8)).tobytes()
        return json.loads(line)

    def _death(self) -> _Died:
        status = self.process.wait()
        self.end()
        if status >= 0:
            return _Died(f"stops (exit status {status})")
        return _Died(f"dies ({signal.Signals(-status).name})", -status in FROM_OUTSIDE)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


_idle: list[_Child] = []
os.register_at_fork(after_in_child=_idle.clear)


def _a_child() -> _Child:
    """A decoder that waits for work, or a new one; one that died while it waited is not counted against a file."""
    while _idle:
        child = _idle.pop()
        if child.process.poll() is None:
            return child
        child.end()
    return _Child()


@atexit.register
def _end_all() -> None:
    while _idle:
        _idle.pop().end()


def serve() -> None:
    """Answer questions on standard input until it ends; nothing but answers goes to the former standard output."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    _limit_memory()
    try:
        for line in sys.stdin:
            _answer(json.loads(line), answers)
    except BrokenPipeError:  # the asker is gone
        return


def _limit_memory() -> None:
    """Let this process take MEMORY bytes more than it has now, where the system knows such a limit."""
    with suppress(OSError, ValueError):  # no /proc, or a limit that is lower already
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _answer(question: dict[str, Any], answers: Any) -> None:
    path, previous = question["path"], None
    reader = VideoReader(path, Decoding(**question["decoding"]), question["interval"])
    try:
        for frame in reader:
            _send(answers, AGAIN if frame is previous else FRAME + frame.tobytes())
            previous = frame
        report = {name: getattr(reader, name) for name in REPORTED}
    except BrokenVideo as error:
        report = {"broken": str(error)}
    except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
        report = {"broken": f"{path}: the decoder fails ({type(error).__name__}: {error})"}
    _send(answers, REPORT + json.dumps(report).encode() + b"\n")


def _send(answers: Any, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[answers.write(rest) :]
