"""I3D's features faster: the same network rewritten for inference, exact in fp32, close in bf16 (numbers: docs/i3d.md).

BatchNorm goes into the convolution before it; channels lie innermost in memory; oneDNN convolves whatever the number of
threads; a max pool is a maximum along one axis after the other; in bf16 the stem reads two neighbouring pixels as one
with twice the channels. What a machine cannot do is left out, and said.
"""

import shutil
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actionbytes.backbones.i3d import CHUNK, I3D, NETWORK, MaxPool, Mixed, Size, Unit, pad_same, same_padding
from actionbytes.backbones.parameters import Inference

__all__ = ["FastI3D", "Features", "Inference", "fast_features", "has_bf16"]

COMPILE_FROM = 5000  # chunks of the full network: below, compiling (about a minute) costs more than it saves


class Features:
    """Chunks to features, on one device; `notes` says in words what was asked for and could not be had.

    Call it with (N, Cin, 16, H, W) float32 in [-1, 1] on any device; it returns (N, D) float32 on the CPU. In fp32 a
    feature depends on the other chunks of its batch by float noise at most.
    """

    def __init__(self, model: I3D, parameters: Inference, device: torch.device, chunks: int | None = None) -> None:
        self.notes: list[str] = []
        self.device, self.precision = device, parameters.precision
        if self.precision == "bf16" and not has_bf16(device):
            self.precision = "fp32"
            self.notes.append("bf16: this processor does not multiply it, so fp32 is used (slower, more exact)")
        if self.precision == "bf16" and not parameters.rewritten:
            self.notes.append("bf16: the network is rewritten for it, whatever `rewritten` says")
        self.dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        self.compiled = False
        if parameters.rewritten or self.precision == "bf16":
            network = FastI3D(model, self.dtype).to(device)
            self._run: Callable[[Tensor], Tensor] = network
            if parameters.compile == "auto" and self._worth_compiling(model, chunks):
                self._run = self._compiled_or(network)
        else:
            self._run = model.to(device).eval().features

    @torch.inference_mode()
    def __call__(self, x: Tensor) -> Tensor:
        if x.shape[2] != CHUNK:
            raise ValueError(f"a feature is made of {CHUNK} frames, not of {x.shape[2]}")
        exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)  # a GPU's fp32 be fp32
        with exact if self.device.type == "cuda" else nullcontext():
            return self._run(x.to(self.device)).float().cpu()

    def _worth_compiling(self, model: I3D, chunks: int | None) -> bool:
        if self.precision == "fp32":
            self.notes.append("compile: left out in fp32, which stays the exact mode")
        elif shutil.which("g++") is None and shutil.which("clang++") is None:
            self.notes.append("compile: no C++ compiler found, so the network runs uncompiled")
        elif chunks is None or chunks * model.width**2 < COMPILE_FROM:
            self.notes.append(f"compile: too little work for it (from about {COMPILE_FROM} chunks at width 1)")
        else:
            return True
        return False

    def _compiled_or(self, network: "FastI3D") -> Callable[[Tensor], Tensor]:
        """`network`, compiled at the first call for its number of chunks; itself if that fails, or for more chunks."""
        from torch._inductor import config

        compiled = torch.compile(network, dynamic=False)
        size = 0

        def run(x: Tensor) -> Tensor:
            nonlocal size
            size = size or len(x)
            if len(x) > size:
                return network(x)
            full = F.pad(
                x, (0, 0) * 4 + (0, size - len(x))
            )  # compiling anew for the last, smaller batch takes a minute
            try:
                with config.patch(freezing=True):
                    y = compiled(full)
            except Exception as error:  # a compiler can fail in any way; the uncompiled network cannot
                self.notes.append(f"compile: failed ({type(error).__name__}), so the network runs uncompiled")
                self._run = network
                return network(x)
            self.compiled = True
            return y[: len(x)]

        return run


def fast_features(
    model: I3D, parameters: Inference, device: torch.device | str = "cpu", chunks: int | None = None
) -> Features:
    """A callable that turns chunks into features as `parameters` say, or as near as this machine can; see `Features`.

    `chunks`: how many are to come, if known; it decides whether compiling pays.
    """
    return Features(model, parameters, torch.device(device), chunks)


