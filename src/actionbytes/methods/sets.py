"""What a method learns from: the videos of each source, and the batches that are drawn from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Spans = NDArray[np.float64]  # (n, 3): start and end in snippets or rows, class


@dataclass(frozen=True)
class TrainingSet:
    """The N videos of one source, their snippets one under another.

    Attributes:
        names: Video ids.
        rows: (sum T, D) features, perhaps memory-mapped.
        offsets: (N + 1,) row of each video's first snippet.
        labels: (N, C) true classes.
        classes: Names of the C columns of `labels`: the method's outputs for a source that outputs are taken from
            (`MethodParameters.classes_from`), the source's own classes for another.
        hop_s: Seconds from one snippet to the next.
        streams: Feature streams that are side by side in `rows`.
        segments: For each video (n, 3): start and end in snippets, column of `classes`. None: only labels are known.
        targets: (N, K) what the current round has the method learn about each video.
    """

    names: list[str]
    rows: NDArray[np.floating]
    offsets: Ints
    labels: Bools
    classes: tuple[str, ...]
    hop_s: float
    streams: tuple[str, ...]
    segments: tuple[Spans, ...] | None
    targets: Bools

    def video(self, index: int) -> NDArray[np.floating]:
        """(T, D) features of one video, a view."""
        return self.rows[self.offsets[index] : self.offsets[index + 1]]


@dataclass(frozen=True)
class Batch:
    """Videos of one source in one training step, their snippets one under another, without padding.

    Attributes:
        rows: (R, D) features, float32 or bfloat16.
        offsets: (B + 1,) first row of each video.
        targets: (B, K) 0 or 1, what to learn in this round: the labels, unless `Method.prepare` says otherwise.
        labels: (B, C) 0 or 1, the true classes.
        groups: (B,) number of the group that a video was drawn in, from 0; -1 for one that was drawn alone.
        segments: For each video (n, 3): start and end in rows of the video, class. None where only labels are known.
        rng: For dropout and all else that is drawn in the step.
    """

    rows: "Tensor"
    offsets: Ints
    targets: "Tensor"
    labels: "Tensor"
    groups: Ints
    segments: tuple[Spans, ...] | None
    rng: np.random.Generator


@dataclass(frozen=True)
class Draw:
    """Which videos of one source a step sees.

    Attributes:
        videos: (B,) indices.
        groups: (B,) number of the group that each was drawn in, from 0; -1 for one that was drawn alone.
    """

    videos: Ints
    groups: Ints


class Sampler(Protocol):
    """Draws the videos of each step. A sampler keeps nothing from step to step."""

    def draw(self, generators: Mapping[str, np.random.Generator]) -> Mapping[str, Draw]:
        """Draw the videos of one step.

        Args:
            generators: One for each source; a source's draws come from its own generator.

        Returns:
            The videos of each source.
        """
        ...


class UniformSampler:
    """Every video is as likely as another, in every source."""

    def __init__(self, sets: Mapping[str, TrainingSet], batch: int) -> None:
        self.sizes = {source: len(videos.names) for source, videos in sets.items()}
        self.batch = batch

    def draw(self, generators: Mapping[str, np.random.Generator]) -> dict[str, Draw]:
        """Draw `batch` videos of each source, with replacement."""
        alone = np.full(self.batch, -1)
        return {
            source: Draw(generators[source].integers(size, size=self.batch), alone)
            for source, size in self.sizes.items()
        }


@dataclass(frozen=True)
class Round:
    """What a round of training starts from.

    Attributes:
        targets: (N, K) what to learn about each video, for each source that does not learn its labels.
        memory: Arrays that the next round's `prepare` gets back; any name will do.
        facts: Numbers for this round's line of `rounds.csv`.
    """

    targets: Mapping[str, Bools]
    memory: Mapping[str, NDArray[Any]]
    facts: Mapping[str, float]
