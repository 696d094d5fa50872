"""Pick the frames that pictures show."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from actionbytes.data.manifests import Entry
from actionbytes.video.parameters import Decoding


def pick_stills(
    *,
    entries: Sequence[Entry],
    located: Callable[[Sequence[Entry]], list[Entry]],
    home: Path,
    count: int,
    decoding: Decoding,
    out: Path,
) -> None:
    """Write a frame now and then of the first whole videos in the order of a hash of their ids.

    So nobody chose them, and the choice does not depend on the order of the list.

    Args:
        entries: The videos to pick from.
        located: Says where the files of entries are, after a look that they are what was listed.
        home: Folder that their files are relative to.
        count: How many videos.
        decoding: How frames are decoded.
        out: The HDF5 file.
    """
    from actionbytes.video import stills

    ordered = sorted(entries, key=lambda entry: hashlib.sha256(entry.video.encode()).digest())
    videos = ((entry.video, home / located([entry])[0].file) for entry in ordered)
    frames = stills.pick_stills(videos, count, decoding)
    stills.write_stills(out, frames, stills.EVERY / decoding.fps)