def has_bf16(device: torch.device) -> bool:
    """Whether `device` multiplies bf16 itself, rather than by way of fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities() if device.type == "cpu" and torch.backends.mkldnn.is_available() else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


class FastI3D(nn.Module):
    """I3D's features, rewritten: (N, Cin, 16, H, W) -> (N, D) float32. Made from a model's weights, for one `dtype`."""

    def __init__(self, model: I3D, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        layers: list[nn.Module] = []
        for name in NETWORK:
            layer = model.get_submodule(name)
            if isinstance(layer, Unit):
                paired = dtype == torch.bfloat16 and not layers  # in fp32 the plain stem is the faster one
                layers.append(PairedStem(layer) if paired else Convolution(layer))
            else:
                layers.append(Branches(layer) if isinstance(layer, Mixed) else SeparablePool(layer))
        self.layers = nn.Sequential(*layers).to(dtype=dtype, memory_format=torch.channels_last_3d)

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(dtype=self.dtype, memory_format=torch.channels_last_3d)
        return self.layers(x).float().mean(dim=(2, 3, 4))


class Convolution(nn.Module):
    """A Unit with BatchNorm folded into the convolution's weight and bias."""

    def __init__(self, unit: Unit) -> None:
        super().__init__()
        bn = unit.bn
        scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
        self.register_buffer("weight", (unit.conv3d.weight * scale[:, None, None, None, None]).detach())
        self.register_buffer("bias", (bn.bias - bn.running_mean * scale).detach())
        self.kernel: Size = unit.conv3d.kernel_size
        self.stride: Size = unit.conv3d.stride

    def forward(self, x: Tensor) -> Tensor:
        x, padding = pad_same(x, self.kernel, self.stride)
        return F.relu_(convolve(x, self.weight, self.bias, self.stride, padding))


class PairedStem(Convolution):
    """The stem over pairs of pixels: a row of W pixels of C channels is, in memory, one of W/2 pixels of 2C channels.

    The kernel gets an eighth column of zeros and so has four pairs; three channels become six, which bf16 multiplies
    faster, and making them costs nothing.
    """

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit)
        weight = F.pad(self.weight, (0, 1)).unflatten(-1, (4, 2))  # (64, C, 7, 7, 4, 2)
        self.register_buffer("weight", weight.permute(0, 5, 1, 2, 3, 4).flatten(1, 2))  # (64, 2C, 7, 7, 4)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, T, H, W)
        before = [same_padding(size, 7, 2) for size in x.shape[2:]]
        row = 2 * (-(-x.shape[-1] // 2) + 3)  # pixels that all windows of four pairs need
        columns = (before[2][0], row - before[2][0] - x.shape[-1])
        x = F.pad(x, (*columns, *before[1], *before[0])).permute(0, 2, 3, 4, 1).contiguous()  # (N, T+, H+, W+, C)
        x = x.unflatten(3, (-1, 2)).flatten(4).permute(0, 4, 1, 2, 3)  # (N, 2C, T+, H+, W+/2)
        return F.relu_(convolve(x, self.weight, self.bias, (2, 2, 1), (0, 0, 0)))


class Branches(nn.Module):
    """A Mixed block."""

    def __init__(self, block: Mixed) -> None:
        super().__init__()
        for name in ("b0", "b1a", "b1b", "b2a", "b2b", "b3b"):
            self.add_module(name, Convolution(getattr(block, name)))
        self.b3a = SeparablePool(block.b3a)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))], dim=1)


class SeparablePool(nn.Module):
    """SAME max pooling of values that are not negative, one axis after the other."""

    def __init__(self, pool: MaxPool) -> None:
        super().__init__()
        self.kernel, self.stride = pool.kernel, pool.stride

    def forward(self, x: Tensor) -> Tensor:
        bits = x.view(torch.int16 if x.dtype == torch.bfloat16 else torch.int32)  # their order is that of the floats
        for dim, (kernel, stride) in enumerate(zip(self.kernel, self.stride, strict=True), start=2):
            bits = largest_along(bits, dim, kernel, stride)
        return bits.view(x.dtype)


def largest_along(x: Tensor, dim: int, kernel: int, stride: int) -> Tensor:
    """The largest of each `kernel` values along `dim`, every `stride`, SAME at both ends."""
    if kernel == 1:
        return x
    front, _ = same_padding(x.shape[dim], kernel, stride)

    def from_(start: int) -> Tensor:
        return x[(slice(None),) * dim + (slice(start, None, stride),)]

    y = from_(0).clone()
    for shift in range(-front, kernel - front):
        first = max(0, -(shift // stride))  # the first output whose window holds this tap
        if shift and (values := from_(first * stride + shift)).numel():
            y_part = y.narrow(dim, first, min(values.shape[dim], y.shape[dim] - first))
            torch.maximum(y_part, values.narrow(dim, 0, y_part.shape[dim]), out=y_part)
    return y


def convolve(x: Tensor, weight: Tensor, bias: Tensor, stride: Size, padding: Size) -> Tensor:
    """A convolution; on a CPU always oneDNN's, where torch takes its own slow one for one thread and few chunks."""
    if not torch.compiler.is_compiling() and x.device.type == "cpu" and torch.backends.mkldnn.is_available():
        return torch.mkldnn_convolution(x, weight, bias, padding, stride, (1, 1, 1), 1)
    return F.conv3d(x, weight, bias, stride, padding)
