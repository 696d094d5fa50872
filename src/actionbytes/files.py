"""Files: read with every problem as one clear line, written whole or not at all."""

import csv
import errno
import gzip
import hashlib
import io
import json
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from actionbytes.errors import UserError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_BYTES = 4 << 30  # unpacked; a small .gz can hold any amount


def read_file(path: Path | str) -> bytes:
    """All bytes of a file, unpacked if they are gzip (told by content, not by name); problems are UserErrors."""
    path = Path(path)
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            with gzip.GzipFile(fileobj=plain) if packed else plain as stream:
                content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, EOFError, zlib.error, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "not enough memory"
        raise UserError(f"{path}: cannot be read: {reason}") from None
    if len(content) > MAX_BYTES:
        raise UserError(f"{path}: more than {MAX_BYTES >> 20} MiB unpacked: split the file")
    return content


def read_text(path: Path | str) -> str:
    """A UTF-8 text file, plain or gzip."""
    try:
        return read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from None


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
    """SHA-256 of a file's content, read in pieces; UserError for a pipe or a device, which may never end."""
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: is not a file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
        UserError: The file cannot be written: no such folder or no right to write there, no space on the disk.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            partial.unlink()
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except OSError as error:
        at_fault = str(error.filename) in map(str, (partial, *path.parents))
        if at_fault or error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(f"{path}: cannot be written: {error.strerror}") from None
        raise
    finally:
        with suppress(OSError):
            partial.unlink()


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text, gzip if the name ends in `.gz`, whole or not at all; same text, same bytes."""
    content = text.encode("utf-8")
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
