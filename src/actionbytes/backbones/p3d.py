"""P3D-199, the pseudo-3D residual network of Qiu, Yao and Mei (ICCV 2017), with the keys of its PyTorch port.

A 3 by 3 by 3 convolution is split into one over space (S) and one over time (T), joined in three ways that take turns
over the whole net: A one after the other, B side by side, C one after the other with S around T. The last stage is
two-dimensional. The authors' network is a Caffe model (`ZhaofanQiu/pseudo-3d-residual-networks`); the weights that can
be had are for `qijiezhao/pseudo-3d-pytorch`, whose code computes something else from them. Both were read:

- kinds B and C: Caffe sums ReLU(S) and T, with weights 1 and 1 in B, 0.5 and 0.5 in C, and takes the ReLU of the sum;
  the port sums ReLU(S) and ReLU(T) in both;
- the first pooling: Caffe's has no padding and rounds up, the port's has padding in space, so it is shifted by one;
- input: Caffe's is blue, green, red in 0..255 minus a mean; the port declares ImageNet's mean and deviation for
  red, green, blue in 0..1.

`variant="caffe"` (default) computes what the authors' network computes, with the port's file; `variant="port"` computes
what the port does. Which of the two gives the published accuracy (72.1 % of Kinetics' validation clips for frames, 61.2
for flow) can only be told with the file, which was not at hand.
"""

from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from actionbytes.backbones.checkpoints import KnownFile, filled, identified, read_checkpoint, some
from actionbytes.backbones.parameters import Inference
from actionbytes.backbones.pixels import channels_first, check_frames, flow_levels, normalized
from actionbytes.backbones.registry import StreamFeatures
from actionbytes.backbones.streams import stream_of
from actionbytes.errors import UserError

Variant = Literal["caffe", "port"]

CHANNELS = {"rgb": 3, "flow": 2}
SPAN = 16  # frames of one feature
BLOCKS = (3, 8, 36, 3)  # of layer1 to layer4; the last is two-dimensional
STEM_CHANNELS = 64  # at width 1
EXPANSION = 4
CAFFE_MEAN = (104.0, 117.0, 123.0)  # blue, green, red
CAFFE_FLOW_MEAN = (128.0,)
PORT_MEAN, PORT_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # red, green, blue
PORT_FLOW_MEAN, PORT_FLOW_DEVIATION = (0.5,), (0.226,)
SHARES = {"B": (1.0, 1.0), "C": (0.5, 0.5)}  # of S and T in Caffe's sums

KNOWN = (  # neither size nor hash is published
    KnownFile("p3d_rgb_199.checkpoint.pth.tar", "rgb", "Google Drive of the port"),
    KnownFile("p3d_flow_199.checkpoint.pth.tar", "flow", "Google Drive of the port"),
)


