"""Networks by name: what each declares, readable without torch, and how one of its streams is loaded.

A network that is added gets a module with a function `open_stream` (see `Network.open_stream`) and a record in
`NETWORKS`. The record stands apart from the module so that parameters are checked without loading torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from actionbytes.backbones.parameters import Inference

StreamFeatures = Callable[[np.ndarray], np.ndarray]
"""From the pixels of snippets, (n, span, H, W, c), to their features, (n, D)."""


@dataclass(frozen=True)
class Network:
    """What a network declares.

    Attributes:
        module: Name of the module whose `open_stream` loads one stream of it.
        channels: Channels of the pixels that each stream sees: 3 for RGB frames (uint8), 2 for flow (float32, in
            pixels). The order of the streams is that in which their features lie side by side.
        spans: Numbers of frames that a snippet may have.
        spans_in_words: The same for error messages.
    """

    module: str
    channels: Mapping[str, int]
    spans: range
    spans_in_words: str

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the streams."""
        return tuple(self.channels)

    def open_stream(self, weights: Path, stream: str, inference: Inference) -> StreamFeatures:
        """Load one stream.

        Args:
            weights: The file of weights.
            stream: One of `streams`.
            inference: Precision, device and the scale of flow.

        Returns:
            A function from the pixels of snippets, (n, span, H, W, c), to their features, (n, D) float32. A snippet's
            features do not depend on the other snippets of the call, but for rounding.

        Raises:
            UserError: The file is missing, broken, or holds the weights of another network or stream.
        """
        return import_module(self.module).open_stream(weights, stream, inference)


NETWORKS: Mapping[str, Network] = {
    "i3d": Network(
        module="actionbytes.backbones.fast",
        channels={"rgb": 3, "flow": 2},
        spans=range(16, 257, 8),  # time is halved three times, and the published head averages two steps of it
        spans_in_words="multiples of 8 from 16 to 256",
    ),
    "bn-inception": Network(
        module="actionbytes.backbones.bn_inception_weights",
        channels={"rgb": 3, "flow": 2},
        spans=range(5, 257),  # it sees the first frame, or the first five flow fields; UntrimmedNet's snippets have 15
        spans_in_words="5 to 256",
    ),
    "resnet-101": Network(
        module="actionbytes.backbones.resnet101",
        channels={"rgb": 3, "flow": 2},
        spans=range(5, 257),  # as above
        spans_in_words="5 to 256",
    ),
    "p3d-199": Network(
        module="actionbytes.backbones.p3d",
        channels={"rgb": 3, "flow": 2},
        spans=range(16, 17),
        spans_in_words="16",
    ),
    "p3d-199-port": Network(  # the arithmetic of the PyTorch port, from the same file
        module="actionbytes.backbones.p3d_port",
        channels={"rgb": 3, "flow": 2},
        spans=range(16, 17),
        spans_in_words="16",
    ),
}
