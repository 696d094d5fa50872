"""BN-Inception (Ioffe and Szegedy 2015) with the layer names of its Caffe model, for frames and for stacks of flow.

It is the network of Temporal Segment Networks and of UntrimmedNet (Wang et al., CVPR 2017), from whose snippets
CleanNet starts. Layers, sizes and names were read off UntrimmedNet's deploy files and agree with a PyTorch port of the
same network; a key is Caffe's layer name with `/` and `-` written `_`. Weights: `backbones.bn_inception_weights`.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actionbytes.backbones.pixels import STACK, first_frame, flow_stack, normalized

CHANNELS = {"rgb": 3, "flow": 2 * STACK}
SPAN = 15  # frames of UntrimmedNet's snippet; the network sees the first, or the first five flow fields
STEM_CHANNELS = 64  # at width 1
WIDTH_STEP = 1 / 32  # every channel count of the table is a multiple of 32
SIDE_STEP = 32  # pixels; other sides leave branches of different sizes in a block, in Caffe too
CAFFE_MEAN = (104.0, 117.0, 123.0)  # blue, green, red
PORT_MEAN = (104.0, 117.0, 128.0)  # what the PyTorch ports subtract
FLOW_MEAN = (128.0,)

Branches = tuple[int, tuple[int, int], tuple[int, int, int], str, int]

# fmt: off
STEM: dict[str, tuple[int, int, int]] = {  # output channels, kernel, stride; the input's padding is kernel // 2
    "conv1_7x7_s2":     (64, 7, 2),   # then max pooling, 3 by 3, stride 2, rounding up
    "conv2_3x3_reduce": (64, 1, 1),
    "conv2_3x3":        (192, 3, 1),  # then the same pooling
}
BLOCKS: dict[str, Branches] = {
    #                1x1  3x3 reduce, 3x3  double 3x3 reduce, 1, 2  pool  its projection
    "inception_3a": (64,  (64, 64),        (64, 96, 96),            "avg", 32),
    "inception_3b": (64,  (64, 96),        (64, 96, 96),            "avg", 64),
    "inception_3c": (0,   (128, 160),      (64, 96, 96),            "halve", 0),
    "inception_4a": (224, (64, 96),        (96, 128, 128),          "avg", 128),
    "inception_4b": (192, (96, 128),       (96, 128, 128),          "avg", 128),
    "inception_4c": (160, (128, 160),      (128, 160, 160),         "avg", 128),
    "inception_4d": (96,  (128, 192),      (160, 192, 192),         "avg", 128),
    "inception_4e": (0,   (128, 192),      (192, 256, 256),         "halve", 0),
    "inception_5a": (352, (192, 320),      (160, 224, 224),         "avg", 128),
    "inception_5b": (352, (192, 320),      (192, 224, 224),         "max", 128),
}
# fmt: on


class BNInception(nn.Module):
    """BN-Inception for one stream: 69 convolutions with bias, each followed by batch normalisation and ReLU.

    Where we deviate from the Caffe model: the last pooling is over whatever plane is left (7 by 7 at 224 pixels, as
    published), so that any side that is a multiple of 32 works; and `width` scales every channel count, for tests.
    Published frames were scaled to 340 by 256 pixels whatever their aspect before the central 224 by 224 were cut out;
    ours keep their aspect, with the shorter side at 256.

    Args:
        in_channels: 3 for a frame, 10 for a stack of five flow fields.
        num_classes: Outputs of `fc_action`; 0 for files without a classifier.
        attention: Whether there is UntrimmedNet's `fc_attention` (its soft models only).
        width: Factor of all channel counts, a multiple of 1/32; 1 is the published network.
    """

    def __init__(self, in_channels: int, num_classes: int = 1000, attention: bool = False, width: float = 1.0) -> None:
        super().__init__()
        if width <= 0 or width % WIDTH_STEP:
            raise ValueError(f"width {width} is no positive multiple of {WIDTH_STEP}")
        self.in_channels, self.num_classes, self.width = in_channels, num_classes, width
        channels = in_channels
        for name, (out, kernel, stride) in STEM.items():
            channels = self._add(name, channels, out, kernel, stride)
        for name, (single, triple, double, pool, projection) in BLOCKS.items():
            stride = 2 if pool == "halve" else 1
            ends = [self._add(f"{name}_1x1", channels, single)] if single else []
            reduced = self._add(f"{name}_3x3_reduce", channels, triple[0])
            ends.append(self._add(f"{name}_3x3", reduced, triple[1], 3, stride))
            reduced = self._add(f"{name}_double_3x3_reduce", channels, double[0])
            reduced = self._add(f"{name}_double_3x3_1", reduced, double[1], 3)
            ends.append(self._add(f"{name}_double_3x3_2", reduced, double[2], 3, stride))
            ends.append(self._add(f"{name}_pool_proj", channels, projection) if projection else channels)
            channels = sum(ends)
        self.feature_dim = channels  # 1024 at width 1
        self.fc_action = nn.Linear(channels, num_classes) if num_classes else None
        self.fc_attention = nn.Linear(channels, 1) if attention else None

    def _add(self, name: str, in_channels: int, out: int, kernel: int = 1, stride: int = 1) -> int:
        """Add a convolution and its normalisation; returns how many channels come out."""
        out = round(out * self.width)
        self.add_module(name, nn.Conv2d(in_channels, out, kernel, stride, kernel // 2))
        self.add_module(f"{name}_bn", nn.BatchNorm2d(out, eps=1e-5, momentum=0.1))
        return out

    def unit(self, name: str, x: Tensor) -> Tensor:
        """Convolution `name`, its normalisation, ReLU."""
        return F.relu(self.get_submodule(f"{name}_bn")(self.get_submodule(name)(x)))

    def block(self, name: str, x: Tensor) -> Tensor:
        """One inception block, (N, C, H, W) to (N, C', H, W), halved where the table says so."""
        single, _, _, pool, projection = BLOCKS[name]
        branches = [self.unit(f"{name}_1x1", x)] if single else []
        branches.append(self.unit(f"{name}_3x3", self.unit(f"{name}_3x3_reduce", x)))
        double = self.unit(f"{name}_double_3x3_1", self.unit(f"{name}_double_3x3_reduce", x))
        branches.append(self.unit(f"{name}_double_3x3_2", double))
        if pool == "halve":
            pooled = halved(x)
        elif pool == "max":
            pooled = F.max_pool2d(x, 3, 1, 1)
        else:
            pooled = F.avg_pool2d(x, 3, 1, 1)  # the zeros around count
        branches.append(self.unit(f"{name}_pool_proj", pooled) if projection else pooled)
        return torch.cat(branches, dim=1)

    def trunk(self, x: Tensor) -> Tensor:
        """(N, Cin, H, W) -> (N, D, H/32, W/32), the output of inception_5b.

        Raises:
            ValueError: A side is no multiple of 32 pixels.
        """
        if any(side % SIDE_STEP for side in x.shape[2:]):
            raise ValueError(f"frames of {tuple(x.shape[2:])}: BN-Inception's sides are multiples of {SIDE_STEP}")
        x = halved(self.unit("conv1_7x7_s2", x))
        x = halved(self.unit("conv2_3x3", self.unit("conv2_3x3_reduce", x)))
        for name in BLOCKS:
            x = self.block(name, x)
        return x

    def features(self, x: Tensor) -> Tensor:
        """(N, Cin, H, W) -> (N, D), the mean over the plane; snippets are independent of each other in eval mode."""
        return self.trunk(x).mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """(N, Cin, H, W) -> class scores (N, num_classes) before any softmax."""
        if self.fc_action is None:
            raise ValueError("these weights have no classifier, only features")
        return self.fc_action(self.features(x))


def halved(x: Tensor) -> Tensor:
    """Max pooling 3 by 3 with stride 2, without padding, rounding up as Caffe does: even sides are halved."""
    return F.max_pool2d(x, 3, 2, ceil_mode=True)


def rgb_input(frames: np.ndarray, mean: tuple[float, float, float] = CAFFE_MEAN) -> Tensor:
    """The first RGB frame of each snippet as Caffe saw it: blue, green, red in 0..255 minus their mean.

    Args:
        frames: uint8 (N, T, H, W, 3); published: the central 224 by 224 of 340 by 256 pixels.
        mean: `CAFFE_MEAN` for Caffe's models, `PORT_MEAN` for networks trained with a PyTorch port.

    Returns:
        float32 (N, 3, H, W).
    """
    return normalized(first_frame(frames).flip(1), mean)


def flow_input(flow: np.ndarray, bound: float = 20.0) -> Tensor:
    """The first five flow fields of each snippet as one stack of 8-bit levels minus 128.

    Args:
        flow: Pixels (N, T, H, W, 2), T of at least 5; a snippet's first field is from its first frame to the second.
        bound: Pixels to which flow is clipped.

    Returns:
        float32 (N, 10, H, W), channels x1 y1 x2 y2 ... x5 y5.
    """
    return normalized(flow_stack(flow, bound), FLOW_MEAN)
