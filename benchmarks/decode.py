"""Decoding to normalised frames beside the plain way, and what clips between the stages cost in bytes and time.

    python benchmarks/decode.py [--videos FOLDER] [--size 224] [--frames 150]

Plain: PyAV's `reformat` of every picture to packed RGB at the target size, then the crop. Limit: decoding alone. All on
one core, in pictures per second of the processor. Clips: bytes per minute at 25 fps, and frames per second of writing
and reading. Exit status 1 if the frames of a clip do not come back as they were.
"""

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np

from actionbytes.video.clips import Clip, write_clip
from actionbytes.video.decode import VideoReader, frames_of
from actionbytes.video.flow import flow_pairs, stored
from actionbytes.video.parameters import Decoding, Flow

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "real" / "videos"


def timed(function):
    """Result and seconds of the processor."""
    start = time.process_time()
    return function(), time.process_time() - start


def plain(path, decoding):
    """Every picture of the file, scaled and cropped; no clock."""
    with av.open(str(path), metadata_errors="ignore") as container:
        stream = container.streams.best("video")
        stream.codec_context.thread_count = 1
        count = 0
        for picture in decoded(container, stream):
            scale = decoding.short_side / min(picture.width, picture.height)
            size = round(picture.width * scale), round(picture.height * scale)
            pixels = picture.reformat(*size, "rgb24", threads=1).to_ndarray()
            top, left = ((n - decoding.crop) // 2 for n in pixels.shape[:2])
            np.ascontiguousarray(pixels[top : top + decoding.crop, left : left + decoding.crop])
            count += 1
        return count


def alone(path):
    """Every picture decoded and dropped."""
    with av.open(str(path), metadata_errors="ignore") as container:
        stream = container.streams.best("video")
        stream.codec_context.thread_count = 1
        return sum(1 for _ in decoded(container, stream))


def decoded(container, stream):
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            continue


def rate_of(path):
    with av.open(str(path), metadata_errors="ignore") as container:
        return float(container.streams.best("video").average_rate or 25)


def decoding_table(paths, decoding):
    """Every picture of every file, three ways."""
    print(f"\n{'pictures per second':34} {'picture':>10} {'plain':>7} {'ours':>7} {'limit':>7} {'faster':>7}")
    sums = np.zeros(3)
    for path in paths:
        reader = VideoReader(path, decoding.model_copy(update={"fps": rate_of(path)}))
        ways = partial(plain, path, decoding), lambda r=reader: sum(1 for _ in r), partial(alone, path)
        seconds = np.array([min(timed(way)[1] for _ in range(2)) for way in ways])
        sums += seconds
        rates = "".join(f"{rate:8.0f}" for rate in reader.pictures / seconds)
        size = "x".join(map(str, reader.size))
        print(f"{path.name[:34]:34} {size:>10}{rates} {seconds[0] / seconds[1]:7.2f}")
    print(
        f"all: ours {sums[0] / sums[1]:.2f} times as fast as plain; decoding alone is {sums[2] / sums[1]:.0%} of ours"
    )


def clip_table(paths, decoding, count):
    """Sizes and speeds of the three kinds of clips; True if all came back."""
    title = f"clips, {decoding.crop} pixels"
    print(f"\n{title:26} {'raw MB/min':>10} {'MB/min':>8} {'share':>6} {'write/s':>8} {'read/s':>8}")
    sums = {}
    exact = True
    for path in paths:
        frames = [frame for _, frame in zip(range(count), frames_of(path, decoding), strict=False)]
        fields = list(flow_pairs(frames[:50], Flow(), threads=2))
        kinds = {
            "frames": frames,
            "flow, float16": [stored(field, Flow()) for field in fields],
            "flow, 8 bit": [stored(field, Flow(storage="uint8")) for field in fields],
        }
        for kind, arrays in kinds.items():
            with tempfile.TemporaryDirectory() as folder:
                clip = Path(folder) / "a.clip"
                _, writing = timed(partial(write_clip, clip, arrays))
                back, reading = timed(lambda clip=clip: list(Clip(clip)))
                exact &= all(np.array_equal(a, b) for a, b in zip(arrays, back, strict=True))
                raw = sum(a.nbytes for a in arrays)
                sums[kind] = sums.get(kind, 0) + np.array([len(arrays), raw, clip.stat().st_size, writing, reading])
    for kind, (frames, raw, size, writing, reading) in sums.items():
        minute = 1500 / frames / 1e6
        sizes = f"{raw * minute:10.1f} {size * minute:8.1f} {size / raw:6.0%}"
        print(f"{kind:26} {sizes} {frames / writing:8.0f} {frames / reading:8.0f}")
    return exact


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=Path, default=CLIPS)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--frames", type=int, default=150)
    args = parser.parse_args()
    paths = [path for path in sorted(args.videos.rglob("*.*")) if path.stat().st_size > 100_000]
    if not paths:
        parser.error(f"no clips in {args.videos}; name a folder with --videos")
    decoding = Decoding(short_side=round(args.size * 256 / 224), crop=args.size)
    print(f"PyAV {av.__version__}, OpenCV {cv2.__version__}, NumPy {np.__version__}, one core")
    decoding_table(paths, decoding)
    return 0 if clip_table(paths, decoding, args.frames) else 1


if __name__ == "__main__":
    raise SystemExit(main())
