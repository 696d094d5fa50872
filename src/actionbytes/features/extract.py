"""From frames and flow to snippet features: chunks of 16 frames through the two I3D streams (methods.md's recipe).

Chunks are independent and non-overlapping, the tail is discarded; both streams have the same number of snippets because
the last flow is repeated. How chunks are batched is fixed per video, so a video's features do not depend on its
neighbours, its shard or the number of cores.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actionbytes.features.ahead import ahead
from actionbytes.features.made_with import Compute, MadeWith
from actionbytes.features.parameters import Extraction
from actionbytes.features.store import VideoFeatures
from actionbytes.video.decode import BrokenVideo
from actionbytes.video.flow import flow_pairs, restored, stored
from actionbytes.video.isolated import IsolatedReader
from actionbytes.video.parameters import Flow

if TYPE_CHECKING:  # torch is imported when a network is loaded, not to read parameters
    pass


class TooShort(ValueError):
    """A video with fewer frames than one chunk."""


def video_features(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]], rgb: Compute, flow: Compute, fps: float, extraction: Extraction
) -> VideoFeatures:
    """Features of one video from (frame, flow) pairs, both streams in one bounded pass."""
    counted = 0
    parts: dict[str, list[np.ndarray]] = {"rgb": [], "flow": []}
    pairs, size = iter(pairs), extraction.chunk * extraction.batch
    while piece := list(islice(pairs, size)):
        counted += len(piece)
        whole = len(piece) // extraction.chunk * extraction.chunk
        if whole:
            frames, fields = (np.stack([pair[i] for pair in piece[:whole]]) for i in (0, 1))
            piece.clear()  # what the arrays hold is not held twice
            for stream, compute, x in (("rgb", rgb, frames), ("flow", flow, fields)):
                parts[stream].append(compute(x.reshape(-1, extraction.chunk, *x.shape[1:])))
    if not parts["rgb"]:
        raise TooShort(f"is shorter than one snippet of {extraction.chunk} frames")
    streams = {stream: np.concatenate(x).astype(extraction.dtype) for stream, x in parts.items()}
    return VideoFeatures(streams, counted / fps, counted, fps, extraction.chunk)


def with_flow(frames: Iterable[np.ndarray], flow: Flow, threads: int = 1) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pair every frame with its flow while both stream by; holds only the frames that the flow is still busy with.

    Flow is rounded as between the workflow's stages, so that both ways give the same features.
    """
    waiting: deque[np.ndarray] = deque()

    def tapped() -> Iterator[np.ndarray]:
        for frame in frames:
            waiting.append(frame)
            yield frame

    for field in flow_pairs(tapped(), flow, threads):
        yield waiting.popleft(), restored(stored(field, flow), flow)


@dataclass(frozen=True)
class Streamed:
    """What became of one file: its features, or why there are none; the reader knows status, size and rate."""

    path: Path
    reader: IsolatedReader
    features: VideoFeatures | None
    broken: BrokenVideo | None


def stream_features(
    paths: Iterable[Path], made_with: MadeWith, streams: tuple[Compute, Compute], threads: int = 1
) -> Iterator[Streamed]:
    """Features of video files, one after the other, streaming: nothing touches the disk, as in the workflow's stages.

    Decoding (a process), flow (`threads` pairs at a time) and the networks (this thread) work at once, also across the
    end of a video: flow runs ahead of the networks by one batch of frames at most, so that memory is bounded whatever
    the length. The result depends on none of this.
    """

    def frames_and_ends() -> Iterator[tuple[np.ndarray, np.ndarray] | Streamed]:
        for path in paths:
            reader, broken = IsolatedReader(path, made_with.decoding), None
            try:
                yield from with_flow(reader, made_with.flow, threads)
            except BrokenVideo as error:
                broken = error
            yield Streamed(path, reader, None, broken)

    extraction = made_with.extraction
    with closing(ahead(frames_and_ends(), extraction.chunk * extraction.batch)) as items:
        for first in items:
            end: list[Streamed] = []
            pairs = until_end(chain([first], items), end)
            try:
                features = video_features(pairs, *streams, made_with.decoding.fps, extraction)
            except TooShort as error:
                features, broken = None, BrokenVideo(f"{end[0].path}: {error}")
            else:
                broken = None
            broken = end[0].broken or broken
            yield replace(end[0], features=None if broken else features, broken=broken)


def file_features(
    path: Path, made_with: MadeWith, streams: tuple[Compute, Compute], threads: int = 1
) -> tuple[VideoFeatures, IsolatedReader]:
    """Features of one video file by `stream_features`, with its reader; raises BrokenVideo."""
    (made,) = stream_features([path], made_with, streams, threads)
    if made.broken:
        raise made.broken
    return made.features, made.reader


def until_end(items: Iterator[Any], end: list[Streamed]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pairs up to the end of a video, which is put into `end`."""
    for item in items:
        if isinstance(item, Streamed):
            end.append(item)
            return
        yield item
