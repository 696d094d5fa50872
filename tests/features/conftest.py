"""Tiny moving videos, and narrow drawn networks to make features of them."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from actionbytes.backbones.i3d import I3D
from actionbytes.backbones.weights import save_i3d
from actionbytes.features.kinds import FeatureKind
from actionbytes.features.made_with import MadeWith, WeightFile
from actionbytes.video.parameters import Decoding, Flow


def _moving(path: Path, frames: int, seed: int = 0, side: int = 40) -> Path:
    """A texture that glides by, at 25 frames a second."""
    tile = np.random.default_rng(seed).integers(0, 255, (side, side + 2 * frames, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=side, height=side, pix_fmt="yuv420p")
        for k in range(frames):
            picture = np.ascontiguousarray(tile[:, 2 * k : 2 * k + side])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def moving() -> Callable[..., Path]:
    return _moving


@pytest.fixture(scope="session")
def made_with(tmp_path_factory) -> MadeWith:
    """A quick recipe: frames of 32 pixels, light flow, networks an eighth as wide as I3D."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for stream, channels in (("rgb", 3), ("flow", 2)):
        save_i3d(I3D(channels, 5, 0.125), folder / f"{stream}.safetensors")
    return MadeWith(
        decoding=Decoding(short_side=32, crop=32),
        flow=Flow(warps=1, nscales=1, inner_iterations=5, outer_iterations=1),
        features=FeatureKind(batch=2, dtype="float32"),
        weights={stream: WeightFile.of(folder / f"{stream}.safetensors") for stream in ("rgb", "flow")},
    )
