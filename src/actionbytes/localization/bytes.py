"""ActionBytes: a video is cut where its latent changes; neighbouring pieces merge to proposals (eqs. 1 and 2).

Jain, Ghodrati, Snoek, ActionBytes: Learning from Trimmed Videos to Localize Actions (CVPR 2020). Segments are half-open
`[start, end)` in snippets; the paper writes inclusive ends.
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
    """How a video is cut into ActionBytes."""

    percentiles: tuple[Percentile, ...] = Field(
        (50.0,),
        min_length=1,
        description="a video is cut where its latent changes more than this percentile of its changes; several: the "
        "union of what each gives. 50 is the paper's for THUMOS14; for ActivityNet it has 92, 95, 97.5, 99 and 99.5",
    )
    sentinels: bool = Field(
        False,
        description="cut at the start and the end of the video too; false, the literal reading of the paper, drops "
        "what lies before the first cut and after the last",
    )
    segments: Literal["bytes", "fixed"] = Field(
        "bytes", description="fixed: pieces of equal length in place of bytes, the paper's ablation"
    )
    fixed_length: int = Field(2, ge=1, description="snippets in a fixed piece; the paper's ablation has 2")


class Proposals(Bytes):
    """How neighbouring ActionBytes merge to proposals (eq. 2)."""

    merges: tuple[Positive, ...] = Field(
        (1, 2), min_length=1, description="numbers of neighbouring bytes that merge to one proposal (M in the paper)"
    )
    jitter: bool = Field(
        True,
        description="add proposals that start one snippet earlier, end one later, and both; the paper says 'up to one "
        "neighbouring step' and no more",
    )


def boundaries(latent: Floats, percentile: float = 50, sentinels: bool = False) -> Ints:
    """Find where a video is cut (eq. 1).

    The change at snippet t is the l1 distance of `latent[t]` and `latent[t - 1]`. It is a boundary where it is strictly
    above the percentile of the video's changes, which is interpolated linearly.

    Args:
        latent: (T, l) latent of each snippet.
        percentile: 0 to 100.
        sentinels: Add 0 and T. Without them, what lies before the first and after the last boundary is left out.

    Returns:
        Boundaries in snippets, sorted; 0 and T for a video with fewer than two of them.
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
    """The boundaries of a video with latent (T, l), once for each percentile."""
    if parameters.segments == "fixed":
        return [pieces(len(latent), parameters.fixed_length)]
    return [boundaries(latent, p, parameters.sentinels) for p in parameters.percentiles]


def bytes_of(latent: Floats, parameters: Bytes) -> Ints:
    """ActionBytes (n, 2) of a video from its latent (T, l): the segments between neighbouring boundaries."""
    return _union([np.stack([cuts[:-1], cuts[1:]], 1) for cuts in cuttings(latent, parameters)])


def proposals(latent: Floats, parameters: Proposals) -> Ints:
    """Proposals of a video (eq. 2).

    Args:
        latent: (T, l) latent of each snippet.
        parameters: For each m of `merges`, every m neighbouring bytes make one proposal. `jitter` adds those that start
            one snippet earlier, end one later, and both, clipped to the video. Several percentiles give the union.

    Returns:
        (P, 2) start and end in snippets, sorted, none twice.
    """
    cuts = cuttings(latent, parameters)
    merged = _union([np.stack([c[:-m], c[m:]], 1) for c in cuts for m in parameters.merges])  # (P, 2)
    if not parameters.jitter:
        return merged
    steps = np.array([[0, 0], [-1, 0], [0, 1], [-1, 1]])
    return _union([(merged[:, None] + steps).reshape(-1, 2).clip(0, len(latent))])


def _union(segments: list[Ints]) -> Ints:
    """The union of (n, 2) arrays, sorted by start, then end."""
    return np.unique(np.concatenate(segments), axis=0)
