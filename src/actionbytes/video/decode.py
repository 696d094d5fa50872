"""Video files to normalised frames: constant rate by presentation time, short side, centre crop, RGB."""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from pydantic import Field, model_validator

from actionbytes.errors import UserError
from actionbytes.parameters import Parameters

WITHOUT_PRESENTATION_TIMES = {"avi"}  # their "pts" is decoding order; pictures leave the decoder in display order
MAX_GAP_S = 60  # a picture that stands longer than this is a broken time stamp, not a slide
MAX_STEP_BACK_S = 1  # less is a late picture, more is a clock that was set back


class Decoding(Parameters):
    """How pictures become frames (methods.md 1.2)."""

    fps: float = Field(
        25.0, gt=0, le=1000, description="frames a second, by presentation time; STPN 10 [R] methods.md 1.2"
    )
    short_side: int = Field(256, ge=1, le=8192, description="pixels of the shorter side, bilinear [R] methods.md 1.2")
    crop: int = Field(224, ge=1, le=8192, description="side of the centre crop in pixels [R] methods.md 1.2")

    @model_validator(mode="after")
    def _crop_fits(self) -> "Decoding":
        if self.crop > self.short_side:
            raise ValueError(f"crop {self.crop} does not fit into short_side {self.short_side}")
        return self


class BrokenVideo(UserError):
    """A file without frames to be had: missing, empty, not a video, no picture stream, only one picture."""


