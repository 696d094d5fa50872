"""Frames and flow of snippets as the image networks want them: one frame, or a stack of flow fields, as channels.

Shared by BN-Inception, ResNet-101 and P3D. Their flow networks were trained on pictures of flow: each component clipped
to +-20 pixels and stored in 8 bit, as `dense_flow` of Temporal Segment Networks does, so values are rounded here too.
"""

import numpy as np
import torch
from torch import Tensor

STACK = 5  # flow fields that an image network sees at once


def check_frames(frames: np.ndarray, channels: int, least: int = 1) -> None:
    """Raise ValueError unless `frames` is (N, T, H, W, channels) with T of at least `least`."""
    if frames.ndim != 5 or frames.shape[-1] != channels or frames.shape[1] < least:
        raise ValueError(f"expected (N, T >= {least}, H, W, {channels}), got {frames.shape}")


def channels_first(values: np.ndarray) -> Tensor:
    """(N, ..., C) of any type -> float32 (N, C, ...), a copy of its own."""
    x = torch.from_numpy(np.array(values, np.float32, order="C"))
    return x.movedim(-1, 1).contiguous()


def first_frame(frames: np.ndarray) -> Tensor:
    """The first frame of each snippet: uint8 (N, T, H, W, 3) -> float32 (N, 3, H, W), 0..255, RGB."""
    check_frames(frames, 3)
    return channels_first(frames[:, 0])


def flow_levels(flow: np.ndarray, bound: float) -> np.ndarray:
    """Flow in pixels -> the levels 0..255 of its 8-bit picture, float32; no motion is 128 (127.5 rounded to even)."""
    clipped = np.clip(np.asarray(flow, np.float32), -bound, bound)
    return np.rint((clipped + np.float32(bound)) * np.float32(255 / (2 * bound)))


def flow_stack(flow: np.ndarray, bound: float) -> Tensor:
    """The first five fields of each snippet as levels: (N, T >= 5, H, W, 2) -> (N, 10, H, W), x1 y1 x2 y2 ... y5."""
    check_frames(flow, 2, STACK)
    fields = flow_levels(flow[:, :STACK], bound)  # (N, 5, H, W, 2)
    count, _, height, width, _ = fields.shape
    stacked = fields.transpose(0, 1, 4, 2, 3).reshape(count, 2 * STACK, height, width)
    return torch.from_numpy(np.ascontiguousarray(stacked))


def normalized(x: Tensor, mean: tuple[float, ...], scale: tuple[float, ...] = (1.0,)) -> Tensor:
    """(x - mean) / scale, channel by channel; one value of either stands for all channels."""
    shape = (1, -1) + (1,) * (x.ndim - 2)
    return x.sub_(x.new_tensor(mean).view(shape)).div_(x.new_tensor(scale).view(shape))
