"""Weights of BN-Inception in the forms in which they are published, checked key by key.

Forms: `.caffemodel` (UntrimmedNet, Temporal Segment Networks), read without Caffe; PyTorch files made from them. What
was seen of the latter, in the code and the issue threads of the repositories that made them: batch normalisation may be
stored as (1, C); the classifier is called `fc`, `last_linear`, `fc-action` or `fc_action`; one conversion through Torch
puts `base_model.`, with numbers before it, in front and nests the classifier once more. No file was at hand.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from actionbytes.backbones.bn_inception import (
    CHANNELS,
    SIDE_STEP,
    STEM_CHANNELS,
    BNInception,
    flow_input,
    rgb_input,
)
from actionbytes.backbones.caffemodel import read_caffemodel
from actionbytes.backbones.checkpoints import KnownFile, filled, identified, read_checkpoint, some
from actionbytes.backbones.parameters import Inference
from actionbytes.backbones.registry import StreamFeatures
from actionbytes.backbones.streams import stream_of
from actionbytes.errors import UserError

STEM = "conv1_7x7_s2.weight"
HEAD = re.compile(r"^(?:fc|last_linear|fc_action)(?:\.1)?\.(weight|bias)$")
PREFIX = re.compile(r"^(?:\d+\.)*base_model\.")
NORM = ("weight", "bias", "running_mean", "running_var")  # Caffe's blobs of a BN layer, in their order

TORCH_CONVERSION = "github.com/shuangshuangguo/caffe2pytorch-tsn, model/"
KNOWN = (
    KnownFile("bn_inception-9f5701afb96c8044.pth", "rgb", "yjxiong's blob host, ImageNet", sha256="9f5701afb96c8044"),
    KnownFile(
        "bn_inception-52deb4733.pth",
        "rgb",
        "data.lip6.fr/cadene, ImageNet",
        sha256="52deb473314542a5c2f87e9e6f26f4ca42fe863d15f986414dbae8c2dfdd2353",
    ),
    KnownFile(
        "bninception_rgb_kinetics_init-d4ee618d3399.pth",
        "rgb",
        "yjxiong's blob host, Kinetics, for SSN",
        sha256="d4ee618d3399",
    ),
    KnownFile("kinetics_rgb.pth", "rgb", TORCH_CONVERSION, git_blob="eabc56e779c7b830be7a3b95fe2a75b55ce635b8"),
    KnownFile("kinetics_flow.pth", "flow", TORCH_CONVERSION, git_blob="83d463c71ea4bd38197a40f1cf7fa0168aabdfe0"),
    KnownFile("ucf101_rgb.pth", "rgb", TORCH_CONVERSION, git_blob="042da1fe5ef73ab0799bbce69da68f4fa6da2bae"),
    KnownFile("ucf101_flow.pth", "flow", TORCH_CONVERSION, git_blob="7a84bcc6a51b83c8ed542f7bdc159da624348d21"),
    KnownFile("hmdb51_rgb.pth", "rgb", TORCH_CONVERSION, git_blob="a7fc34d7ae6141e88bbe63c3c3c0dbce1603909b"),
    KnownFile("hmdb51_flow.pth", "flow", TORCH_CONVERSION, git_blob="30dcefb63ad25a5a8a3a8162c61a53bc344ceaee"),
)


def load_bn_inception(path: Path, stream: str | None = None) -> BNInception:
    """BN-Inception in eval mode; channels, classes, attention and width are taken from the weights in `path`.

    Args:
        path: A `.caffemodel` (or `.caffemodel.v5`), a PyTorch file, or safetensors.
        stream: "rgb" or "flow", if the file must be for this one.

    Raises:
        UserError: The file is missing, broken, made for another network or for the other stream.
    """
    if is_caffemodel(path):
        state = _from_caffe(read_caffemodel(path), path)
    else:
        state = _renamed(read_checkpoint(path), path)
    identified(path, KNOWN)
    stem, head = state.get(STEM), state.get("fc_action.weight")
    if stem is None or stem.ndim != 4 or (head is not None and head.ndim != 2):
        raise UserError(f"{path}: is no BN-Inception: {STEM} of four axes is not there; it has {some(list(state))}")
    if stream is not None and stem.shape[1] != CHANNELS[stream]:
        raise UserError(
            f"{path}: takes {stem.shape[1]} channels; the {stream} stream needs weights for {CHANNELS[stream]}"
        )
    classes, attention = 0 if head is None else len(head), "fc_attention.weight" in state
    width = stem.shape[0] / STEM_CHANNELS
    return filled(lambda: BNInception(stem.shape[1], classes, attention, width), state, path, "BN-Inception")


def open_stream(weights: Path, stream: str, inference: Inference) -> StreamFeatures:
    """Load one stream of BN-Inception as `backbones.registry.Network.open_stream` describes.

    Args:
        weights: A file that `load_bn_inception` reads.
        stream: "rgb" or "flow".
        inference: Precision, device and the scale of flow.

    Returns:
        A function from uint8 RGB frames (n, span, H, W, 3) or flow in pixels (n, span, H, W, 2) to features (n, D);
        it raises UserError for frames whose sides are no multiples of 32.
    """
    to_input = rgb_input if stream == "rgb" else partial(flow_input, bound=inference.flow_bound)
    features = stream_of(load_bn_inception(weights, stream), to_input, inference)

    def compute(snippets: np.ndarray) -> np.ndarray:
        height, width = snippets.shape[2:4]
        if height % SIDE_STEP or width % SIDE_STEP:
            raise UserError(
                f"bn-inception: frames of {width} x {height} do not fit; set decoding.crop to a multiple of {SIDE_STEP}"
            )
        return features(snippets)

    return compute


def is_caffemodel(path: Path) -> bool:
    """Whether `path` is called a caffemodel, perhaps with a version behind: `x.caffemodel.v5`."""
    return ".caffemodel" in path.suffixes[-2:]


def _from_caffe(layers: Mapping[str, list[np.ndarray]], path: Path) -> dict[str, Tensor]:
    """Keys and shapes of our network from Caffe's layers; four axes of old files are brought to those that count."""
    state: dict[str, Tensor] = {}
    for layer, blobs in layers.items():
        name = layer.replace("/", "_").replace("-", "_")
        parts = NORM if name.endswith("_bn") else ("weight", "bias")
        if len(blobs) != len(parts):
            raise UserError(f"{path}: layer {layer} has {len(blobs)} arrays, not {len(parts)}; no BN-Inception")
        for part, blob in zip(parts, blobs, strict=True):
            matrix = part == "weight" and name.startswith(("fc", "last_linear"))
            key = f"{name}.{part}"
            if key in state:
                raise UserError(f"{path}: two layers come to the name {name}; no BN-Inception")
            if matrix and blob.ndim == 4 and blob.shape[:2] == (1, 1):
                blob = blob[0, 0]
            elif (parts == NORM or part == "bias") and blob.size == max(blob.shape, default=0):
                blob = blob.reshape(-1)  # (1, C), (1, C, 1, 1) or (1, 1, 1, C)
            state[key] = torch.from_numpy(blob)
    return _renamed(state, path)


def _renamed(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Published keys as ours, with (1, C) of batch normalisation as (C,).

    Raises:
        UserError: Two keys come to the same name.
    """
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        name = PREFIX.sub("", key).replace("fc-action", "fc_action").replace("fc-attention", "fc_attention")
        if head := HEAD.match(name):
            name = f"fc_action.{head[1]}"
        if name in renamed:
            raise UserError(f"{path}: two keys come to {name}, one of them {key}; save one network alone")
        layer = name.rpartition(".")[0]
        renamed[name] = value[0] if layer.endswith("_bn") and value.ndim == 2 and len(value) == 1 else value
    return renamed
