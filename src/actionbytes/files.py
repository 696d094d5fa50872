"""Whole files, plain or gzip: every problem a file can have is one clear line."""

import errno
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from actionbytes.errors import UserError

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

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entries = dict(pairs)
        if len(entries) != len(pairs):
            seen: set[str] = set()
            double = next(key for key, _ in pairs if key in seen or seen.add(key))
            _refuse(path, f"the key {double!r:.80} is there twice in one object: keep one")
        return entries

    content = read_file(path)
    if not content.strip():
        _refuse(path, "the file is empty")
    try:
        return json.loads(content, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        _refuse(path, f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}")
    except UnicodeDecodeError as error:
        _refuse(path, f"not UTF-8 text: {error.reason} at byte {error.start}")
    except RecursionError:
        _refuse(path, "not a file of this kind: brackets nested too deep")
    except ValueError as error:  # an integer of thousands of digits
        _refuse(path, f"not JSON: {str(error).split(';')[0]}")


def write_file(path: Path | str, text: str) -> None:
    """Write UTF-8 text, gzip if the name ends in `.gz`, whole or not at all; same text, same bytes."""
    path = Path(path)
    content = text.encode("utf-8")
    if path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            part.unlink()


def _refuse(path: Path | str, problem: str) -> NoReturn:
    raise UserError(f"{path}: {problem}") from None


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, read in pieces."""
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


def write_text(path: Path, text: str) -> None:
    """Write a text file so that it is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
