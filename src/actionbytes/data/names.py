"""Names of videos, subsets and classes, checked once, where they are read, so that all that follows can rely on them.

An id and a subset become parts of file names and of HDF5 groups, a label becomes text in tables and pictures. Each
check raises a UserError in one line that opens with the place of the name.
"""

import re
import unicodedata

from actionbytes.errors import UserError

MOST_BYTES = 200  # in UTF-8; a file name may have 255, of which endings and temporary names need some
SUBSET = re.compile(r"\w{1,50}")


def check_id(place: str, name: str) -> None:
    """Refuse a video id that cannot be the name of a file and of an HDF5 group.

    Args:
        place: Where the id is from; it opens the error.
        name: The id.

    Raises:
        UserError: It is empty or too long, has a slash, a backslash or a leading dot, or is no clean text.
    """
    if not name or name.startswith(".") or "/" in name or "\\" in name:
        raise UserError(f"{place}: {name!r:.80} cannot name a video (no '/', no '\\', no leading dot); rename it")
    _check_text(place, name, "a video")


def check_subset(place: str, name: str) -> None:
    """Refuse a subset with other characters than letters, digits and _; shards and folders are named after it."""
    if not SUBSET.fullmatch(name):
        raise UserError(
            f"{place}: {name!r:.80} cannot name a subset (letters, digits and _ only, at most 50); rename it"
        )


def check_label(place: str, name: str) -> None:
    """Refuse a class label that is empty, too long or no clean text."""
    _check_text(place, name, "a class")


def _check_text(place: str, name: str, noun: str) -> None:
    """Refuse text that is empty, too long, has blanks at an end, or holds what is no character of a line."""
    problem = ""
    if name != name.strip() or not name:
        problem = "it has blanks at an end" if name.strip() else "it is empty"
    elif odd := [character for character in name if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")]:
        kind = "a byte that is not UTF-8" if unicodedata.category(odd[0]) == "Cs" else "a control character"
        problem = f"it holds {kind}"
    elif len(name.encode()) > MOST_BYTES:
        problem = f"it has more than {MOST_BYTES} bytes"
    if problem:
        raise UserError(f"{place}: {name!r:.80} cannot name {noun}: {problem}; rename it")
