"""Frames and flow between the stages: temporary files, one per video, lossless, compact, the same bytes every time.

A clip is an AVI file of a lossless codec, chosen by what it holds; docs/video.md has sizes and speeds. Values come back
exactly; flow is rounded before it gets here (`flow.stored`).
"""

import json
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from actionbytes.errors import UserError
from actionbytes.files import whole

# (dtype, channels) -> codec, pixel format, options. Flow lies as two gray pictures, one below the other.
CODECS = {
    ("uint8", 3): ("ffvhuff", "rgb24", {"pred": "plane"}),
    ("float16", 2): ("ffvhuff", "gray16le", {"pred": "median"}),
    ("uint8", 2): ("ffv1", "gray", {}),
}


class Clip:
    """A stored clip, whose length is its number of frames and whose iterator yields them in order.

    Attributes:
        path: The file.
        dtype: Type of the values.
        channels: 3 for RGB, 2 for flow.
        attributes: What it was written with.
    """

    def __init__(self, path: Path) -> None:
        """Read the header of the clip at `path`; a UserError if it is not readable."""
        self.path = path
        with self._opened() as container:
            try:
                about = json.loads(container.metadata["comment"])
                self.dtype, self.channels = np.dtype(about["dtype"]), int(about["channels"])
                self.attributes: dict[str, Any] = about["attributes"]
            except (KeyError, ValueError):
                raise self._unreadable() from None
            self._length: int = container.streams.video[0].frames

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[np.ndarray]:
        """Frames (H, W, c) one after the other, as they were written."""
        count, converter, (_, pixels, _) = 0, VideoReformatter(), CODECS[self.dtype.name, self.channels]
        with self._opened() as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            try:
                for picture in container.decode(stream):
                    picture = converter.reformat(picture, format=pixels, threads=1)
                    yield _frame_of(picture.to_ndarray(), self.dtype, self.channels)
                    count += 1
            except av.error.FFmpegError:
                raise self._unreadable() from None
        if count != len(self):
            raise self._unreadable()

    def read(self) -> np.ndarray:
        """All frames: (N, H, W, c)."""
        return np.stack(list(self))

    def _opened(self) -> av.container.InputContainer:
        try:
            return av.open(f"file:{self.path}", format="avi")
        except (av.error.FFmpegError, OSError):
            raise self._unreadable() from None

    def _unreadable(self) -> UserError:
        return UserError(f"{self.path}: not a readable clip; delete its folder and run the stage again")


def write_clip(path: Path, frames: Iterable[np.ndarray], **attributes: Any) -> int:
    """Write frames as they come, whole or not at all.

    Args:
        path: The file; folders are made as needed.
        frames: (H, W, c), all of one size: uint8 with c = 3 is RGB; float16 or uint8 with c = 2 is flow.
        attributes: JSON values to keep with them.

    Returns:
        The number of frames.
    """
    frames, count = iter(frames), 0
    with whole(path) as partial:
        first = next(frames, None)
        if first is None:
            raise ValueError(f"{path}: a clip needs at least one frame")
        about = {"dtype": first.dtype.name, "channels": first.shape[2], "attributes": attributes}
        codec, pixels, options = CODECS[first.dtype.name, first.shape[2]]
        with av.open(f"file:{partial}", "w", format="avi") as container:
            container.metadata["comment"] = json.dumps(about, sort_keys=True)
            height, width = _picture_of(first).shape[:2]
            stream = cast(VideoStream, container.add_stream(codec, rate=25, options=dict(options)))
            stream.width, stream.height, stream.pix_fmt = width, height, pixels
            stream.codec_context.thread_count = 1
            for frame in chain([first], frames):
                picture = av.VideoFrame.from_ndarray(_picture_of(frame), pixels)
                picture.pts, picture.time_base = count, Fraction(1, 25)
                container.mux(stream.encode(picture))
                count += 1
            container.mux(stream.encode())
    return count


def _picture_of(frame: np.ndarray) -> np.ndarray:
    """(H, W, 3) as it is, (H, W, 2) as (2 H, W); half floats as integers of the same order, so that they compress."""
    if frame.shape[2] == 2:
        frame = np.concatenate([frame[..., 0], frame[..., 1]])
    if frame.dtype == np.float16:
        bits = frame.view(np.uint16)
        frame = np.where(bits & 0x8000, ~bits, bits | 0x8000)
    return np.ascontiguousarray(frame)


def _frame_of(picture: np.ndarray, dtype: np.dtype, channels: int) -> np.ndarray:
    """Undo `_picture_of`."""
    if dtype == np.float16:
        picture = np.where(picture & 0x8000, picture & 0x7FFF, ~picture).view(np.float16)
    return np.stack(np.split(picture, 2), axis=-1) if channels == 2 else picture
