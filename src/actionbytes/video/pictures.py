"""A video file to decoded pictures with their times: what decodes, in display order, and a note of the rest."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.stream import Disposition
from av.video.frame import VideoFrame

from actionbytes.errors import UserError

WITHOUT_PRESENTATION_TIMES = {"avi"}  # their "pts" is decoding order; pictures leave the decoder in display order
LONGEST_PICTURE = Fraction(10)  # seconds; one that stands longer is a broken time stamp, not a slide,
LONGEST_HOLE = Fraction(60)  # unless pictures in between did not decode
LARGEST_STEP_BACK = Fraction(1)  # seconds; less is a late picture, more is a clock that was set back
LARGEST_PICTURE = 8192 * 4352  # pixels, a little more than 8K; the decoder refuses to set aside memory for more
CONTAINERS = (  # hold their pictures themselves; a playlist, which opens other files, is none
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg", "asf", "flv", "ogg"),
    *("mpegvideo", "m4v", "h264", "hevc", "dv", "mxf", "ivf", "gif"),
)
OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(CONTAINERS),
    "max_pixels": str(LARGEST_PICTURE),
}


class BrokenVideo(UserError):
    """A file that gives no frames: missing, empty, not a video, without a picture stream, of one picture only."""


class Pictures:
    """The pictures of a file that decode, strictly increasing in time.

    Iterating yields (seconds since the first picture, picture) and raises BrokenVideo where there is none. Decoding is
    single-threaded, so that a damaged file gives the same pictures every time. Where time stamps jump, a picture
    follows the one before it; where a damaged start is lost, its time is kept.

    Attributes:
        path: The file. What follows is complete after the last picture.
        damage: Kind of damage -> how often it came.
        count: Pictures.
        end: Seconds from the first picture to the end of the last one.
        fps: Frame rate that the file states.
        size: Width and height in pixels.
        tick: Seconds that the file's clock takes for a tick.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is read before the first picture is asked for."""
        self.path = path
        self.damage: dict[str, int] = {}
        self.count = 0
        self.end = Fraction(0)
        self.fps = 0.0
        self.size = (0, 0)
        self.tick = Fraction(0)
        self._lost: Fraction | None = None

    def __iter__(self) -> Iterator[tuple[Fraction, VideoFrame]]:
        with self._opened() as container:
            stream = self._best_stream(container)
            stream.codec_context.thread_count = 1
            stream.codec_context.options = {"max_pixels": OPTIONS["max_pixels"]}
            self.fps, self.tick = float(stream.average_rate or 0), stream.time_base or Fraction(0)
            yield from self._timed(container, stream)
            if not self.count:
                why = next(iter(self.damage), "the picture stream is empty")
                raise BrokenVideo(f"{self.path}: no picture decodes: {why}")
            announced = max((stream.duration or 0) * self.tick, stream.frames / Fraction(stream.average_rate or 25))
            if announced - self.end > max(Fraction(1), announced / 20):
                self.note(f"pictures end at {float(self.end):.1f} s of {float(announced):.1f} s")

    def note(self, kind: str) -> None:
        """Count one more damage of this kind."""
        self.damage[kind] = self.damage.get(kind, 0) + 1

    def _opened(self) -> av.container.InputContainer:
        try:
            if not self.path.is_file():
                raise BrokenVideo(f"{self.path}: {absence(self.path)}")
            if self.path.stat().st_size == 0:
                raise BrokenVideo(f"{self.path}: the file is empty (0 bytes)")
            # "file:" keeps colons in names from being taken for protocols.
            return av.open(f"file:{self.path}", metadata_errors="ignore", options=OPTIONS)
        except (av.error.FFmpegError, OSError) as error:
            raise BrokenVideo(f"{self.path}: not a readable video file ({error.strerror})") from None

    def _best_stream(self, container: av.container.InputContainer) -> av.VideoStream:
        """The picture stream marked as default, of several the one with the largest pictures; never a cover."""
        streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not streams:
            raise BrokenVideo(f"{self.path}: has no picture stream")
        streams = [s for s in streams if s.codec_context is not None]
        if not streams:
            raise BrokenVideo(f"{self.path}: there is no decoder for its pictures")
        return max(streams, key=lambda s: (bool(s.disposition & Disposition.default), s.width * s.height, -s.index))

    def _timed(
        self, container: av.container.InputContainer, stream: av.VideoStream
    ) -> Iterator[tuple[Fraction, VideoFrame]]:
        origin: Fraction | None = None
        last, damage_then = Fraction(-1), 0
        for stamp, picture in self._decoded(container, stream):
            if origin is None:
                origin = stamp or Fraction(0)
                if self._lost is not None and 0 < origin - self._lost <= LONGEST_HOLE:
                    origin = self._lost
            time = self.end if stamp is None else stamp - origin
            longest = LONGEST_HOLE if sum(self.damage.values()) > damage_then else LONGEST_PICTURE
            if self.count and not -LARGEST_STEP_BACK <= time - last <= longest:
                self.note("time stamps jump")
                origin += time - self.end
                time = self.end
            if time <= last:
                continue
            self.size = (picture.width, picture.height)
            self.count += 1
            last, self.end, damage_then = time, time + _length(picture, stream), sum(self.damage.values())
            yield time, picture

    def _decoded(
        self, container: av.container.InputContainer, stream: av.VideoStream
    ) -> Iterator[tuple[Fraction | None, VideoFrame]]:
        """Pictures with the time stamps they come with, in seconds."""
        by_decoding_time = container.format.name in WITHOUT_PRESENTATION_TIMES
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError as error:
                self.note(f"reading stops: {error.strerror}")
                return
            try:
                pictures = packet.decode()
            except av.error.FFmpegError as error:
                self.note(f"undecodable packet: {error.strerror}")
                stamp = packet.dts if by_decoding_time else packet.pts
                if not self.count and self._lost is None and stamp is not None:
                    self._lost = stamp * self.tick
                continue
            for picture in pictures:
                if picture.is_corrupt:
                    self.note("damaged picture")
                stamp = picture.dts if by_decoding_time else picture.pts
                yield None if stamp is None else stamp * self.tick, picture


def absence(path: Path) -> str:
    """Why there is no file to read at a path, in words."""
    if path.is_symlink() and not path.exists():
        return "a link to a file that is not there; is its disk mounted?"
    return "is not a file" if path.exists() else "no such file"


def _length(picture: VideoFrame, stream: av.VideoStream) -> Fraction:
    """Seconds for which a picture is shown if no later one says otherwise."""
    length = (picture.duration or 0) * (stream.time_base or Fraction(0))
    if not 0 < length <= LONGEST_PICTURE:
        length = 1 / Fraction(stream.average_rate or stream.guessed_rate or 25)
    return length if 0 < length <= LONGEST_PICTURE else Fraction(1, 25)
