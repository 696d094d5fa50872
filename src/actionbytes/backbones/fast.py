"""I3D's features faster: the same network rewritten for inference, exact in fp32, close in bf16 (numbers: docs/i3d.md).

BatchNorm goes into the convolution before it; channels lie innermost in memory; oneDNN convolves whatever the number of
threads; a max pool is a maximum along one axis after the other; in bf16 the stem reads two neighbouring pixels as one
with twice the channels.
"""

import logging
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actionbytes.backbones.i3d import (
    I3D,
    NETWORK,
    MaxPool,
    Mixed,
    Size,
    Unit,
    check_span,
    flow_input,
    pad_same,
    rgb_input,
    same_padding,
)
from actionbytes.backbones.parameters import Inference, Precision
from actionbytes.backbones.registry import StreamFeatures
from actionbytes.backbones.weights import load_i3d

logger = logging.getLogger(__name__)


def open_stream(weights: Path, stream: str, inference: Inference) -> StreamFeatures:
    """Load one stream of I3D as `backbones.registry.Network.open_stream` describes.

    Args:
        weights: Published `.pt` or safetensors.
        stream: "rgb" or "flow".
        inference: Precision, device and the scale of flow.

    Returns:
        A function from uint8 RGB frames (n, span, S, S, 3) or flow in pixels (n, span, S, S, 2) to features (n, D).
    """
    features = Features(load_i3d(weights, stream), inference.precision, inference.device)
    for note in features.notes:
        logger.warning("%s", note)

    def compute(snippets: np.ndarray) -> np.ndarray:
        x = rgb_input(snippets) if stream == "rgb" else flow_input(snippets, inference.flow_bound)
        return features(x).numpy()

    return compute


class Features:
    """Snippets to features, on one device, by the rewritten network.

    Attributes:
        precision: The one that is used; bf16 becomes fp32 where the processor does not multiply it.
        notes: In words, what was asked for and could not be had.
    """

    def __init__(self, model: I3D, precision: Precision = "fp32", device: torch.device | str = "cpu") -> None:
        """Rewrite `model`, whose weights are copied, for `device`."""
        self.notes: list[str] = []
        self.device, self.precision = torch.device(device), precision
        if precision == "bf16" and not has_bf16(self.device):
            self.precision = "fp32"
            self.notes.append("bf16: this processor does not multiply it, so fp32 is used (slower, more exact)")
        dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        self.network = FastI3D(model, dtype).to(self.device)

    @torch.inference_mode()
    def __call__(self, x: Tensor) -> Tensor:
        """Features of snippets.

        Args:
            x: (N, Cin, span, H, W) float32 in [-1, 1], on any device.

        Returns:
            (N, D) float32 on the CPU. In fp32 they depend on the other snippets of the call by float noise at most.
        """
        check_span(x)
        exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)  # fp32 means fp32
        with exact if self.device.type == "cuda" else nullcontext():
            return self.network(x.to(self.device)).float().cpu()


