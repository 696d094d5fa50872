"""ActionBytes: where the latent of a video changes, it is cut; neighbouring pieces merge to proposals (eqs. 1 and 2).

Segments are half-open `[start, end)` in snippets. The paper writes inclusive ends.
"""

import numpy as np
from numpy.typing import NDArray

from actionbytes.methods.parameters import Bytes, Proposals

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]


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
