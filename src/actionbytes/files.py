"""Files: read with every problem as one clear line, written whole or not at all."""

import csv
import errno
import gzip
import hashlib
import io
import json
import os
import re
import stat
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from actionbytes.errors import UserError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_BYTES = 4 << 30  # unpacked; a small .gz can hold any amount
PIECE = 1 << 20  # bytes that are read at a time
STREAM = re.compile(r"-|/dev/stdin|/(dev|proc/self)/fd/(?P<number>\d{1,6})")
FULL = (errno.ENOSPC, errno.EDQUOT)


def open_file(path: Path | str) -> io.BufferedReader:
    """Open a regular file for reading; problems are UserErrors, and nothing that could block is opened.

    What is there already open may be named as a stream: `-` or `/dev/stdin`, and `/dev/fd/<n>`, which is how a shell
    hands over `<(command)`. Folders, FIFOs and devices are refused.

    Returns:
        A binary file; `seekable()` says whether it is a regular file.
    """
    path = Path(path)
    stream = STREAM.fullmatch(str(path))
    try:
        if stream:
            descriptor = os.dup(int(stream["number"] or 0))
        else:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO must not block here
    except (OSError, ValueError) as error:
        _refuse(path, unreadable(error))
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind) or (stream and not stat.S_ISDIR(kind)):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    problem = "Is a directory" if stat.S_ISDIR(kind) else "is no regular file (a pipe can be given as - or <(command))"
    _refuse(path, f"cannot be read: {problem}")


def unreadable(error: Exception) -> str:
    """What kept a file from being read, in words."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    reason = "not enough memory" if isinstance(error, MemoryError) else getattr(error, "strerror", None) or str(error)
    return f"cannot be read: {reason}"


def read_file(path: Path | str) -> bytes:
    """All bytes of a file or stream, unpacked if they are gzip (told by content, not by name).

    Raises:
        UserError: It cannot be opened (see `open_file`) or read, or holds more than MAX_BYTES.
    """
    with open_file(path) as plain:
        try:
            source: IO[bytes] = plain if plain.seekable() else io.BytesIO(_pieces(plain))
            packed = source.read(2) == b"\x1f\x8b"
            source.seek(0)
            with gzip.GzipFile(fileobj=source) if packed else source as content:
                unpacked = _pieces(content)
        except (OSError, EOFError, zlib.error, MemoryError) as error:
            _refuse(path, unreadable(error))
    if len(unpacked) > MAX_BYTES:
        _refuse(path, f"more than {MAX_BYTES >> 20} MiB unpacked: split the file")
    return unpacked


def _pieces(file: IO[bytes] | gzip.GzipFile) -> bytes:
    """What is left of a file, read in pieces, so that no memory is asked for that the file does not fill.

    Reading stops beyond MAX_BYTES.
    """
    content = io.BytesIO()
    while content.tell() <= MAX_BYTES and (piece := file.read(PIECE)):
        content.write(piece)
    return content.getvalue()


def read_text(path: Path | str) -> str:
    """A UTF-8 text file, plain or gzip."""
    try:
        return read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from None


def read_lines(path: Path | str) -> list[str]:
    """The lines of a UTF-8 text file, without blanks at their ends and without empty ones: one name a line."""
    return [line.strip() for line in read_text(path).split("\n") if line.strip()]


def read_json(path: Path | str) -> Any:
    """A JSON file, plain or gzip; a key that is there twice is an error, for JSON readers silently keep one."""

    def refuse_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entries = dict(pairs)
        if len(entries) != len(pairs):
            double = Counter(key for key, _ in pairs).most_common(1)[0][0]
            _refuse(path, f"the key {double!r:.80} is there twice in one object: keep one")
        return entries

    content = read_file(path)
    if not content.strip():
        _refuse(path, "the file is empty")
    try:
        return json.loads(content, object_pairs_hook=refuse_doubles)
    except json.JSONDecodeError as error:
        _refuse(path, f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}")
    except UnicodeDecodeError as error:
        _refuse(path, f"not UTF-8 text: {error.reason} at byte {error.start}")
    except RecursionError:
        _refuse(path, "not a file of this kind: brackets nested too deep")
    except MemoryError:
        _refuse(path, "cannot be read: not enough memory")
    except ValueError as error:  # an integer of thousands of digits
        _refuse(path, f"not JSON: {str(error).split(';')[0]}")


def read_csv(path: Path | str, needed: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV file with a header, as dictionaries.

    Args:
        path: A UTF-8 text file, plain or gzip.
        needed: Columns that the file must have; it may have more.

    Raises:
        UserError: The file cannot be read, lacks a column, or a row has more or fewer fields than the header.
    """
    lines = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        rows = list(lines)
    except csv.Error as error:
        _refuse(path, f"not CSV: {error} (after line {lines.line_num})")
    if missing := [column for column in needed if column not in (lines.fieldnames or ())]:
        _refuse(path, f"has no column {missing[0]!r}; it needs {', '.join(needed)}")
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            _refuse(path, f"row {number} has more or fewer fields than the header")
    return rows


