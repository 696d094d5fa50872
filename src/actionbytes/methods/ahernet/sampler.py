"""What AherNet draws its videos from, and how much of their truth its anchors can learn from."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from actionbytes.errors import UserError
from actionbytes.methods.ahernet.anchors import assign, covered
from actionbytes.methods.sets import Draw, TrainingSet


class LongEnoughSampler:
    """Every video that is long enough is as likely as another, in every source."""

    def __init__(self, sets: Mapping[str, TrainingSet], least: Mapping[str, int], batch: int) -> None:
        """Set up the draws.

        Args:
            sets: The videos of each source.
            least: Snippets of the shortest video that is drawn, by source; 1 where none is named.
            batch: Videos of each source in a step.

        Raises:
            UserError: If all videos of a source are too short.
        """
        self.batch = batch
        self.usable: dict[str, NDArray[np.int64]] = {}
        for name, videos in sets.items():
            self.usable[name] = np.flatnonzero(np.diff(videos.offsets) >= least.get(name, 1))
            if not len(self.usable[name]):
                raise UserError(
                    f"{name}: every video is shorter than {least.get(name, 1)} snippets, the least to learn from; "
                    "lower min_moment (ahernet) or min_length (ahernet_single)"
                )

    def draw(self, generators: Mapping[str, np.random.Generator]) -> dict[str, Draw]:
        """Draw `batch` videos of each source, with replacement."""
        alone = np.full(self.batch, -1)
        return {
            name: Draw(generators[name].choice(usable, size=self.batch), alone) for name, usable in self.usable.items()
        }


def uncovered_share(videos: TrainingSet, grid: NDArray[np.float64], steps: int, foreground: float) -> float:
    """Share of all annotations that no anchor overlaps by more than `foreground`, so that none learns their bounds.

    Args:
        videos: With segments.
        grid: Anchors, (A, 2).
        steps: Length of the time line.
        foreground: See `AnchorParameters.foreground`.
    """
    count, owned = 0, 0
    for spans, length in zip(videos.segments or (), np.diff(videos.offsets), strict=True):
        truths = spans[:, :2] * (steps / length)
        count, owned = count + len(truths), owned + covered(assign(grid, truths, steps), truths, foreground)
    return 1 - owned / count if count else 0.0
