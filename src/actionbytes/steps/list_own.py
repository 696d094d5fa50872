"""List own videos and write their annotations."""

from contextlib import suppress

from actionbytes.data.own import OwnData
from actionbytes.progress import Progress, each, silent


def write_own(own: OwnData, progress: Progress = silent) -> None:
    """Write list and annotations of own videos; the one instance of a clip lasts as long as its frames do.

    Args:
        own: The listed videos.
        progress: Called after each clip.
    """
    from actionbytes.video.decode import BrokenVideo
    from actionbytes.video.isolated import IsolatedReader
    from actionbytes.video.parameters import Decoding

    durations, sparse = {}, Decoding(fps=1, short_side=16, crop=16)
    for row in each([row for row in own.rows if row.label], progress):
        reader = IsolatedReader(own.path(row.file), sparse)
        with suppress(BrokenVideo):  # decoding for features will set it aside with the reason
            for _ in reader:
                pass
            durations[row.video] = reader.duration
    own.write(durations)