def file_digest(path: Path) -> str:
    """SHA-256 of a regular file's content, read in pieces; a UserError if it cannot be read."""
    with open_file(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            _refuse(path, unreadable(error))


@contextmanager
def whole(path: Path | str) -> Iterator[Path]:
    """A temporary path for a file that shall be whole or absent; folders are made as needed.

        with whole("results/model.safetensors") as partial:
            save_file(tensors, partial)

    At the end of the block what was written there is flushed to the disk and gets its name in one step, also where a
    file of that name is there already; after an error, or a kill, `path` is as it was before. The temporary name has
    none of the endings of data files, so that a search for these never finds it; a writer that goes by the ending needs
    to be told the format.

    Yields:
        A path in the same folder, `.<name>.<process>.part`, at which there is no file yet.

    Raises:
        UserError: The file cannot be written: no such folder or no right to write there, no space on the disk, or what
            has its name is no regular file.
    """
    path = Path(path)
    partial = partial_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        refuse_special(path)
        with suppress(FileNotFoundError):
            partial.unlink()
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except Exception as error:
        if problem := _unwritable(error, path, partial):
            raise UserError(f"{path}: cannot be written: {problem}") from None
        raise
    finally:
        with suppress(OSError, ValueError):
            partial.unlink()


def partial_of(path: Path) -> Path:
    """The name that a file has while this process writes it."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def refuse_special(path: Path) -> None:
    """Raise UserError if `path` is a folder, a device or a pipe, which no file may replace."""
    if path.is_dir():
        raise UserError(f"{path}: cannot be written: is a folder")
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: cannot be written: is no regular file")


def _unwritable(error: Exception, path: Path, partial: Path) -> str:
    """Why `path` cannot be written, in words, if that is what an error of its writer says; else nothing.

    Libraries that write files by themselves (HDF5, safetensors) say it in the text of an error of any class.
    """
    number = error.errno if isinstance(error, OSError) else None
    if number in FULL or "No space left" in str(error) or "os error 28" in str(error):
        return os.strerror(number or errno.ENOSPC)
    at_fault = isinstance(error, OSError) and str(error.filename) in map(str, (partial, path, *path.parents))
    if at_fault or partial.name in str(error):
        return str(getattr(error, "strerror", None) or error).splitlines()[0]
    if isinstance(error, UnicodeEncodeError) and not path.name.isascii():
        return "its name is no text that this system can have"
    return "its name holds a zero byte" if "\0" in str(path) else ""


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text, gzip if the name ends in `.gz`, whole or not at all; same text, same bytes."""
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:
        odd = text[max(0, error.start - 20) : error.end + 20]
        raise UserError(f"{path}: cannot be written: {odd!r} holds a byte that is not UTF-8; rename it") from None
    if Path(path).suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    with whole(path) as partial:
        partial.write_bytes(content)


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Rows, the header first, as the text of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def write_csv(path: Path | str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """Write rows as CSV with a header, whole or not at all.

    Args:
        path: The file; gzip if the name ends in `.gz`.
        rows: Values by column; a column that a row lacks stays empty there.
        columns: The columns in order; by default all keys in the order in which they come up.
    """
    names = list(columns) if columns is not None else list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def write_rows(path: Path | str, rows: "Sequence[DataclassInstance]", row_class: "type[DataclassInstance]") -> None:
    """Write instances of the dataclass `row_class` as CSV, one column a field, whole or not at all."""
    write_csv(path, [asdict(row) for row in rows], [field.name for field in fields(row_class)])


def _refuse(path: Path | str, problem: str) -> NoReturn:
    raise UserError(f"{path}: {problem}") from None
