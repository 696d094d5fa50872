"""TSRNet's batches: untrimmed videos, and beside each a trimmed clip of a class that it shows."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from actionbytes.errors import UserError
from actionbytes.methods.sets import Draw, TrainingSet
from actionbytes.methods.tsrnet.parameters import TsrnetParameters


def shared_classes(untrimmed: tuple[str, ...], trimmed: tuple[str, ...], same: Mapping[str, str]) -> dict[int, int]:
    """Which classes are the same: index of the untrimmed class -> index of the trimmed one.

    Args:
        untrimmed: Names of the untrimmed videos' classes.
        trimmed: Names of the trimmed clips' classes.
        same: Trimmed name -> untrimmed name, where more than spelling differs. Capitals, blanks and punctuation never
            count.
    """
    places = {_spelled(same.get(name, name)): number for number, name in enumerate(trimmed)}
    return {number: places[_spelled(name)] for number, name in enumerate(untrimmed) if _spelled(name) in places}


def _spelled(name: str) -> str:
    """The letters and digits of a name, without capitals."""
    return "".join(filter(str.isalnum, name.casefold()))


class ClassSampler:
    """Untrimmed videos at random, and as many trimmed clips: one of a shared class of each video.

    Pairs are groups. A video without a shared class gets a random clip; both stand alone, in no group. Videos that the
    round learns nothing about are left out.
    """

    def __init__(self, sets: Mapping[str, TrainingSet], settings: TsrnetParameters, batch: int) -> None:
        """Set up the draws.

        Args:
            sets: `untrimmed` and `trimmed`.
            settings: See `TsrnetParameters.pairing` and `same_class`.
            batch: Untrimmed videos in a step, and trimmed clips.

        Raises:
            UserError: If too few classes are shared.
        """
        untrimmed, trimmed = sets["untrimmed"], sets["trimmed"]
        pairs = shared_classes(untrimmed.classes, trimmed.classes, settings.same_class)
        clips = {ours: np.flatnonzero(trimmed.labels[:, theirs]) for ours, theirs in pairs.items()}
        clips = {number: members for number, members in clips.items() if len(members)}
        self.everywhere = settings.pairing == "all"
        shared = sorted(clips)
        if len(shared) < (2 if settings.pairing == "permuted" else 1):
            raise UserError(
                f"tsrnet: untrimmed videos and trimmed clips share {len(shared)} classes, too few for pairing "
                f"{settings.pairing}; name others in same_class"
            )
        if settings.pairing == "permuted":
            clips = {number: clips[shared[(place + 1) % len(shared)]] for place, number in enumerate(shared)}
        self.batch, self.count = batch, len(trimmed.names)
        self.videos = np.flatnonzero(untrimmed.targets.any(1))  # those that this round learns
        self.clips: dict[int, NDArray[np.int64]] = clips  # of each untrimmed class
        self.usable = np.concatenate([clips[number] for number in shared])
        self.shared = [np.intersect1d(np.flatnonzero(row), shared) for row in untrimmed.labels]  # of each video

    def draw(self, generators: Mapping[str, np.random.Generator]) -> dict[str, Draw]:
        """Draw one step's videos and clips."""
        videos = generators["untrimmed"].choice(self.videos, size=self.batch)
        rng = generators["trimmed"]
        if self.everywhere:
            together = np.zeros(self.batch, dtype=np.int64)
            clips = rng.choice(self.usable, size=self.batch)
            return {"untrimmed": Draw(videos, together), "trimmed": Draw(clips, together)}
        chosen, groups = [], []
        for place, video in enumerate(videos):
            classes = self.shared[video]
            members = self.clips[int(rng.choice(classes))] if len(classes) else np.arange(self.count)
            chosen.append(int(rng.choice(members)))
            groups.append(place if len(classes) else -1)
        return {
            "untrimmed": Draw(videos, np.array(groups)),
            "trimmed": Draw(np.array(chosen), np.array(groups)),
        }
