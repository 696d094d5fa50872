"""How well two arrays of snippets agree, and the ways to put their rows side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]
"""The same stream of the same video in A, (T, D), and in B, (T', D)."""

Alignment = Callable[[np.ndarray, np.ndarray], Pair]
"""From (T, D) of A and (T', D) of B to the rows of each that belong together, but for a rest at the end of one."""


@dataclass(frozen=True)
class Fit:
    """How one stream of A agrees with one of B.

    Attributes:
        a: Stream of A.
        b: Stream of B.
        snippets: Pairs of snippets.
        mean: Mean cosine of a pair.
        least: Least cosine of a pair.
        centred: Cosine about the means, over all pairs at once.
    """

    a: str
    b: str
    snippets: int
    mean: float
    least: float
    centred: float


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) cosines of rows (n, D); two zero rows are alike, a zero row and another are not."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    both_zero = ~a.any(1) & ~b.any(1)
    return np.where(both_zero, 1.0, (a * b).sum(1) / np.where(lengths > 0, lengths, np.inf))


def centred_cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of all of (n, D) about their mean rows: it shows what tells snippets apart, which raw cosines hide."""
    a, b = a - a.mean(0, dtype=np.float64), b - b.mean(0, dtype=np.float64)
    length = np.linalg.norm(a) * np.linalg.norm(b)
    return float((a * b).sum() / length) if length > 0 else 0.0


def common_share(a: np.ndarray, b: np.ndarray) -> float:
    """Share of the difference of (n, D) that every row has in common, 0 to 1, less what chance gives to n rows."""
    difference = b.astype(np.float64) - a
    total = (difference**2).sum(1).mean()
    share = (difference.mean(0) ** 2).sum() / total if total > 0 else 0.0
    chance = 1 / len(a)
    return float(max(0.0, (share - chance) / (1 - chance))) if len(a) > 1 else 0.0


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Median over the D dimensions of (n, D) of the correlation over rows."""
    a, b = a - a.mean(0, dtype=np.float64), b - b.mean(0, dtype=np.float64)
    lengths = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
    alive = lengths > 1e-9
    return float(np.median((a * b).sum(0)[alive] / lengths[alive])) if alive.any() else 0.0


def fit_of(a: np.ndarray, b: np.ndarray, names: tuple[str, str] = ("", "")) -> Fit:
    """Agreement of rows (n, D) that belong together; `names` are those of the two streams."""
    rows = cosines(a, b)
    return Fit(*names, len(rows), float(rows.mean()), float(rows.min()), centred_cosine(a, b))


def side_by_side(videos: Sequence[Pair], align: Alignment) -> Pair:
    """All videos' rows that belong together: (n, D) of A and (n, D) of B."""
    parts = []
    for pair in videos:
        a, b = align(*pair)
        n = min(len(a), len(b))
        parts.append((a[:n], b[:n]))
    if not parts:
        return np.empty((0, 1)), np.empty((0, 1))
    return np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts])


def agreement_in_time(videos: Sequence[Pair], align: Alignment) -> float:
    """Centred cosine about the mean of each video: agreement in what changes within videos, not between them."""

    def about_mean(a: np.ndarray, b: np.ndarray) -> Pair:
        a, b = side_by_side([(a, b)], align)
        return (
            a - a.mean(0, dtype=np.float64) if len(a) else a,
            b - b.mean(0, dtype=np.float64) if len(b) else b,
        )

    return centred_cosine(*side_by_side(videos, about_mean))


def by_time(a: np.ndarray, b: np.ndarray) -> Pair:
    """To each snippet of the shorter one, that of the other at the same share of the video."""
    n = min(len(a), len(b))

    def picked(x: np.ndarray) -> np.ndarray:
        return x[((np.arange(n) + 0.5) * len(x) / n).astype(int)]

    return picked(a), picked(b)


def shifted(k: int) -> Alignment:
    """B's first snippet belongs to A's k-th."""
    return lambda a, b: (a[max(k, 0) :], b[max(-k, 0) :])


def every(k: int, b_is_denser: bool) -> Alignment:
    """Every k-th snippet of the denser one."""
    return (lambda a, b: (a, b[::k])) if b_is_denser else (lambda a, b: (a[::k], b))


def pooled(k: int, b_is_denser: bool) -> Alignment:
    """Means of k snippets of the denser one."""

    def means(x: np.ndarray) -> np.ndarray:
        n = len(x) // k
        return x[: n * k].reshape(n, k, x.shape[1]).mean(1, dtype=np.float64)

    return (lambda a, b: (a, means(b))) if b_is_denser else (lambda a, b: (means(a), b))
