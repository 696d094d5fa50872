"""ResNet-101 (He et al., CVPR 2016) with torchvision's keys, for frames and, as TSRNet has it, for stacks of flow.

Blocks, strides (in the 3 by 3 convolution) and names are those of torchvision's `resnet101`, whose file
`resnet101-63fe2227.pth` loads key by key; counts were checked against the published 44,549,160 parameters.
"""

from functools import partial
from pathlib import Path

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from actionbytes.backbones.checkpoints import KnownFile, averaged_stem, filled, identified, read_checkpoint, some
from actionbytes.backbones.parameters import Inference
from actionbytes.backbones.pixels import STACK, first_frame, flow_stack, normalized
from actionbytes.backbones.registry import StreamFeatures
from actionbytes.backbones.streams import stream_of
from actionbytes.errors import UserError

CHANNELS = {"rgb": 3, "flow": 2 * STACK}
BLOCKS = (3, 4, 23, 3)  # of layer1 to layer4
STEM_CHANNELS = 64  # at width 1
EXPANSION = 4
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of red, green, blue in 0..1
FLOW_MEAN, FLOW_DEVIATION = (0.5,), (0.226,)  # of Temporal Segment Networks in PyTorch: the mean of the three above

SOURCE = "download.pytorch.org/models"
KNOWN = (
    KnownFile("resnet101-63fe2227.pth", "rgb", SOURCE, sha256="63fe2227"),
    KnownFile("resnet101-5d3b4d8f.pth", "rgb", SOURCE, sha256="5d3b4d8f"),  # the same weights, without counters
    KnownFile(
        "resnet101-cd907fc2.pth",
        "rgb",
        SOURCE,
        sha256="cd907fc2",
        unfit="these are torchvision's second weights of 2021, which no paper of 2018 had: take resnet101-63fe2227.pth",
    ),
)


class Bottleneck(nn.Module):
    """Three convolutions with a shortcut around them; the second one takes the stride.

    Args:
        in_channels: Channels that come in.
        planes: Channels inside; four times as many come out.
        stride: Of the second convolution and of the shortcut.
    """

    def __init__(self, in_channels: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        out = planes * EXPANSION
        self.conv1 = nn.Conv2d(in_channels, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(in_channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, 4 planes, H / stride, W / stride)."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet101(nn.Module):
    """ResNet-101 for one stream: 104 convolutions without bias.

    Args:
        in_channels: 3 for a frame, 10 for a stack of five flow fields.
        num_classes: Outputs of the classifier; 1000 for ImageNet.
        width: Factor of all channel counts, a multiple of 1/64; 1 is the published network.
    """

    def __init__(self, in_channels: int, num_classes: int = 1000, width: float = 1.0) -> None:
        super().__init__()
        stem = round(STEM_CHANNELS * width)
        if stem < 1 or stem != STEM_CHANNELS * width:
            raise ValueError(f"width {width} is no positive multiple of 1/{STEM_CHANNELS}")
        self.in_channels, self.num_classes, self.width = in_channels, num_classes, width
        self.conv1 = nn.Conv2d(in_channels, stem, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        channels = stem
        for index, count in enumerate(BLOCKS):
            planes = stem << index
            blocks = []
            for position in range(count):
                stride = 2 if index and position == 0 else 1
                blocks.append(Bottleneck(channels, planes, stride))
                channels = planes * EXPANSION
            self.add_module(f"layer{index + 1}", nn.Sequential(*blocks))
        self.feature_dim = channels  # 2048 at width 1
        self.fc = nn.Linear(channels, num_classes)

    def trunk(self, x: Tensor) -> Tensor:
        """(N, Cin, H, W) -> (N, D, ceil(H / 32), ceil(W / 32)), the output of layer4."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for index in range(len(BLOCKS)):
            x = self.get_submodule(f"layer{index + 1}")(x)
        return x

    def features(self, x: Tensor) -> Tensor:
        """(N, Cin, H, W) -> (N, D), the mean over the plane; snippets are independent of each other in eval mode."""
        return self.trunk(x).mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """(N, Cin, H, W) -> class scores (N, num_classes) before any softmax."""
        return self.fc(self.features(x))


def load_resnet101(path: Path, stream: str = "rgb") -> ResNet101:
    """ResNet-101 in eval mode, its classes and width taken from the weights in `path`.

    For flow, a file with three channels becomes one with ten: its first filters are averaged over the colours and
    repeated, as Temporal Segment Networks start their flow network from an image network. TSRNet's paper says of both
    streams only that they come from ImageNet.

    Raises:
        UserError: The file is missing, broken, made for another network or stream, or torchvision's second weights.
    """
    state = read_checkpoint(path)
    identified(path, KNOWN)
    stem, head = state.get("conv1.weight"), state.get("fc.weight")
    if stem is None or head is None or stem.ndim != 4 or head.ndim != 2:
        raise UserError(
            f"{path}: is no ResNet: conv1.weight and fc.weight are not both there; it has {some(list(state))}"
        )
    channels = stem.shape[1]
    if stream == "flow" and channels == CHANNELS["rgb"]:
        channels = CHANNELS["flow"]
        state = {**state, "conv1.weight": averaged_stem(stem, channels)}
    if channels != CHANNELS[stream]:
        raise UserError(f"{path}: takes {channels} channels; the {stream} stream needs weights for {CHANNELS[stream]}")
    width = stem.shape[0] / STEM_CHANNELS
    return filled(lambda: ResNet101(channels, len(head), width), state, path, "ResNet-101")


def open_stream(weights: Path, stream: str, inference: Inference) -> StreamFeatures:
    """Load one stream of ResNet-101 as `backbones.registry.Network.open_stream` describes.

    Args:
        weights: torchvision's file; of three channels for flow, too (see `load_resnet101`).
        stream: "rgb" or "flow".
        inference: Precision, device and the scale of flow.

    Returns:
        A function from uint8 RGB frames (n, span, H, W, 3) or flow in pixels (n, span, H, W, 2) to features (n, D).
    """
    to_input = rgb_input if stream == "rgb" else partial(flow_input, bound=inference.flow_bound)
    return stream_of(load_resnet101(weights, stream), to_input, inference)


def rgb_input(frames: np.ndarray) -> Tensor:
    """The first RGB frame of each snippet in 0..1, minus ImageNet's mean, over its deviation.

    Args:
        frames: uint8 (N, T, H, W, 3). Published: the shorter side resized to 256, then the central 224 pixels.

    Returns:
        float32 (N, 3, H, W).
    """
    return normalized(first_frame(frames).div_(255), MEAN, DEVIATION)


def flow_input(flow: np.ndarray, bound: float = 20.0) -> Tensor:
    """The first five flow fields of each snippet as one stack of 8-bit levels over 255, minus 0.5, over 0.226.

    Args:
        flow: Pixels (N, T, H, W, 2), T of at least 5; a snippet's first field is from its first frame to the second.
        bound: Pixels to which flow is clipped.

    Returns:
        float32 (N, 10, H, W), channels x1 y1 x2 y2 ... x5 y5.
    """
    return normalized(flow_stack(flow, bound).div_(255), FLOW_MEAN, FLOW_DEVIATION)
