"""From frames and flow to snippet features: chunks of 16 frames through the two I3D streams (methods.md's recipe).

Chunks are independent and non-overlapping, the tail is discarded; both streams have the same number of snippets because
the last flow is repeated. How chunks are batched is fixed per video, so a video's features do not depend on its
neighbours, its shard or the number of cores.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from actionbytes.features.store import VideoFeatures
from actionbytes.parameters import Parameters
from actionbytes.video.flow import Flow, flow_pairs

Compute = Callable[[np.ndarray], np.ndarray]


class Extraction(Parameters):
    """How features are computed from chunks."""

    chunk: Literal[16] = Field(16, description="Frames per snippet; I3D's receptive step.")
    batch: int = Field(8, ge=1, description="Chunks per forward pass; fixed, so that results do not depend on memory.")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="fp32 is the exact mode; bf16 the fast one.")
    dtype: Literal["float16", "float32"] = Field("float16", description="Type in which features are stored.")


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
            for stream, compute, i in (("rgb", rgb, 0), ("flow", flow, 1)):
                x = np.stack([pair[i] for pair in piece[:whole]])
                parts[stream].append(compute(x.reshape(-1, extraction.chunk, *x.shape[1:])))
    if not parts["rgb"]:
        raise TooShort(f"is shorter than one snippet of {extraction.chunk} frames")
    streams = {stream: np.concatenate(x).astype(extraction.dtype) for stream, x in parts.items()}
    return VideoFeatures(streams, counted / fps, counted, fps, extraction.chunk)


def with_flow(frames: Iterable[np.ndarray], flow: Flow, threads: int = 1) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pair every frame with its flow while both stream by; holds only the frames that the flow is still busy with."""
    waiting: deque[np.ndarray] = deque()

    def tapped() -> Iterator[np.ndarray]:
        for frame in frames:
            waiting.append(frame)
            yield frame

    for field in flow_pairs(tapped(), flow, threads):
        yield waiting.popleft(), field


def load_streams(
    rgb: Path, flow: Path, bound: float, extraction: Extraction, device: str = "cpu"
) -> tuple[Compute, Compute]:
    """The two streams as functions from chunks (n, 16, S, S, c) to features (n, D).

    rgb, flow: weight files, `.safetensors` of ours or published `.pt`; bound: the flow's clipping in pixels.
    """
    import torch

    from actionbytes.backbones.i3d import flow_input, rgb_input
    from actionbytes.backbones.inference import Inference, fast_features
    from actionbytes.backbones.weights import load_i3d

    settings = Inference(precision=extraction.precision)
    functions = []
    for path, prepare in ((rgb, rgb_input), (flow, lambda x: flow_input(x, bound))):
        features = fast_features(load_i3d(path).to(device).eval(), settings)

        def compute(x: np.ndarray, features: Callable = features, prepare: Callable = prepare) -> np.ndarray:
            with torch.inference_mode():
                return features(prepare(x).to(device)).float().cpu().numpy()

        functions.append(compute)
    return functions[0], functions[1]
