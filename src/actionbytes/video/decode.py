"""Video files to normalised frames: constant rate by presentation time, short side, centre crop, RGB."""

import struct
from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from actionbytes.errors import UserError
from actionbytes.video.parameters import Decoding
from actionbytes.video.pictures import BrokenVideo, Pictures

LONGEST_SIDE = 32  # times the shorter one; beyond, a header lies


class VideoReader:
    """Frames of one video at a constant rate, streaming; after the last frame, what there is to know about the file.

    Frame k is the picture shown k / fps seconds after the first picture, or after `interval[0]` seconds from there.
    There is one for every such instant before the end of the last picture, or before `interval[1]`: as many as
    duration * fps, rounded up. Instants may be off by half a tick of a clock in milliseconds or less, so that rounded
    time stamps do not double and drop frames. Pictures are turned and mirrored as the file says; sample aspect ratios
    are ignored, as in published code.

    Iterating yields (crop, crop, 3) uint8 RGB and raises BrokenVideo where there is nothing to yield; a picture that
    is shown at several instants is yielded several times as the same array. The properties are complete after the last
    frame.

    Attributes:
        path: The file.
        decoding: Frame rate and size of the frames.
        interval: Seconds between which frames are taken, or None.
        frames: Frames yielded so far.
    """

    def __init__(self, path: Path | str, decoding: Decoding, interval: tuple[float, float] | None = None) -> None:
        """Nothing is read before the first frame is asked for.

        Args:
            path: The file.
            decoding: Frame rate and size of the frames.
            interval: Seconds from the first picture between which frames are taken; none: all.

        Raises:
            UserError: The interval is empty or starts before 0.
        """
        if interval is not None and not 0 <= interval[0] < interval[1]:
            raise UserError(f"{path}: {interval[0]} to {interval[1]} s is no interval; give 0 <= start < end")
        self.path = Path(path)
        self.decoding = decoding
        self.interval = interval
        self._source = Pictures(self.path)
        self.frames = 0

    @property
    def status(self) -> str:
        """Either "ok" or "damaged"."""
        return "damaged" if self._source.damage else "ok"

    @property
    def reason(self) -> str:
        """What is damaged, in one line; empty if nothing is."""
        return "; ".join(kind if n == 1 else f"{kind} ({n} times)" for kind, n in self._source.damage.items())

    @property
    def pictures(self) -> int:
        """Number of pictures decoded."""
        return self._source.count

    @property
    def duration(self) -> float:
        """Seconds of the file, as far as it was read."""
        return float(self._source.end)

    @property
    def fps(self) -> float:
        """Frame rate that the file states."""
        return self._source.fps

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the file's pictures."""
        return self._source.size

    def __iter__(self) -> Iterator[np.ndarray]:
        self._source = Pictures(self.path)
        self.frames = 0
        rate = _exact(self.decoding.fps)
        start, end = (_exact(second) for second in self.interval or (0, 1e9))
        normalise = Normaliser(self.decoding, self.path)
        shown: VideoFrame | None = None
        for time, picture in self._source:
            # Until now the picture before was shown.
            if shown is not None:
                yield from self._repeat(normalise, shown, min(time, end) - start, rate)
                if time >= end:
                    return
            shown = picture
        assert shown is not None  # the source has raised BrokenVideo
        if self.pictures == 1:
            raise BrokenVideo(f"{self.path}: holds one picture only; a video needs at least 2")
        yield from self._repeat(normalise, shown, min(self._source.end, end) - start, rate)
        if not self.frames:
            raise BrokenVideo(f"{self.path}: ends at {self.duration:.2f} s, before the interval from {float(start)} s")

    def _repeat(
        self, normalise: "Normaliser", picture: VideoFrame, until: Fraction, rate: Fraction
    ) -> Iterator[np.ndarray]:
        """Yield `picture` for every instant before `until` that has no frame yet."""
        tick = self._source.tick
        rounding = tick / 2 if tick <= Fraction(1, 1000) else 0  # a slower clock ticks once per picture, exactly
        missing = ceil((until - rounding) * rate) - self.frames
        if missing > 0:
            frame = normalise(picture)
            for _ in range(missing):
                self.frames += 1
                yield frame


def frames_of(
    path: Path | str, decoding: Decoding, interval: tuple[float, float] | None = None
) -> Iterator[np.ndarray]:
    """Frames of a video as `VideoReader` yields them: (crop, crop, 3) uint8 RGB; raises BrokenVideo."""
    return iter(VideoReader(path, decoding, interval))


class Normaliser:
    """Pictures of any size and pixel format to frames, with one scaler for all of them.

    They go by planar RGB, since FFmpeg's way to packed RGB is three times slower where it scales, and darker by 1 to 2
    levels.
    """

    FLAGS = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT

    def __init__(self, decoding: Decoding, path: Path) -> None:
        """Frames of the size that `decoding` says; `path` is for error lines."""
        self.short_side, self.crop, self.path = decoding.short_side, decoding.crop, path
        self.scaler = VideoReformatter()
        self.matrix: tuple[int, int, int, int] | None = None

    def __call__(self, picture: VideoFrame) -> np.ndarray:
        """A decoded picture as (crop, crop, 3) uint8 RGB."""
        shorter, longer = sorted((picture.width, picture.height))
        if longer > LONGEST_SIDE * shorter:
            raise BrokenVideo(f"{self.path}: pictures of {picture.width} x {picture.height} pixels cannot be meant")
        width, height = (round(side * self.short_side / shorter) for side in (picture.width, picture.height))
        try:
            scaled = self.scaler.reformat(picture, width, height, "gbrp", interpolation=self.FLAGS, threads=1)
        except av.error.FFmpegError as error:
            reason = f"{picture.format.name} pictures cannot be converted ({error.strerror})"
            raise BrokenVideo(f"{self.path}: {reason}") from None
        # Of the first picture only: asking ties a picture into a cycle that only the garbage collector undoes.
        self.matrix = self.matrix or _display_matrix(picture)
        channels = []
        for plane in (scaled.planes[k] for k in (2, 0, 1)):
            pixels = np.frombuffer(memoryview(plane), np.uint8).reshape(height, -1)[:, :width]
            channels.append(np.ascontiguousarray(_central(_turned(pixels, *self.matrix), self.crop)))
        return cv2.merge(channels)


def _display_matrix(picture: VideoFrame) -> tuple[int, int, int, int]:
    """(a, b, c, d) of the map from (x, y) to (ax + cy, bx + dy) that a player should apply."""
    matrix = picture.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]
    if matrix is None:
        return 1, 0, 0, 1
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(matrix))
    return a, b, c, d


def _turned(pixels: np.ndarray, a: int, b: int, c: int, d: int) -> np.ndarray:
    """(H, W) turned and mirrored by quarters, as a view."""
    if abs(b) > abs(a):
        pixels, a, d = pixels.T, c, b
    return pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


def _central(pixels: np.ndarray, side: int) -> np.ndarray:
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    return pixels[top : top + side, left : left + side]


def _exact(number: float) -> Fraction:
    """1.1 as 11/10."""
    return Fraction(str(float(number)))