def has_bf16(device: torch.device) -> bool:
    """Whether `device` multiplies bf16 itself, rather than by way of fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities() if device.type == "cpu" and torch.backends.mkldnn.is_available() else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


class FastI3D(nn.Module):
    """I3D's features, rewritten: (N, Cin, T, H, W) -> (N, D) float32."""

    def __init__(self, model: I3D, dtype: torch.dtype) -> None:
        """Copy the weights of `model` as `dtype`, float32 or bfloat16."""
        super().__init__()
        self.dtype = dtype
        layers: list[nn.Module] = []
        for name in NETWORK:
            layer = model.get_submodule(name)
            if isinstance(layer, Unit):
                paired = dtype == torch.bfloat16 and not layers  # in fp32 the plain stem is the faster one
                layers.append(PairedStem(layer) if paired else Convolution(layer))
            elif isinstance(layer, Mixed):
                layers.append(Branches(layer))
            elif isinstance(layer, MaxPool):
                layers.append(SeparablePool(layer))
        self.layers: nn.Sequential = nn.Sequential(*layers).to(  # type: ignore[call-overload]
            dtype=dtype, memory_format=torch.channels_last_3d
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, Cin, T, H, W) in [-1, 1] -> (N, D) float32."""
        x = x.to(dtype=self.dtype, memory_format=torch.channels_last_3d)
        return self.layers(x).float().mean(dim=(2, 3, 4))


class Convolution(nn.Module):
    """A Unit with BatchNorm folded into the convolution's weight and bias."""

    weight: Tensor
    bias: Tensor

    def __init__(self, unit: Unit) -> None:
        """Fold the BatchNorm of `unit`."""
        super().__init__()
        bn = unit.bn
        assert bn.running_var is not None and bn.running_mean is not None
        scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
        self.register_buffer("weight", (unit.conv3d.weight * scale[:, None, None, None, None]).detach())
        self.register_buffer("bias", (bn.bias - bn.running_mean * scale).detach())
        self.kernel, self.stride = unit.kernel, unit.stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, Cin, T, H, W) -> (N, Cout, T', H', W')."""
        x, padding = pad_same(x, self.kernel, self.stride)
        return F.relu_(convolve(x, self.weight, self.bias, self.stride, padding))


class PairedStem(Convolution):
    """The stem over pairs of pixels: a row of W pixels of C channels is, in memory, one of W/2 pixels of 2C channels.

    The kernel gets an eighth column of zeros and so has four pairs; three channels become six, which bf16 multiplies
    faster, and making them costs nothing.
    """

    def __init__(self, unit: Unit) -> None:
        """Rearrange the weights of the stem `unit`."""
        super().__init__(unit)
        weight = F.pad(self.weight, (0, 1)).unflatten(-1, (4, 2))  # (64, C, 7, 7, 4, 2)
        self.register_buffer("weight", weight.permute(0, 5, 1, 2, 3, 4).flatten(1, 2))  # (64, 2C, 7, 7, 4)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> (N, 64, T/2, H/2, W/2), rounded up."""
        before = [same_padding(size, 7, 2) for size in x.shape[2:]]
        row = 2 * (-(-x.shape[-1] // 2) + 3)  # pixels that all windows of four pairs need
        columns = (before[2][0], row - before[2][0] - x.shape[-1])
        x = F.pad(x, (*columns, *before[1], *before[0])).permute(0, 2, 3, 4, 1).contiguous()  # (N, T+, H+, W+, C)
        x = x.unflatten(3, (-1, 2)).flatten(4).permute(0, 4, 1, 2, 3)  # (N, 2C, T+, H+, W+/2)
        return F.relu_(convolve(x, self.weight, self.bias, (2, 2, 1), (0, 0, 0)))


class Branches(nn.Module):
    """A Mixed block."""

    b0: Convolution
    b1a: Convolution
    b1b: Convolution
    b2a: Convolution
    b2b: Convolution
    b3b: Convolution

    def __init__(self, block: Mixed) -> None:
        """Rewrite the parts of `block`."""
        super().__init__()
        for name in ("b0", "b1a", "b1b", "b2a", "b2b", "b3b"):
            self.add_module(name, Convolution(getattr(block, name)))
        self.b3a = SeparablePool(block.b3a)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> (N, C', T, H, W), the four branches one behind the other."""
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))], dim=1)


class SeparablePool(nn.Module):
    """SAME max pooling of values that are not negative, one axis after the other."""

    def __init__(self, pool: MaxPool) -> None:
        """Take kernel and stride from `pool`."""
        super().__init__()
        self.kernel, self.stride = pool.kernel, pool.stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> (N, C, T', H', W')."""
        bits = x.view(torch.int16 if x.dtype == torch.bfloat16 else torch.int32)  # their order is that of the floats
        for dim, (kernel, stride) in enumerate(zip(self.kernel, self.stride, strict=True), start=2):
            bits = largest_along(bits, dim, kernel, stride)
        return bits.view(x.dtype)


def largest_along(x: Tensor, dim: int, kernel: int, stride: int) -> Tensor:
    """The largest of each `kernel` values along an axis, with SAME padding at both ends.

    Args:
        x: Integers of any shape.
        dim: The axis.
        kernel: Values that are compared.
        stride: Places from one output to the next.
    """
    if kernel == 1:
        return x
    front, _ = same_padding(x.shape[dim], kernel, stride)

    def every_from(start: int) -> Tensor:
        return x[(slice(None),) * dim + (slice(start, None, stride),)]

    y = every_from(0).clone()
    for shift in range(-front, kernel - front):
        first = max(0, -(shift // stride))  # the first output whose window holds this tap
        if shift and (values := every_from(first * stride + shift)).numel():
            y_part = y.narrow(dim, first, min(values.shape[dim], y.shape[dim] - first))
            torch.maximum(y_part, values.narrow(dim, 0, y_part.shape[dim]), out=y_part)
    return y


def convolve(x: Tensor, weight: Tensor, bias: Tensor, stride: Size, padding: Size) -> Tensor:
    """A convolution; on a CPU always oneDNN's, where torch takes its own slow one for one thread and few chunks."""
    if not torch.compiler.is_compiling() and x.device.type == "cpu" and torch.backends.mkldnn.is_available():
        return torch.mkldnn_convolution(x, weight, bias, padding, stride, (1, 1, 1), 1)
    return F.conv3d(x, weight, bias, stride, padding)
