"""Class names as vectors, which relate the classes of two datasets (label transfer in ActionBytes, section 3.3).

A class name is split into words in lower case, its vector is the mean of their word2vec vectors. The paper names the
vectors (skip-gram, Google News, 300 dimensions) and leaves open what becomes of words without one: here they are left
out and reported.
"""

import gzip
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from io import BufferedIOBase
from itertools import islice
from pathlib import Path

import numpy as np

from actionbytes.errors import UserError

MAX_WORDS, MAX_DIMENSIONS, MAX_WORD_BYTES = 20_000_000, 4096, 4096

# Labels of public datasets that join words into one without a vector.
ALIASES: Mapping[str, str] = {"Shotput": "shot put"}

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+")


def words_of(label: str) -> list[str]:
    """Words of a class name in lower case, split at punctuation and capitals: `CleanAndJerk` -> clean, and, jerk."""
    return _WORD.findall(_CAMEL.sub(" ", label).lower())


def wanted_words(labels: Iterable[str], aliases: Mapping[str, str] = ALIASES) -> set[str]:
    """Every word that `embed_labels` looks up, to read only these from a large file of word vectors."""
    table = _alias_table(aliases)
    return {word for label in labels for word in _aliased(label, table)}


def embed_labels(
    labels: Sequence[str], vectors: Mapping[str, np.ndarray], aliases: Mapping[str, str] = ALIASES
) -> tuple[np.ndarray, list[str]]:
    """Mean word vector of each label; words without a vector are left out of the mean.

    Args:
        labels: Class names.
        vectors: Word -> vector (d,).
        aliases: Label, or a word of one, in any spelling -> words to look up instead (`{"Shotput": "shot put"}`).

    Returns:
        The matrix (C, d) float32, and the sorted words without a vector.

    Raises:
        UserError: No word of a label has a vector.
    """
    if not vectors:
        raise UserError("no word vectors: the file holds none of the words of the class names")
    table, rows = _alias_table(aliases), []
    missing: set[str] = set()
    for label in labels:
        words = _aliased(label, table)
        word_vectors = [vectors[word] for word in words if word in vectors]
        missing.update(word for word in words if word not in vectors)
        if not word_vectors:
            raise UserError(
                f"class {label!r}: none of its words ({', '.join(words) or 'it has none'}) has a vector; "
                "name other words for it in the table of aliases"
            )
        rows.append(np.mean(word_vectors, axis=0))
    dimensions = len(next(iter(vectors.values())))
    return np.asarray(rows, np.float32).reshape(len(rows), dimensions), sorted(missing)  # (C, d)


def cosine_similarity(targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Cosine of every row of `targets` (M, d) with every row of `sources` (N, d): (M, N); 0 where a row is all zero."""
    return _unit_rows(targets) @ _unit_rows(sources).T  # (M, N)


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    """Rows (N, d) of length 1 in float64; rows of zeros stay."""
    rows = np.asarray(rows, np.float64)
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norm, out=np.zeros_like(rows), where=norm > 0)


def _alias_table(aliases: Mapping[str, str]) -> dict[str, list[str]]:
    return {" ".join(words_of(name)): words_of(phrase) for name, phrase in aliases.items()}


def _aliased(label: str, table: Mapping[str, list[str]]) -> list[str]:
    words = words_of(label)
    whole = table.get(" ".join(words))
    return whole if whole is not None else [part for word in words for part in table.get(word, [word])]


def read_word2vec(path: Path | str, wanted: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Word vectors (d,) float32 of a word2vec file, binary or text, plain or gzip, told by content.

    Args:
        path: The file.
        wanted: Words to keep, so that the 3.6 GB of Google News need little memory; they match exactly, case included
            (`words_of` gives lower case). None keeps all. A word that is listed twice keeps its first vector.

    Raises:
        UserError: The file cannot be read, has no header, ends early or holds a value that is not a finite number.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: cannot be read: it is no file; name one of word vectors")
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            with gzip.GzipFile(fileobj=plain) if packed else plain as stream:
                return _vectors(path, stream, None if wanted is None else {word.encode() for word in wanted})
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; write the mini world's word vectors or download some") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None


def _vectors(path: Path, stream: BufferedIOBase, wanted: Collection[bytes] | None) -> dict[str, np.ndarray]:
    header = stream.readline(100).split()
    if len(header) != 2 or not all(part.isdigit() for part in header):
        raise UserError(f"{path}: no word2vec file: it must begin with the number of words and of dimensions")
    count, dimensions = int(header[0]), int(header[1])
    if not (1 <= count <= MAX_WORDS and 1 <= dimensions <= MAX_DIMENSIONS):
        raise UserError(f"{path}: {count} words of {dimensions} dimensions are not plausible word vectors")
    start = stream.read(1 << 16)
    entries = _text_entries if _looks_like_text(start, dimensions) else _binary_entries
    vectors: dict[str, np.ndarray] = {}
    number = 0
    for number, (word, values) in enumerate(islice(entries(start, stream, dimensions), count), 1):
        if wanted is not None and word not in wanted:
            continue
        try:
            vector = np.array(values.split(), np.float32) if entries is _text_entries else np.frombuffer(values, "<f4")
        except ValueError:
            raise UserError(f"{path}: word {number} ({word!r:.60}): a value is no number") from None
        if len(vector) != dimensions or not np.isfinite(vector).all():
            raise UserError(f"{path}: word {number} ({word!r:.60}): needs {dimensions} finite numbers")
        vectors.setdefault(word.decode(errors="replace"), vector.astype(np.float32))
        if wanted is not None and len(vectors) == len(wanted):
            return vectors
    if number < count:
        raise UserError(f"{path}: ends after {number} of {count} words; fetch the file again")
    return vectors


def _looks_like_text(start: bytes, dimensions: int) -> bool:
    first = start.split(b"\n", 1)[0].split()
    try:
        return len(first) == dimensions + 1 and all(float(part) is not None for part in first[1:])
    except ValueError:
        return False


def _text_entries(start: bytes, stream: BufferedIOBase, dimensions: int) -> Iterator[tuple[bytes, bytes]]:
    """(word, its numbers as text) of each line; a line longer than the numbers could need is cut and then refused."""
    longest = MAX_WORD_BYTES + 40 * dimensions
    rest = start
    while True:
        while b"\n" not in rest and len(rest) < longest and (more := stream.read(1 << 16)):
            rest += more
        if not rest.strip():
            return
        line, _, rest = rest.partition(b"\n")
        word, _, values = line.strip().partition(b" ")
        yield word, values


def _binary_entries(start: bytes, stream: BufferedIOBase, dimensions: int) -> Iterator[tuple[bytes, bytes]]:
    """(word, its float32 as bytes) of each record `word SPACE floats [NEWLINE]`, up to the end of the file."""
    size, buffer, at = 4 * dimensions, start, 0
    while True:
        if len(buffer) - at < MAX_WORD_BYTES + size:
            buffer, at = buffer[at:] + stream.read(1 << 22), 0
        space = buffer.find(b" ", at, at + MAX_WORD_BYTES)
        if space < 0 or len(buffer) - space - 1 < size:
            return
        yield buffer[at:space].lstrip(b"\n"), buffer[space + 1 : space + 1 + size]
        at = space + 1 + size
