"""Small videos whose pictures carry their own number."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from actionbytes.video.parameters import Decoding


def _numbered(number: int, size: tuple[int, int] = (96, 64)) -> np.ndarray:
    """(H, W, 3) uint8: `number` (< 256) as two rows of four black or white blocks, in the middle square."""
    width, height = size
    side = min(size) // 8 * 8
    bits = np.array([number >> bit & 1 for bit in range(8)], np.uint8).reshape(2, 4) * 215 + 20
    picture = np.full((height, width), 128, np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    picture[top : top + side, left : left + side] = np.kron(bits, np.ones((side // 2, side // 4), np.uint8))
    return np.repeat(picture[..., None], 3, axis=2)


def _number_in(frame: np.ndarray) -> int:
    """The number in a centre crop of a numbered picture."""
    side = frame.shape[0]
    blocks = frame[side // 4 :: side // 2, side // 8 :: side // 4, 1][:2, :4]
    return int(sum(int(bit) << k for k, bit in enumerate((blocks > 128).ravel())))


def _write_video(
    path: Path,
    pictures: Sequence[np.ndarray],
    fps: Fraction | int = 25,
    codec: str = "mpeg4",
    pixels: str = "yuv420p",
    ticks: Sequence[int] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Encode (H, W, 3) uint8 pictures; with `ticks`, picture k is shown from ticks[k] milliseconds on."""
    clock = 1 / Fraction(fps) if ticks is None else Fraction(1, 1000)
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        height, width, _ = pictures[0].shape
        stream = container.add_stream(codec, rate=Fraction(fps), width=width, height=height, pix_fmt=pixels)
        stream.codec_context.time_base = clock
        stream.codec_context.options = {"mpeg4": {"qmax": "4"}, "libx265": {"x265-params": "log-level=none"}}.get(
            codec, {}
        )
        for k, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = k if ticks is None else ticks[k], clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def numbered():
    return _numbered


@pytest.fixture(scope="session")
def number_in():
    return _number_in


@pytest.fixture(scope="session")
def write_video():
    return _write_video


@pytest.fixture(scope="session")
def small():
    """Frames of 64 x 64 pixels at 25 fps."""
    return Decoding(short_side=64, crop=64)
