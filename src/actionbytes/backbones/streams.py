"""One stream of a network as the extraction of features calls it: pixels of snippets in, features out.

Serves the networks that run as they are (BN-Inception, ResNet-101, P3D-199); I3D has its own, rewritten one.
"""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from typing import Protocol, Self

import numpy as np
import torch
from torch import Tensor

from actionbytes.backbones.fast import has_bf16
from actionbytes.backbones.parameters import Inference
from actionbytes.backbones.registry import StreamFeatures

logger = logging.getLogger(__name__)


class FeatureNetwork(Protocol):
    """What is asked of a network: a module that has features."""

    def features(self, x: Tensor) -> Tensor:
        """Features (N, D) of a batch of snippets."""
        ...

    def to(self, device: torch.device) -> Self:
        """The network on another device."""
        ...


def stream_of(
    network: FeatureNetwork, to_input: Callable[[np.ndarray], Tensor], inference: Inference
) -> StreamFeatures:
    """A function from the pixels of snippets to their features.

    In bf16 convolutions multiply in bfloat16 and everything else stays in float32 (`torch.autocast`); where the
    device does not multiply it, fp32 is used and said. On a GPU, fp32 is true fp32, without TF32.

    Args:
        network: In eval mode, with a method `features`; it is moved to the device.
        to_input: From pixels (n, span, H, W, c) to what the network sees.
        inference: Precision and device.

    Returns:
        (n, span, H, W, c) to (n, D) float32. A snippet's features do not depend on the others but for rounding.
    """
    device = torch.device(inference.device)
    half = inference.precision == "bf16"
    if half and not has_bf16(device):
        half = False
        logger.warning("bf16: this processor does not multiply it, so fp32 is used (slower, more exact)")
    network = network.to(device)

    @torch.inference_mode()
    def compute(snippets: np.ndarray) -> np.ndarray:
        exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
        with (
            exact if device.type == "cuda" else nullcontext(),
            torch.autocast(device.type, torch.bfloat16, enabled=half),
        ):
            return network.features(to_input(snippets).to(device)).float().cpu().numpy()

    return compute
