"""AherNet^0: every snippet of a moment learns the moment's class, and nothing learns boundaries."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from actionbytes.localization.thresholds import SegmentRules
from actionbytes.methods.ahernet_zero.detection import MultiThreshold, localize_multi_threshold
from actionbytes.methods.ahernet_zero.parameters import AhernetZeroParameters
from actionbytes.methods.base import FUSION, Detected, Method
from actionbytes.methods.layers import linear, project
from actionbytes.methods.sets import Batch
from actionbytes.threads import threads


class AhernetZero(Method):
    """Two layers on each snippet by itself."""

    settings: AhernetZeroParameters

    def __init__(self, dim: int, classes: int, parameters: AhernetZeroParameters, generator: torch.Generator) -> None:
        super().__init__(dim, classes, parameters, generator)
        self.hidden = linear(dim, parameters.hidden, generator)
        self.classifier = linear(parameters.hidden, classes, generator)

    def forward(self, rows: Tensor) -> Tensor:
        """Class logits (R, C) of snippets (R, D)."""
        logits: Tensor = self.classifier(F.relu(project(rows, self.hidden)))
        return logits

    def loss(self, *batches: Batch) -> dict[str, Tensor]:
        """total: cross-entropy of snippets with their video's classes, mean over snippets, then over videos."""
        (batch,) = batches
        lengths = torch.from_numpy(np.diff(batch.offsets))
        classes = batch.targets / batch.targets.sum(1, keepdim=True)
        entropy = F.cross_entropy(self(batch.rows), classes.repeat_interleave(lengths, 0), reduction="none")  # (R,)
        return {"total": (entropy / lengths.repeat_interleave(lengths)).sum() / len(lengths)}

    def detect(self, features: NDArray[np.floating], localization: SegmentRules) -> Detected:
        """Runs of snippets above several thresholds of each class."""
        assert isinstance(localization, MultiThreshold)
        with torch.inference_mode(), threads(1):
            rows = torch.from_numpy(np.asarray(features, dtype=np.float32))
            probabilities = self(rows).softmax(1).numpy()
        segments = localize_multi_threshold(probabilities, localization)
        return Detected(segments, {FUSION: probabilities.mean(0)}, probabilities)
