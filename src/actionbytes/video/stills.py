"""Stills: a frame now and then of a few videos, in a small HDF5 file, so that figures need no videos."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import h5py
import numpy as np

from actionbytes.errors import UserError
from actionbytes.files import whole
from actionbytes.video.decode import BrokenVideo
from actionbytes.video.isolated import IsolatedReader
from actionbytes.video.parameters import Decoding

EVERY = 16  # frames from one still to the next

logger = logging.getLogger(__name__)


def pick_stills(videos: Iterable[tuple[str, Path]], count: int, decoding: Decoding) -> dict[str, np.ndarray]:
    """Decode stills of the first videos that are whole.

    Args:
        videos: (name, file) of each candidate, in order.
        count: Videos to take.
        decoding: Frame rate and size.

    Returns:
        Video -> the middle frame of every `EVERY` frames, (T, crop, crop, 3) uint8.
    """
    stills: dict[str, np.ndarray] = {}
    for name, path in videos:
        if len(stills) == count:
            break
        try:
            reader = IsolatedReader(path, decoding)
            frames = [frame for k, frame in enumerate(reader) if k % EVERY == EVERY // 2]
        except BrokenVideo as error:
            logger.warning("passed over: %s", error)
            continue
        if reader.status == "ok" and frames:
            stills[name] = np.stack(frames)
    return stills


def write_stills(path: Path, stills: Mapping[str, np.ndarray], hop_s: float) -> None:
    """Write stills, whole or not at all.

    Args:
        path: The HDF5 file; folders are made as needed.
        stills: Video -> (T, S, S, 3) uint8, written as `/<video>` in this order.
        hop_s: Seconds from one still to the next.
    """
    with whole(path) as partial, h5py.File(partial, "w", track_order=True) as file:
        file.attrs["hop_s"] = hop_s
        for name, frames in stills.items():
            file.create_dataset(name, data=frames, compression="gzip", track_times=False)


def read_stills(path: Path) -> tuple[dict[str, np.ndarray], float]:
    """Stills by video, (T, S, S, 3) uint8 in the order of writing, and seconds between two of them."""
    try:
        with h5py.File(path, "r", track_order=True) as file:
            return {name: file[name][:] for name in file}, float(file.attrs["hop_s"])
    except (OSError, KeyError) as error:
        raise UserError(f"{path}: no stills there ({error}); remove it and run the same target again") from None
