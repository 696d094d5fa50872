"""What a command is to write is checked before its work begins: the right kind of name, no input, and a place to write.

An existing file is replaced only by one of its kind. Kinds are told by the first bytes, not by the name.
"""

import gzip
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from actionbytes.errors import UserError
from actionbytes.files import open_file, partial_of, refuse_special

HEAD = 4096  # bytes that a kind is told by


@dataclass(frozen=True)
class Kind:
    """A kind of output.

    Attributes:
        noun: What it is, in errors.
        suffixes: Endings that its name may have; none: any.
        fits: Whether the first bytes of a file, unpacked, are of this kind.
    """

    noun: str
    suffixes: tuple[str, ...]
    fits: Callable[[bytes], bool]


def _json_with(*keys: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.lstrip()[:1] == b"{" and any(b'"' + key + b'"' in head for key in keys)


def _starts(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(beginnings)


def _five_columns(head: bytes) -> bool:
    """Whether the first line is `video start end class score`."""
    fields = head.split(b"\n")[0].replace(b",", b" ").split()
    try:
        return len(fields) >= 5 and all(float(number) == float(number) for number in (*fields[1:3], fields[-1]))
    except ValueError:
        return False


def _no_truth(head: bytes) -> bool:
    """Whether it is JSON of results: neither annotations nor detections."""
    return head.lstrip()[:1] == b"{" and b'"database"' not in head and b'"results"' not in head


_detections = _json_with(b"results")
DETECTIONS = Kind("detections", (".json", ".json.gz", ".txt", ".txt.gz"), lambda x: _detections(x) or _five_columns(x))
METRICS = Kind("metrics", (".json", ".csv"), lambda x: _no_truth(x) or _starts(b"protocol,", b"average_number,")(x))
SCORES = Kind("class scores", (".csv", ".csv.gz"), _starts(b"video,part,"))
FEATURES = Kind("a feature shard", (".h5",), _starts(b"\x89HDF"))
WEIGHTS = Kind("weights", (".safetensors",), lambda head: head[8:9] == b"{")
PICTURE = Kind("a picture", (".png", ".pdf", ".svg"), _starts(b"\x89PNG", b"%PDF", b"<?xml", b"<svg"))
AUDIT = Kind("an audit", (".csv",), _starts(b"rule,about"))
LISTING = Kind("a list of videos", (".csv",), lambda head: b"video" in head.split(b"\n")[0].split(b","))


def check_output(option: str, path: Path, kind: Kind | None = None, inputs: Iterable[Path | None] = ()) -> None:
    """Make sure that `path` can be written and that nothing of value is lost by it.

    Args:
        option: Name of the option, for errors.
        path: What is to be written: a file, or without a `kind` a folder.
        kind: What the file will be.
        inputs: What the command reads.

    Raises:
        UserError: The name has another ending, `path` is an input, what is there is of another kind, or there is no
            place to write.
    """
    if kind and kind.suffixes and not path.name.lower().endswith(kind.suffixes):
        raise UserError(f"{option} {path}: the name of {kind.noun} must end in {', '.join(kind.suffixes)}")
    for given in inputs:
        if given and (kind or not path.is_dir()) and _same(given, path):
            raise UserError(f"{option} {path}: is an input of this command; name another file")
    if kind is None:
        _try_to_write(option, path / "file")
        return
    _try_to_write(option, path)
    refuse_special(path)
    if _there(path) and (head := _head(path)) and not kind.fits(head):
        raise UserError(f"{option} {path}: is there already and is not {kind.noun}; name another file, or delete it")


def _same(a: Path, b: Path) -> bool:
    """Whether two paths are of one file, by links too."""
    return a.resolve() == b.resolve() or (_there(a) and _there(b) and a.samefile(b))


def _there(path: Path) -> bool:
    with suppress(OSError, ValueError):
        return path.exists()
    return False


def _head(path: Path) -> bytes:
    """The first bytes of a file, unpacked if they are gzip; what cannot be unpacked is of no kind."""
    with open_file(path) as file:
        head = file.read(HEAD)
        if head[:2] != b"\x1f\x8b":
            return head
        file.seek(0)
        try:
            return gzip.GzipFile(fileobj=file).read(HEAD)
        except (OSError, EOFError, zlib.error):
            return b"\x1f\x8b"


def _try_to_write(option: str, path: Path) -> None:
    """Make and remove a file beside `path`, with the folders that it needs."""
    made = []
    try:
        for folder in reversed(path.parents):
            if not folder.exists():
                folder.mkdir()
                made.append(folder)
        partial = partial_of(path)
        partial.unlink(missing_ok=True)
        with partial.open("xb"):
            pass
        partial.unlink()
    except (OSError, ValueError) as error:
        shown = str(path.parent if path.name == "file" else path)
        raise UserError(f"{option} {shown}: cannot be written: {getattr(error, 'strerror', None) or error}") from None
    finally:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