class Pseudo3D(nn.Module):
    """A bottleneck with convolutions over space and over time in place of its 3 by 3 by 3 one.

    Args:
        in_channels: Channels that come in.
        planes: Channels inside; four times as many come out.
        kind: "A", "B" or "C".
        variant: Whose arithmetic, see the module.
        stride: In space, of the first convolution and of the shortcut.
        first: Whether the shortcut has a convolution of its own.
    """

    def __init__(
        self, in_channels: int, planes: int, kind: str, variant: Variant, stride: int = 1, first: bool = False
    ) -> None:
        super().__init__()
        out, steps = planes * EXPANSION, (1, stride, stride)
        self.kind, self.variant = kind, variant
        self.conv1 = nn.Conv3d(in_channels, planes, 1, steps, bias=False)
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = nn.Conv3d(planes, planes, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.bn2 = nn.BatchNorm3d(planes)
        self.conv3 = nn.Conv3d(planes, planes, (3, 1, 1), padding=(1, 0, 0), bias=False)
        self.bn3 = nn.BatchNorm3d(planes)
        self.conv4 = nn.Conv3d(planes, out, 1, bias=False)
        self.bn4 = nn.BatchNorm3d(out)
        self.downsample: nn.Module | None = None
        if first:
            self.downsample = nn.Sequential(nn.Conv3d(in_channels, out, 1, steps, bias=False), nn.BatchNorm3d(out))

    def joined(self, x: Tensor) -> Tensor:
        """Space and time of (N, planes, T, H, W), joined as the kind says."""
        space = F.relu(self.bn2(self.conv2(x)))
        time = self.bn3(self.conv3(x if self.kind == "B" else space))
        if self.kind == "A":
            return F.relu(time)
        if self.variant == "port":
            return space + F.relu(time)
        of_space, of_time = SHARES[self.kind]
        return F.relu(of_space * space + of_time * time)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, T, H, W) -> (N, 4 planes, T, H / stride, W / stride)."""
        y = self.joined(F.relu(self.bn1(self.conv1(x))))
        y = self.bn4(self.conv4(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Plain2D(nn.Module):
    """A bottleneck of the last stage, with a 3 by 3 convolution; the first convolution takes the stride.

    Args:
        in_channels: Channels that come in.
        planes: Channels inside; four times as many come out.
        stride: Of the first convolution and of the shortcut.
        first: Whether the shortcut has a convolution of its own.
    """

    def __init__(self, in_channels: int, planes: int, stride: int = 1, first: bool = False) -> None:
        super().__init__()
        out = planes * EXPANSION
        self.conv1 = nn.Conv2d(in_channels, planes, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv_normal = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn_normal = nn.BatchNorm2d(planes)
        self.conv4 = nn.Conv2d(planes, out, 1, bias=False)
        self.bn4 = nn.BatchNorm2d(out)
        self.downsample: nn.Module | None = None
        if first:
            self.downsample = nn.Sequential(nn.Conv2d(in_channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, 4 planes, H / stride, W / stride)."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn_normal(self.conv_normal(y)))
        y = self.bn4(self.conv4(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class P3D199(nn.Module):
    """P3D-199 for one stream: 202 convolutions without bias.

    Where we deviate: the last pooling is over whatever plane is left (5 by 5 at 160 pixels), so any frame size works.
    Published frames were scaled to 242 by 182 pixels whatever their aspect before the central 160 by 160 were cut out;
    ours keep their aspect.

    Args:
        in_channels: 3 for frames, 2 for flow.
        num_classes: Outputs of the classifier; 400 for Kinetics.
        variant: Whose arithmetic, see the module.
        width: Factor of all channel counts, a multiple of 1/64; 1 is the published network.
    """

    def __init__(
        self, in_channels: int, num_classes: int = 400, variant: Variant = "caffe", width: float = 1.0
    ) -> None:
        super().__init__()
        stem = round(STEM_CHANNELS * width)
        if stem < 1 or stem != STEM_CHANNELS * width:
            raise ValueError(f"width {width} is no positive multiple of 1/{STEM_CHANNELS}")
        if variant not in get_args(Variant):
            raise ValueError(f"variant {variant!r} is none of {get_args(Variant)}")
        self.in_channels, self.num_classes, self.variant, self.width = in_channels, num_classes, variant, width
        self.conv1_custom = nn.Conv3d(in_channels, stem, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False)
        self.bn1 = nn.BatchNorm3d(stem)
        channels, number = stem, 0
        for index, count in enumerate(BLOCKS):
            planes = stem << index
            blocks: list[nn.Module] = []
            for position in range(count):
                first = position == 0
                stride = 2 if index and first else 1
                if index < 3:
                    blocks.append(Pseudo3D(channels, planes, "ABC"[number % 3], variant, stride, first))
                else:
                    blocks.append(Plain2D(channels, planes, stride, first))
                channels, number = planes * EXPANSION, number + 1
            self.add_module(f"layer{index + 1}", nn.Sequential(*blocks))
        self.feature_dim = channels  # 2048 at width 1
        self.fc = nn.Linear(channels, num_classes)

    def stem(self, x: Tensor) -> Tensor:
        """First convolution and pooling: (N, Cin, 16, H, W) -> (N, C, 8, H / 4, W / 4)."""
        x = F.relu(self.bn1(self.conv1_custom(x)))
        if self.variant == "port":
            return F.max_pool3d(x, (2, 3, 3), 2, (0, 1, 1))
        return F.max_pool3d(x, (2, 3, 3), 2, ceil_mode=True)

    def trunk(self, x: Tensor) -> Tensor:
        """(N, Cin, 16, H, W) -> (N, D, ceil(H / 32), ceil(W / 32)), the output of layer4.

        Raises:
            ValueError: There are not 16 frames.
        """
        if x.shape[2] != SPAN:
            raise ValueError(f"a feature is made of {SPAN} frames, not of {x.shape[2]}")
        x = self.stem(x)
        for index in range(3):
            x = F.max_pool3d(self.get_submodule(f"layer{index + 1}")(x), (2, 1, 1))  # half the steps of time
        return self.get_submodule("layer4")(x.squeeze(2))

    def features(self, x: Tensor) -> Tensor:
        """(N, Cin, 16, H, W) -> (N, D), Caffe's `pool5`; snippets are independent of each other in eval mode."""
        return self.trunk(x).mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """(N, Cin, 16, H, W) -> class scores (N, num_classes) before any softmax."""
        return self.fc(self.features(x))


