"""Frames and flow between the stages: temporary files, one per video, exact and compact.

Frames are lossless. Flow is stored as its parameters say: float16, or 8 bit as the field does (methods.md 1.2).
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import h5py
import numpy as np

from actionbytes.errors import UserError

BLOCK = 16  # frames compressed together


class Clip:
    """A stored clip: its length, its frames in order, whole or a block at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with h5py.File(path, "r") as file:
                self.shape = file["frames"].shape
        except (OSError, KeyError):
            raise UserError(f"{path}: not a readable clip; delete its folder and run the stage again") from None

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        with h5py.File(self.path, "r") as file:
            for start in range(0, len(self), BLOCK):
                yield from file["frames"][start : start + BLOCK]

    def read(self) -> np.ndarray:
        """All frames: (N, H, W, c) as stored."""
        with h5py.File(self.path, "r") as file:
            return file["frames"][()]


def write_clip(path: Path, frames: Iterable[np.ndarray]) -> int:
    """Write frames (H, W, c) as they come, whole or not at all; return how many there were."""
    frames, count = iter(frames), 0
    partial = path.with_name(path.name + ".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(partial, "w") as file:
        stored = None
        while block := list(islice(frames, BLOCK)):
            x = np.stack(block)
            if stored is None:
                stored = file.create_dataset(
                    "frames", (0, *x.shape[1:]), x.dtype, maxshape=(None, *x.shape[1:]),
                    chunks=(BLOCK, *x.shape[1:]), compression="lzf", shuffle=True, track_times=False,
                )  # fmt: skip
            stored.resize(count + len(x), axis=0)
            stored[count:] = x
            count += len(x)
        if stored is None:
            file.create_dataset("frames", (0, 0, 0, 0), np.uint8, track_times=False)
    partial.replace(path)
    return count
