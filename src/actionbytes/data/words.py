"""Class names as vectors: mean of the word2vec vectors of their words (ActionBytes section 3.3, methods.md 5.4)."""

import gzip
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from actionbytes.errors import UserError

MAX_WORDS, MAX_DIMENSIONS, MAX_WORD_BYTES = 20_000_000, 4096, 4096

# Labels of public datasets that are written as one word that word vectors do not know.
ALIASES: Mapping[str, str] = {"Shotput": "shot put"}

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+")


def words_of(label: str) -> list[str]:
    """Words of a class name in lower case, camel case and punctuation split: `CleanAndJerk` -> clean, and, jerk."""
    return _WORD.findall(_CAMEL.sub(" ", label).lower())


def wanted_words(labels: Iterable[str], aliases: Mapping[str, str] = ALIASES) -> set[str]:
    """Every word that `embed_labels` would look up: what to read of a large file of word vectors."""
    table = _alias_table(aliases)
    return {word for label in labels for word in _aliased(label, table)}


def embed_labels(
    labels: Sequence[str], vectors: Mapping[str, np.ndarray], aliases: Mapping[str, str] = ALIASES
) -> tuple[np.ndarray, list[str]]:
    """Mean word vector of each label.

    An alias stands for a whole label or for one of its words, in any spelling (`{"Shotput": "shot put"}`). Words that
    have no vector are left out of the mean (methods.md 5.4).

    Returns the matrix (C, d) float32 and the sorted words that have no vector. Raises UserError for a label of which no
    word has one.
    """
    if not vectors:
        raise UserError("no word vectors: the file holds none of the words of the class names")
    table, missing, rows = _alias_table(aliases), set(), []
    for label in labels:
        words = _aliased(label, table)
        known = [vectors[word] for word in words if word in vectors]
        missing.update(word for word in words if word not in vectors)
        if not known:
            raise UserError(
                f"class {label!r}: none of its words ({', '.join(words) or 'it has none'}) has a vector; "
                "name other words for it in the table of aliases"
            )
        rows.append(np.mean(known, axis=0))
    dimensions = len(next(iter(vectors.values())))
    return np.asarray(rows, np.float32).reshape(len(rows), dimensions), sorted(missing)  # (C, d)


def cosine_similarity(targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Cosine of every row of `targets` (M, d) with every row of `sources` (N, d): (M, N); 0 where a row is all zero."""
    units = [
        np.divide(rows, norm, out=np.zeros_like(rows), where=norm > 0)
        for rows in (np.asarray(targets, np.float64), np.asarray(sources, np.float64))
        for norm in (np.linalg.norm(rows, axis=1, keepdims=True),)
    ]
    return units[0] @ units[1].T  # (M, N)


def _alias_table(aliases: Mapping[str, str]) -> dict[str, list[str]]:
    return {" ".join(words_of(name)): words_of(phrase) for name, phrase in aliases.items()}


def _aliased(label: str, table: Mapping[str, list[str]]) -> list[str]:
    words = words_of(label)
    whole = table.get(" ".join(words))
    return whole if whole is not None else [part for word in words for part in table.get(word, [word])]


def read_word2vec(path: Path | str, wanted: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Word vectors (d,) float32 of a word2vec file, binary or text, plain or gzip, told by content.

    With `wanted`, only those words are kept, so that the 3.6 GB of Google News need little memory; words match exactly,
    case included (`words_of` gives lower case). A word that is there twice keeps its first vector.

    Raises UserError for a file that cannot be read, has no header, ends early or holds what is no finite number.
    """
    path = Path(path)
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            with gzip.GzipFile(fileobj=plain) if packed else plain as stream:
                return _vectors(path, stream, None if wanted is None else {word.encode() for word in wanted})
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; write the mini world's word vectors or download some") from None
    except (OSError, EOFError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None


def _vectors(path: Path, stream: BinaryIO, wanted: Collection[bytes] | None) -> dict[str, np.ndarray]:
    header = stream.readline(100).split()
    if len(header) != 2 or not all(part.isdigit() for part in header):
        raise UserError(f"{path}: no word2vec file: it must begin with the number of words and of dimensions")
    count, dimensions = int(header[0]), int(header[1])
    if not (1 <= count <= MAX_WORDS and 1 <= dimensions <= MAX_DIMENSIONS):
        raise UserError(f"{path}: {count} words of {dimensions} dimensions are not plausible word vectors")
    start = stream.read(1 << 16)
    entries = _text_entries if _looks_like_text(start, dimensions) else _binary_entries
    found: dict[str, np.ndarray] = {}
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
        found.setdefault(word.decode(errors="replace"), vector.astype(np.float32))
        if wanted is not None and len(found) == len(wanted):
            return found
    if number < count:
        raise UserError(f"{path}: ends after {number} of {count} words; fetch the file again")
    return found


def _looks_like_text(start: bytes, dimensions: int) -> bool:
    first = start.split(b"\n", 1)[0].split()
    try:
        return len(first) == dimensions + 1 and all(float(part) is not None for part in first[1:])
    except ValueError:
        return False


def _text_entries(start: bytes, stream: BinaryIO, dimensions: int) -> Iterator[tuple[bytes, bytes]]:
    """(word, its numbers as text) of each line; a longer line than numbers could need is cut, and so refused."""
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


def _binary_entries(start: bytes, stream: BinaryIO, dimensions: int) -> Iterator[tuple[bytes, bytes]]:
    """(word, its float32 as bytes) of each record `word SPACE floats [NEWLINE]`; stops where the file ends."""
    size, buffer, at = 4 * dimensions, start, 0
    while True:
        if len(buffer) - at < MAX_WORD_BYTES + size:
            buffer, at = buffer[at:] + stream.read(1 << 22), 0
        space = buffer.find(b" ", at, at + MAX_WORD_BYTES)
        if space < 0 or len(buffer) - space - 1 < size:
            return
        yield buffer[at:space].lstrip(b"\n"), buffer[space + 1 : space + 1 + size]
        at = space + 1 + size
