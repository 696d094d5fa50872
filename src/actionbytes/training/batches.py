"""Batches of each source: the videos that a method's sampler draws, and the snippets of them that it sees."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from actionbytes.methods.base import Method
from actionbytes.methods.sets import Batch, Draw, Ints, Spans, TrainingSet
from actionbytes.training.parameters import Training

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Batches:
    """Draws the batches of a round."""

    def __init__(self, method: Method, sets: Mapping[str, TrainingSet], training: Training) -> None:
        """Set up the draws of a round.

        Args:
            method: Says how videos and their snippets are drawn.
            sets: The videos of each source, with the targets of the round.
            training: See `Training`.
        """
        self.method, self.sets, self.training = method, sets, training
        self.sampler = method.sampler(sets, training)

    def draw(self, generators: Mapping[str, np.random.Generator]) -> tuple[Mapping[str, Draw], dict[str, Batch]]:
        """Draw one step.

        Args:
            generators: One for each source. It draws the source's videos, then their snippets, and goes on into the
                batch.

        Returns:
            The videos of each source, and their batches.
        """
        draws = self.sampler.draw(generators)
        return draws, {name: self._batch(name, draws[name], generators[name]) for name in self.sets}

    def _batch(self, source: str, draw: Draw, rng: np.random.Generator) -> Batch:
        videos, seen = self.sets[source], draw.videos
        lengths = (videos.offsets[seen + 1] - videos.offsets[seen]).tolist()
        chosen = [self.method.snippets(source, length, self.training, rng) for length in lengths]
        rows = [videos.video(video)[snippets] for video, snippets in zip(seen, chosen, strict=True)]
        spans = videos.segments
        return Batch(
            rows=torch.from_numpy(np.concatenate(rows)).to(DTYPES[self.training.precision]),  # (R, D)
            offsets=np.concatenate([[0], np.cumsum([len(x) for x in rows])]),
            targets=torch.from_numpy(videos.targets[seen].astype(np.float32)),
            labels=torch.from_numpy(videos.labels[seen].astype(np.float32)),
            groups=draw.groups,
            segments=spans and tuple(in_rows(spans[v], c, len(x)) for v, c, x in zip(seen, chosen, rows, strict=True)),
            rng=rng,
        )


def in_rows(segments: Spans, snippets: slice | Ints, count: int) -> Spans:
    """Segments of a video, in the rows of it that a step sees.

    Where these are snippets in a row, bounds are moved and clipped, and fractions stay. Where they are picked one by
    one, a row is inside a segment if the middle of its snippet is.

    Args:
        segments: (n, 3) start and end in snippets, class.
        snippets: Which snippets are seen, in rising order.
        count: How many these are.

    Returns:
        (m, 3) start and end in rows, class; segments that no row shows are left out.
    """
    if isinstance(snippets, slice):
        bounds = np.clip(segments[:, :2] - (snippets.start or 0), 0, count)
    else:
        bounds = np.searchsorted(snippets + 0.5, segments[:, :2]).astype(np.float64)
    shown = bounds[:, 1] > bounds[:, 0]
    result: NDArray[np.float64] = np.column_stack([bounds, segments[:, 2]])[shown]
    return result