class VideoReader:
    """Frames of one video at a constant rate, streaming; after the last frame, what there is to know about the file.

    Frame k is the picture shown k / fps seconds after the first presentation time, or after `interval[0]` seconds
    from there; there is one for every such instant before the end of the last picture, or before `interval[1]`.
    Times may be off by half a tick of the file's clock (at most 0.5 ms), so that clocks in whole milliseconds do not
    double and drop frames.  Pictures are turned as their rotation flag says; sample aspect ratios are ignored, as the
    field does.  A picture that is shown at several instants is yielded several times as the same array.

    Iterating yields (crop, crop, 3) uint8 RGB and raises BrokenVideo where there is nothing to yield.  Attributes,
    complete after the last frame: `status` "ok" or "damaged" with `reason` (one line), `frames` yielded, `pictures`
    decoded, `duration` in seconds from the first picture to the end of the last, `fps` and `size` (width, height) of
    the source.
    """

    def __init__(self, path: Path | str, decoding: Decoding, interval: tuple[float, float] | None = None) -> None:
        self.path = Path(path)
        self.decoding = decoding
        self.interval = interval
        if interval is not None and not 0 <= interval[0] < interval[1]:
            raise UserError(
                f"{path}: interval {interval[0]}-{interval[1]} s must start at 0 or later and before its end"
            )
        self._reset()

    def _reset(self) -> None:
        self.status, self.reason = "ok", ""
        self.frames = self.pictures = 0
        self.duration = self.fps = 0.0
        self.size = (0, 0)
        self._damage: dict[str, int] = {}

    def __iter__(self) -> Iterator[np.ndarray]:
        self._reset()
        with _opened(self.path) as container:
            stream = _best_stream(container, self.path)
            yield from self._sampled(container, stream)
        self.reason = "; ".join(f"{what} ({count})" for what, count in self._damage.items())
        self.status = "damaged" if self._damage else "ok"

    def _sampled(self, container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[np.ndarray]:
        """Show every picture at the instants that fall to it."""
        tick = Fraction(stream.time_base)
        tolerance = min(tick / 2, Fraction(1, 2000))
        rate = _exact(self.decoding.fps)
        start, end = (_exact(second) for second in self.interval) if self.interval else (Fraction(0), None)

        def instants_before(second: Fraction) -> int:
            return max(0, ceil((second - tolerance - start) * rate))

        limit = instants_before(end) if end is not None else None
        normalise = Normaliser(self.decoding)
        shown: VideoFrame | None = None
        for stamp, picture in self._pictures(container, stream):
            if shown is not None:
                yield from self._emit(normalise, shown, instants_before(stamp * tick), limit)
                if limit is not None and self.frames >= limit:
                    return
            shown, self.duration = picture, float(stamp * tick)
            last = stamp
        if shown is None:
            raise BrokenVideo(f"{self.path}: no picture decodes; {self._first_damage()}")
        if self.pictures < 2:
            raise BrokenVideo(f"{self.path}: holds one picture only; a video needs at least 2")
        end_of_last = (last + _length(shown, stream)) * tick
        self.duration = float(end_of_last)
        yield from self._emit(normalise, shown, instants_before(end_of_last), limit)
        if not self.frames and self.interval:
            raise BrokenVideo(
                f"{self.path}: the interval starts at {self.interval[0]} s, the video ends at {self.duration:.2f} s"
            )

    def _emit(
        self, normalise: "Normaliser", picture: VideoFrame, until: int, limit: int | None
    ) -> Iterator[np.ndarray]:
        until = until if limit is None else min(until, limit)
        if self.frames < until:
            frame = normalise(picture)
            while self.frames < until:
                self.frames += 1
                yield frame

    def _pictures(
        self, container: av.container.InputContainer, stream: av.VideoStream
    ) -> Iterator[tuple[int, VideoFrame]]:
        """Decoded pictures with their time in ticks since the first one, strictly increasing."""
        use_dts = container.format.name in WITHOUT_PRESENTATION_TIMES
        second = 1 / stream.time_base
        origin, last, expected = None, -1, 0
        for picture in self._decoded(container, stream):
            raw = picture.dts if use_dts else picture.pts
            if origin is None:
                origin = raw or 0
                self.fps = float(stream.average_rate or 0)
            stamp = expected if raw is None else raw - origin
            if last >= 0 and not -MAX_STEP_BACK_S * second <= stamp - last <= MAX_GAP_S * second:
                self._note("time stamps jump")
                origin += stamp - expected
                stamp = expected
            if stamp <= last:
                continue
            self.size = (picture.width, picture.height)
            self.pictures += 1
            last, expected = stamp, stamp + _length(picture, stream)
            yield stamp, picture

    def _decoded(self, container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[VideoFrame]:
        """Whatever decodes; what does not is noted."""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                self._note(f"reading stops: {error.strerror}")
                return
            if packet is None:
                return
            try:
                pictures = packet.decode()
            except av.error.FFmpegError as error:
                self._note(f"undecodable packets: {error.strerror}")
                continue
            for picture in pictures:
                if picture.is_corrupt:
                    self._note("damaged pictures")
                yield picture

    def _note(self, what: str) -> None:
        self._damage[what] = self._damage.get(what, 0) + 1

    def _first_damage(self) -> str:
        return next(iter(self._damage), "the picture stream is empty")


def frames_of(
    path: Path | str, decoding: Decoding, interval: tuple[float, float] | None = None
) -> Iterator[np.ndarray]:
    """Frames of a video as `VideoReader` yields them: (crop, crop, 3) uint8 RGB; raises BrokenVideo."""
    return iter(VideoReader(path, decoding, interval))


class Normaliser:
    """Pictures of any size and pixel format to (crop, crop, 3) uint8 RGB, with one scaler for all of them."""

    def __init__(self, decoding: Decoding) -> None:
        self.short_side, self.crop = decoding.short_side, decoding.crop
        self.scaler = VideoReformatter()

    def __call__(self, picture: VideoFrame) -> np.ndarray:
        scale = self.short_side / min(picture.width, picture.height)
        width, height = (
            max(self.short_side, round(picture.width * scale)),
            max(self.short_side, round(picture.height * scale)),
        )
        scaled = self.scaler.reformat(picture, width, height, "rgb24", interpolation=Interpolation.BILINEAR, threads=1)
        plane = scaled.planes[0]
        pixels = (
            np.frombuffer(plane, np.uint8).reshape(height, plane.line_size)[:, : width * 3].reshape(height, width, 3)
        )
        pixels = np.rot90(pixels, round(picture.rotation / 90))  # (H, W, 3)
        top, left = (pixels.shape[0] - self.crop) // 2, (pixels.shape[1] - self.crop) // 2
        return np.ascontiguousarray(pixels[top : top + self.crop, left : left + self.crop])


def _opened(path: Path) -> av.container.InputContainer:
    if not path.is_file():
        raise BrokenVideo(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise BrokenVideo(f"{path}: the file is empty (0 bytes)")
    try:
        return av.open(f"file:{path}", metadata_errors="ignore")
    except (av.error.FFmpegError, OSError) as error:
        raise BrokenVideo(f"{path}: not a readable video file ({error.strerror})") from None


def _best_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The stream that FFmpeg calls best: the default one, of these the one with the largest pictures."""
    stream = container.streams.best("video")
    if stream is None:
        raise BrokenVideo(f"{path}: has no picture stream")
    if stream.codec_context is None:
        raise BrokenVideo(f"{path}: no decoder for its pictures")
    stream.codec_context.thread_count = 1
    return stream


def _length(picture: VideoFrame, stream: av.VideoStream) -> int:
    """Ticks for which a picture is shown, where no later one says it."""
    if picture.duration:
        return picture.duration
    rate = stream.average_rate or stream.guessed_rate or 25
    return max(1, round(1 / (rate * stream.time_base)))


def _exact(number: float) -> Fraction:
    return Fraction(str(float(number)))
