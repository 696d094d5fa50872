"""Snippet features of one video, and whether they can be."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actionbytes.errors import UserError


@dataclass(frozen=True)
class VideoFeatures:
    """Snippet features of one video.

    Attributes:
        streams: Stream name -> (T, D).
        duration: Seconds.
        frames: Number of frames after resampling.
        fps: Frames a second after resampling.
        span: Frames that one snippet sees.
        hop_s: Seconds from the start of one snippet to that of the next.
    """

    streams: Mapping[str, np.ndarray]
    duration: float
    frames: int
    fps: float
    span: int
    hop_s: float

    @property
    def hop(self) -> float:
        """Frames from the start of one snippet to that of the next."""
        return self.hop_s * self.fps

    def joint(self, streams: Sequence[str]) -> np.ndarray:
        """(T, sum D): `streams` side by side."""
        return np.concatenate([self.streams[stream] for stream in streams], axis=1)

    def check(self, name: str) -> None:
        """Raise UserError unless the streams agree in length and their snippets cover the duration.

        Args:
            name: Opens the error line.
        """
        lengths = {stream: len(x) for stream, x in self.streams.items()}
        if len(set(lengths.values())) != 1:
            raise UserError(f"{name}: the streams differ in length ({lengths}); extract both from the same frames")
        for stream, x in self.streams.items():
            if x.ndim != 2 or not x.size:
                raise UserError(f"{name}/{stream}: shape {x.shape}, but features are (snippets, dimensions), not empty")
            if x.dtype.kind not in "fiu":
                raise UserError(f"{name}/{stream}: holds {x.dtype}, but features are plain numbers; extract this again")
            if not np.isfinite(x).all():
                raise UserError(f"{name}/{stream}: holds NaN or infinite values; extract this video again")
        steps = next(iter(lengths.values()))
        if not (0 < self.fps < math.inf and 0 < self.hop_s < math.inf and self.span > 0 and self.frames >= 0):
            raise UserError(
                f"{name}: {self.fps:g} fps, snippets of {self.span} frames, one every {self.hop_s:g} s: these must be "
                "above 0; check the fps, span and hop of the features"
            )
        covered = (steps - 1) * self.hop_s + self.span / self.fps
        if not abs(covered - self.duration) < 2 * self.hop_s:  # also where the duration is NaN
            raise UserError(
                f"{name}: {steps} snippets of {self.span} frames, one every {self.hop:g} frames at {self.fps:g} fps, "
                f"do not fit a duration of {self.duration:.2f} s; check the fps, span and hop of the features (those "
                "that were rescaled or padded to one length have no times and cannot be used)"
            )
