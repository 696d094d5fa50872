"""Batches: couples of videos that share a class, random ones beside them, long ones cut to a window."""

import numpy as np
import torch
from numpy.typing import NDArray

from actionbytes.methods.base import Batch, Sample
from actionbytes.training.parameters import Training

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Batches:
    """Draws batches from packed features (methods.md 4.4).

    rows: (sum T, D), perhaps memory-mapped; offsets: (N + 1,); targets: (N, K) bool, by which couples are drawn;
    labels: (N, C) bool. Couples come from classes with at least `min_videos` videos: the class uniformly, then two of
    its videos, with replacement; a set without such a class gives random videos only. sample: which snippets of a video
    are seen; none: a window.
    """

    def __init__(
        self,
        rows: NDArray[np.floating],
        offsets: NDArray[np.int64],
        targets: NDArray[np.bool_],
        labels: NDArray[np.bool_],
        training: Training,
        min_videos: int = 1,
        sample: Sample | None = None,
    ) -> None:
        self.sample = sample
        self.rows, self.offsets, self.training = rows, np.asarray(offsets, dtype=np.int64), training
        self.targets, self.labels = targets, labels
        self.members = [m for m in map(np.flatnonzero, targets.T) if len(m) >= min_videos]
        self.pairs = training.pairs if self.members else 0

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], Batch]:
        """The videos drawn (B,) and their batch; `rng` goes on into the batch."""
        classes = rng.integers(len(self.members), size=self.pairs) if self.pairs else ()
        couples = [rng.choice(self.members[c], size=2) for c in classes]
        others = rng.integers(len(self.targets), size=self.training.batch - 2 * self.pairs)
        videos = np.concatenate([*couples, others])  # (B,)
        seen = self._sampled(videos, rng) if self.sample else self._windows(videos, rng)
        return videos, Batch(
            rows=torch.from_numpy(np.concatenate(seen)).to(DTYPES[self.training.precision]),  # (R, D)
            offsets=np.concatenate([[0], np.cumsum([len(x) for x in seen])]),
            targets=torch.from_numpy(self.targets[videos].astype(np.float32)),
            labels=torch.from_numpy(self.labels[videos].astype(np.float32)),
            pairs=self.pairs,
            rng=rng,
        )

    def _windows(self, videos: NDArray[np.int64], rng: np.random.Generator) -> list[NDArray[np.floating]]:
        """Whole videos, or of longer ones `max_length` snippets in a row."""
        first, last = self.offsets[videos], self.offsets[videos + 1]
        spare = np.maximum(last - first - self.training.max_length, 0)
        first += (rng.random(len(videos)) * spare).astype(np.int64)  # start uniform in [0, T - max_length)
        lengths = np.minimum(last - first, self.training.max_length)
        return [self.rows[a : a + n] for a, n in zip(first, lengths, strict=True)]

    def _sampled(self, videos: NDArray[np.int64], rng: np.random.Generator) -> list[NDArray[np.floating]]:
        """The snippets of each video that the method asks for."""
        bounds = zip(self.offsets[videos], self.offsets[videos + 1], strict=True)
        return [self.rows[a:b][self.sample(int(b - a), rng)] for a, b in bounds]
