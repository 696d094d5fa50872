"""List own videos and write their annotations."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from actionbytes.data.own import OwnData


def write_own(own: OwnData, progress: Callable[[Sequence], Iterable] = iter) -> None:
    """Write list and annotations of own videos; a clip's one instance lasts as long as its pictures do."""
    from actionbytes.video.decode import BrokenVideo
    from actionbytes.video.isolated import IsolatedReader
    from actionbytes.video.parameters import Decoding

    durations, sparse = {}, Decoding(fps=1, short_side=16, crop=16)
    for row in progress([row for row in own.rows if row.label]):
        reader = IsolatedReader(own.path(row.file), sparse)
        with suppress(BrokenVideo):  # it will be set aside when it is decoded for its features
            for _ in reader:
                pass
            durations[row.video] = reader.duration
    own.write(durations)
