"""Making things ahead of who uses them, in a thread, a bounded number at a time."""

from collections.abc import Generator, Iterable
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, TypeVar

Item = TypeVar("Item")
WAKE_S = 0.1  # seconds after which a waiting maker looks whether it is still wanted


def ahead(items: Iterable[Item], size: int) -> Generator[Item, None, None]:
    """The same items in the same order, at most `size` of them made before they are asked for.

    An error of the maker is raised where its item would have come. Closing the generator stops the maker, and closes
    `items` in the thread that runs it, before it returns.
    """
    queue: Queue[tuple[Item | None, BaseException | None, bool]] = Queue(size)
    unwanted = Event()

    def put(entry: tuple[Any, BaseException | None, bool]) -> bool:
        while not unwanted.is_set():
            with suppress(Full):
                queue.put(entry, timeout=WAKE_S)
                return True
        return False

    def make() -> None:
        maker, error = iter(items), None
        try:
            for item in maker:
                if not put((item, None, False)):
                    return
        except BaseException as failure:  # raised again by the user's thread
            error = failure
        finally:
            if hasattr(maker, "close"):
                maker.close()
            put((None, error, True))

    thread = Thread(target=make, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            try:
                item, error, last = queue.get(timeout=WAKE_S)  # a wait without end would keep Ctrl-C waiting too
            except Empty:
                continue
            if error is not None:
                raise error
            if last:
                return
            yield item
            del item  # else one more would be held while the next is waited for
    finally:
        unwanted.set()
        thread.join()
