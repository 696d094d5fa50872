"""From frames and flow to snippet features.

Snippets are cut first and are independent of each other; frames behind the last whole snippet are not seen. All streams
have the same number of snippets because the last flow is repeated. How snippets are batched is fixed per video, so a
video's features do not depend on its neighbours, its shard or the number of cores.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from actionbytes.backbones.registry import StreamFeatures
from actionbytes.features.ahead import ahead
from actionbytes.features.kinds import FeatureKind
from actionbytes.features.made_with import MadeWith
from actionbytes.features.store import VideoFeatures
from actionbytes.video.decode import BrokenVideo
from actionbytes.video.flow import flow_pairs, restored, stored
from actionbytes.video.isolated import IsolatedReader
from actionbytes.video.parameters import Flow

Instant = tuple[np.ndarray, ...]
"""What each stream sees of one frame, (H, W, c), in the order of the kind's streams."""


class TooShort(ValueError):
    """A video with fewer frames than one snippet."""


def video_features(
    instants: Iterable[Instant], networks: Mapping[str, StreamFeatures], fps: float, kind: FeatureKind
) -> VideoFeatures:
    """Features of one video, all streams in one pass that holds one batch of snippets.

    Args:
        instants: What the streams of `kind` see, frame by frame.
        networks: Stream -> a function from pixels of snippets, (n, span, H, W, c), to features, (n, D).
        fps: Frames a second.
        kind: How snippets are cut and batched.

    Raises:
        TooShort: There is no whole snippet.
    """
    features: dict[str, list[np.ndarray]] = {stream: [] for stream in kind.streams}
    step = min(kind.hop, kind.span)  # frames between snippets once those that no snippet sees are left out
    batch_frames = (kind.batch - 1) * step + kind.span
    held: list[Instant] = []
    count = 0

    def compute(snippets: int) -> None:
        seen, overlap = held[: (snippets - 1) * step + kind.span], held[snippets * step :]
        held.clear()  # what the arrays hold is not held twice
        pixels = [np.stack(frames) for frames in zip(*seen, strict=True)]
        seen.clear()
        held.extend(overlap)
        for stream, frames in zip(kind.streams, pixels, strict=True):
            features[stream].append(networks[stream](_snippets(frames, kind.span, step)))

    for instant in instants:
        if count % kind.hop < kind.span:
            held.append(instant)
        count += 1
        if len(held) == batch_frames:
            compute(kind.batch)
    if len(held) >= kind.span:
        compute((len(held) - kind.span) // step + 1)
    if not features[kind.streams[0]]:
        raise TooShort(f"has {count} frames at {fps:g} fps; one snippet needs {kind.span}")
    streams = {stream: np.concatenate(parts).astype(kind.dtype) for stream, parts in features.items()}
    return VideoFeatures(streams, count / fps, count, fps, kind.span, kind.hop / fps)


def _snippets(frames: np.ndarray, span: int, step: int) -> np.ndarray:
    """(F, H, W, c) as snippets (n, span, H, W, c) that begin every `step` frames, a view."""
    return np.moveaxis(sliding_window_view(frames, span, axis=0)[::step], -1, 1)


def seen_by(
    streams: Sequence[str], frames: Iterable[np.ndarray], flow: Flow, threads: int = 1, device: str = "cpu"
) -> Iterator[Instant]:
    """What each stream sees of a video while its frames stream by.

    Flow is computed only where a stream sees it, and is rounded as between the workflow's stages, so that both ways
    give the same features. No more frames are held than those that the flow is busy with.

    Args:
        streams: "rgb" sees the frame, "flow" its flow in pixels.
        frames: (H, W, 3) uint8 RGB.
        flow: Parameters of optical flow.
        threads: Pairs of frames whose flow is computed at a time.
        device: Of a flow algorithm that runs in torch.
    """
    if "flow" not in streams:
        yield from ((frame,) for frame in frames)
        return
    waiting: deque[np.ndarray] = deque()

    def tapped() -> Iterator[np.ndarray]:
        for frame in frames:
            waiting.append(frame)
            yield frame

    for field in flow_pairs(tapped(), flow, threads, device):
        pixels = {"rgb": waiting.popleft(), "flow": restored(stored(field, flow), flow)}
        yield tuple(pixels[stream] for stream in streams)


@dataclass(frozen=True)
class Streamed:
    """What became of one file.

    Attributes:
        path: The file.
        reader: Knows its status, size and frame rate.
        features: Its features, or None.
        broken: Why there are none.
    """

    path: Path
    reader: IsolatedReader
    features: VideoFeatures | None
    broken: BrokenVideo | None


def stream_features(
    paths: Iterable[Path],
    made_with: MadeWith,
    networks: Mapping[str, StreamFeatures],
    threads: int = 1,
    device: str = "cpu",
) -> Generator[Streamed, None, None]:
    """Features of video files, one after the other, as the workflow's stages make them, without files in between.

    Decoding (a process), flow (threads) and the networks (this thread) work at once, also across the end of a video:
    flow runs ahead of the networks by one batch of frames at most, so that memory is bounded whatever the length of a
    video. The features depend on none of this.

    Args:
        paths: The files.
        made_with: How to make the features.
        networks: What `made_with.streams()` loads.
        threads: Pairs of frames whose flow is computed at a time.
        device: Of a flow algorithm that runs in torch.
    """
    kind = made_with.features

    def instants_and_ends() -> Iterator[Instant | Streamed]:
        for path in paths:
            reader, broken = IsolatedReader(path, made_with.decoding), None
            try:
                yield from seen_by(kind.streams, reader, made_with.flow, threads, device)
            except BrokenVideo as error:
                broken = error
            yield Streamed(path, reader, None, broken)

    with closing(ahead(instants_and_ends(), kind.span * kind.batch)) as items:
        for first in items:
            end: list[Streamed] = []
            instants = until_end(chain([first], items), end)
            features, too_short = None, None
            try:
                features = video_features(instants, networks, made_with.decoding.fps, kind)
            except TooShort as error:
                too_short = BrokenVideo(f"{end[0].path}: {error}")
            broken = end[0].broken or too_short
            yield replace(end[0], features=None if broken else features, broken=broken)


def file_features(
    path: Path,
    made_with: MadeWith,
    networks: Mapping[str, StreamFeatures],
    threads: int = 1,
    device: str = "cpu",
) -> tuple[VideoFeatures, IsolatedReader]:
    """Features of one video file by `stream_features`, with its reader; raises BrokenVideo."""
    (streamed,) = stream_features([path], made_with, networks, threads, device)
    if streamed.broken:
        raise streamed.broken
    assert streamed.features is not None
    return streamed.features, streamed.reader


def until_end(items: Iterator[Any], end: list[Streamed]) -> Iterator[Instant]:
    """What the streams see up to the end of a video, which is put into `end`."""
    for item in items:
        if isinstance(item, Streamed):
            end.append(item)
            return
        yield item