def load_p3d(path: Path, stream: str | None = None, variant: Variant = "caffe") -> P3D199:
    """P3D-199 in eval mode, its channels, classes and width taken from the port's checkpoint in `path`.

    Raises:
        UserError: The file is missing, broken, made for another network or for the other stream.
    """
    state = read_checkpoint(path)
    identified(path, KNOWN)
    stem, head = state.get("conv1_custom.weight"), state.get("fc.weight")
    if stem is None or head is None or stem.ndim != 5 or head.ndim != 2:
        raise UserError(
            f"{path}: is no P3D: conv1_custom.weight and fc.weight are not both there; it has {some(list(state))}"
        )
    if stream is not None and stem.shape[1] != CHANNELS[stream]:
        raise UserError(
            f"{path}: takes {stem.shape[1]} channels; the {stream} stream needs weights for {CHANNELS[stream]}"
        )
    width = stem.shape[0] / STEM_CHANNELS
    return filled(lambda: P3D199(stem.shape[1], len(head), variant, width), state, path, "P3D-199")


def open_stream(weights: Path, stream: str, inference: Inference, variant: Variant = "caffe") -> StreamFeatures:
    """Load one stream of P3D-199 as `backbones.registry.Network.open_stream` describes.

    Args:
        weights: The port's checkpoint.
        stream: "rgb" or "flow".
        inference: Precision, device and the scale of flow.
        variant: Whose arithmetic and whose input, see the module.

    Returns:
        A function from uint8 RGB frames (n, 16, H, W, 3) or flow in pixels (n, 16, H, W, 2) to features (n, D).
    """
    if stream == "rgb":
        to_input = partial(rgb_input, variant=variant)
    else:
        to_input = partial(flow_input, bound=inference.flow_bound, variant=variant)
    return stream_of(load_p3d(weights, stream, variant), to_input, inference)


def rgb_input(frames: np.ndarray, variant: Variant = "caffe") -> Tensor:
    """RGB frames as the network of `variant` wants them.

    Args:
        frames: uint8 (N, 16, H, W, 3); published: the central 160 by 160 of 242 by 182 pixels.
        variant: "caffe": blue, green, red in 0..255 minus their mean; "port": ImageNet's mean and deviation.

    Returns:
        float32 (N, 3, 16, H, W).
    """
    check_frames(frames, 3)
    x = channels_first(frames)
    if variant == "port":
        return normalized(x.div_(255), PORT_MEAN, PORT_DEVIATION)
    return normalized(x.flip(1), CAFFE_MEAN)


def flow_input(flow: np.ndarray, bound: float = 20.0, variant: Variant = "caffe") -> Tensor:
    """Flow as 8-bit levels, as the network of `variant` wants it.

    Args:
        flow: Pixels (N, 16, H, W, 2).
        bound: Pixels to which flow is clipped; the authors do not say theirs, 20 is that of Temporal Segment Networks.
        variant: "caffe": minus 128; "port": over 255, minus 0.5, over 0.226.

    Returns:
        float32 (N, 2, 16, H, W).
    """
    check_frames(flow, 2)
    x = channels_first(flow_levels(flow, bound))
    if variant == "port":
        return normalized(x.div_(255), PORT_FLOW_MEAN, PORT_FLOW_DEVIATION)
    return normalized(x, CAFFE_FLOW_MEAN)
