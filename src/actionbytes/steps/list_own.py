"""List own videos and write their annotations."""

from contextlib import suppress
from pathlib import Path

from actionbytes.data.own import OwnData
from actionbytes.files import write_text
from actionbytes.progress import Progress, each, silent


def list_own(own: OwnData, labels: Path, progress: Progress = silent) -> None:
    """Write list and annotations of own videos; the one instance of a clip lasts as long as its frames do.

    Args:
        own: The listed videos.
        labels: Copy of the annotations to write.
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
    write_text(labels, (own.home / "annotations.json").read_text(encoding="utf-8"))
