"""ActionBytes: where the latent of a video changes, it is cut; neighbouring pieces merge to proposals (eqs. 1 and 2).

Segments are half-open `[start, end)` in snippets. The paper writes inclusive ends.
"""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from actionbytes.parameters import Parameters

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]


Percentile = Annotated[float, Field(ge=0, lt=100)]


Positive = Annotated[int, Field(ge=1)]


class Bytes(Parameters):
    """How a video is cut into ActionBytes (methods.md 5.2)."""

    percentiles: tuple[Percentile, ...] = Field(
        (50.0,), min_length=1, description="cut where L changes more than this percentile; ActivityNet: 92 ... 99.5 [R]"
    )
    sentinels: bool = Field(False, description="cut at 0 and T too; the literal reading drops head and tail [R] 5.2")
    segments: Literal["bytes", "fixed"] = Field("bytes", description="fixed: equal pieces instead, the ablation of 5.7")
    fixed_length: int = Field(2, ge=1, description="snippets in a fixed piece [P]")


class Proposals(Bytes):
    """Proposals from merged bytes (methods.md 5.5, eq. 2)."""

    merges: tuple[Positive, ...] = Field((1, 2), min_length=1, description="M: how many neighbouring bytes merge [P]")
    jitter: bool = Field(True, description="also start one snippet earlier, end one later, and both [R] 5.5")


def boundaries(latent: Floats, percentile: float = 50, sentinels: bool = False) -> Ints:
    """Snippets t at which `latent` (T, l) changes more than the percentile of the video's changes (eq. 1), sorted.

    The change at t is the l1 distance of L[t] and L[t-1]; the percentile is interpolated linearly, the comparison
    strict. `sentinels` adds 0 and T; the literal reading leaves out what lies before the first and after the last
    boundary. A video with fewer than two boundaries is one piece: 0, T.
    """
    length = len(latent)
    if length >= 3:
        change = np.abs(np.diff(latent, axis=0)).sum(1, dtype=np.float64)  # (T - 1,)
        cuts = np.flatnonzero(change > np.percentile(change, percentile)) + 1
        if sentinels:
            cuts = np.concatenate([[0], cuts, [length]])
        if len(cuts) >= 2:
            return cuts
    return np.array([0, length])


def pieces(length: int, size: int) -> Ints:
    """Boundaries of equal pieces of `size` snippets, the last one perhaps shorter: the paper's ablation."""
    return np.append(np.arange(0, length, size), length)


def cuttings(latent: Floats, parameters: Bytes) -> list[Ints]:
    """The boundaries of a video, once for each percentile."""
    if parameters.segments == "fixed":
        return [pieces(len(latent), parameters.fixed_length)]
    return [boundaries(latent, p, parameters.sentinels) for p in parameters.percentiles]


def bytes_of(latent: Floats, parameters: Bytes) -> Ints:
    """ActionBytes (n, 2) of a video from its latent (T, l): what lies between neighbouring boundaries."""
    return _unique([np.stack([cuts[:-1], cuts[1:]], 1) for cuts in cuttings(latent, parameters)])


def proposals(latent: Floats, parameters: Proposals) -> Ints:
    """Proposals (P, 2) of a video from its latent (T, l), sorted, none twice (eq. 2).

    For each m of `merges`, every m neighbouring bytes make one; `jitter` adds those that start one snippet earlier,
    end one later, and both, inside the video. Several percentiles: the union.
    """
    cuts = cuttings(latent, parameters)
    merged = _unique([np.stack([c[:-m], c[m:]], 1) for c in cuts for m in parameters.merges])  # (P, 2)
    if not parameters.jitter:
        return merged
    steps = np.array([[0, 0], [-1, 0], [0, 1], [-1, 1]])
    return _unique([(merged[:, None] + steps).reshape(-1, 2).clip(0, len(latent))])


def _unique(segments: list[Ints]) -> Ints:
    """The union of (n, 2) arrays, sorted by start, then end."""
    return np.unique(np.concatenate(segments), axis=0)
