"""Stills: one frame a snippet of a few videos, in a small HDF5 file: pictures can be drawn without the videos."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import h5py
import numpy as np

from actionbytes.errors import UserError
from actionbytes.video.decode import BrokenVideo
from actionbytes.video.isolated import IsolatedReader
from actionbytes.video.parameters import Decoding

LOG = logging.getLogger(__name__)
CHUNK = 16  # frames a snippet


def pick_stills(videos: Iterable[tuple[str, Path]], count: int, decoding: Decoding) -> dict[str, np.ndarray]:
    """The middle frame of every snippet, (T, crop, crop, 3) uint8, of the first `count` videos that are whole."""
    found: dict[str, np.ndarray] = {}
    for name, path in videos:
        if len(found) == count:
            break
        try:
            reader = IsolatedReader(path, decoding)
            frames = [frame for k, frame in enumerate(reader) if k % CHUNK == CHUNK // 2]
        except BrokenVideo as error:
            LOG.info("passed over: %s", error)
            continue
        if reader.status == "ok" and frames:
            found[name] = np.stack(frames)  # (T, S, S, 3)
    return found


def write_stills(path: Path, stills: Mapping[str, np.ndarray], hop_s: float) -> None:
    """Write stills as `/<video>` (T, S, S, 3) uint8, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with h5py.File(partial, "w", track_order=True) as file:
        file.attrs["hop_s"] = hop_s
        for name, frames in stills.items():
            file.create_dataset(name, data=frames, compression="gzip", track_times=False)
    partial.replace(path)


def read_stills(path: Path) -> tuple[dict[str, np.ndarray], float]:
    """Stills by video, in the order of writing, and seconds between two of them."""
    try:
        with h5py.File(path, "r", track_order=True) as file:
            return {name: file[name][:] for name in file}, float(file.attrs["hop_s"])
    except (OSError, KeyError) as error:
        raise UserError(f"{path}: no stills there ({error}); remove it and run the same target again") from None
