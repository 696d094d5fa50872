"""W-TALC's batches: couples of videos that share a class, and random ones beside them."""

from collections.abc import Mapping

import numpy as np

from actionbytes.methods.sets import Bools, Draw


class CoupleSampler:
    """Couples first, then random videos, as in W-TALC's code.

    A couple comes from a class drawn uniformly among those with enough videos: two of its videos, with replacement. A
    set without such a class gives random videos only.
    """

    def __init__(self, source: str, targets: Bools, pairs: int, batch: int, least: int = 1) -> None:
        """Set up the draws of one source.

        Args:
            source: Name of the source.
            targets: (N, K) classes of its videos.
            pairs: Couples in a step.
            batch: Videos in a step, those of the couples included.
            least: A class with fewer videos makes no couple.
        """
        self.source, self.videos, self.batch = source, len(targets), batch
        self.members = [m for m in map(np.flatnonzero, targets.T) if len(m) >= least]  # videos of each class
        self.pairs = pairs if self.members else 0

    def draw(self, generators: Mapping[str, np.random.Generator]) -> dict[str, Draw]:
        """Draw one step's videos; each couple is a group."""
        rng = generators[self.source]
        classes = rng.integers(len(self.members), size=self.pairs) if self.pairs else ()
        couples = [rng.choice(self.members[c], size=2) for c in classes]
        alone = self.batch - 2 * self.pairs
        others = rng.integers(self.videos, size=alone)
        groups = np.concatenate([np.repeat(np.arange(self.pairs), 2), np.full(alone, -1)])
        return {self.source: Draw(np.concatenate([*couples, others]), groups)}
