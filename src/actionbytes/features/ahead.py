"""Items made in a thread, ahead of the one who uses them, a bounded number at a time."""

from collections.abc import Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")
WAKE_S = 0.1  # seconds after which a maker that waits looks whether its items are still wanted


@dataclass(frozen=True)
class _End:
    """There are no more items: because of an error, or because all were made."""

    error: BaseException | None


def ahead(items: Iterable[Item], size: int) -> Generator[Item, None, None]:
    """Yield the same items in the same order, made ahead in a thread.

    An error of the maker is raised where its item would have come. Closing the generator stops the maker, and closes
    `items` in the thread that runs it, before it returns.

    Args:
        items: What to make.
        size: Most items that are made before they are asked for.
    """
    queue: Queue[Item | _End] = Queue(size)
    stopped = Event()

    def put(entry: Item | _End) -> bool:
        while not stopped.is_set():
            with suppress(Full):
                queue.put(entry, timeout=WAKE_S)
                return True
        return False

    def make() -> None:
        maker, error = iter(items), None
        try:
            for item in maker:
                if not put(item):
                    return
        except BaseException as failure:  # raised again by the user's thread
            error = failure
        finally:
            if isinstance(maker, Generator):
                maker.close()
            put(_End(error))

    thread = Thread(target=make, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            try:
                entry = queue.get(timeout=WAKE_S)  # a wait without end would keep Ctrl-C waiting too
            except Empty:
                continue
            if isinstance(entry, _End):
                if entry.error is not None:
                    raise entry.error
                return
            yield entry
            del entry  # else one more would be held while the next is waited for
    finally:
        stopped.set()
        thread.join()
