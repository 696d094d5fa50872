"""AherNet's networks, and what they make of time lines and moments."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from actionbytes.localization.thresholds import SegmentRules
from actionbytes.methods.ahernet.anchornet import Backbone, Classifiers, cell_logits
from actionbytes.methods.ahernet.contexts import Discriminators, Generators
from actionbytes.methods.ahernet.detection import AnchorRules, localize_anchors, suppressed
from actionbytes.methods.ahernet.inputs import Scene
from actionbytes.methods.ahernet.localizer import AnchorMethod
from actionbytes.methods.ahernet.parameters import AhernetParameters
from actionbytes.methods.ahernet.timeline import resampled, synthesize
from actionbytes.methods.ahernet.transfer import WeightTransfer
from actionbytes.methods.base import FUSION, Detected
from actionbytes.threads import threads


class AherModel(AnchorMethod):
    """The parts of AherNet.

    The paper's names: `foreground_classes` is W_regv, `moment_classes` the same of moments, `transfer` is T with its
    theta for each anchor layer, `generators` are G1 and G2, `discriminators` are D.
    """

    settings: AhernetParameters

    def __init__(
        self,
        dim: int,
        classes: int,
        parameters: AhernetParameters,
        generator: torch.Generator,
        untrimmed_classes: int | None = None,
    ) -> None:
        """Set up fresh weights.

        Args:
            dim: D of the features.
            classes: C of moments, which are detected.
            parameters: See `AhernetParameters`.
            generator: Source of the initial weights.
            untrimmed_classes: Number of classes of untrimmed videos; None: C.
        """
        super().__init__(dim, classes, parameters, generator)
        channels = parameters.channels
        self.moment_classes = Classifiers(channels, classes, generator)
        self.moment_backbone: Backbone | None = None
        if parameters.classifier == "proposals":
            self.moment_backbone = Backbone(dim, parameters.stem, channels, generator)
            return
        self.foreground_classes = Classifiers(channels, untrimmed_classes or classes, generator)
        self.transfer = nn.ModuleList(
            WeightTransfer(
                width,
                parameters.transfer_layers,
                parameters.transfer_activation,
                parameters.transfer_last,
                parameters.leaky_slope,
            )
            for width in channels
        )
        if parameters.contexts in ("adversarial", "pretrained"):
            self.generators = Generators(dim, parameters.generator_hidden, generator)
        if parameters.contexts == "adversarial":
            self.discriminators = Discriminators(channels, generator)

    def moment_maps(self, moments: Tensor) -> list[Tensor]:
        """Maps of moments (M, S', D), by the convolutions that moments are classified with."""
        maps: list[Tensor] = (self.moment_backbone or self.backbone)(moments)
        return maps

    def transferred(self, classifiers: Classifiers) -> list[tuple[Tensor, Tensor]]:
        """Weights and biases for cells of every layer, from fixed ones for moments (eq. 1).

        Gradients reach the transfer, not the classifier that it starts from (Algorithm 1: "fix W_regv").
        """
        return [
            transfer(weight.detach(), bias.detach())
            for transfer, (weight, bias) in zip(self.transfer, classifiers.weights(), strict=True)
        ]

    def cell_logits(self, maps: Sequence[Tensor]) -> Tensor:
        """Logits (B, K, C) of the moments' classes for all cells."""
        return cell_logits(maps, self.transferred(self.moment_classes))

    def synthetic(self, scene: Scene) -> Tensor:
        """Time lines (M, S, D) of a scene's moments between the contexts that the generators make now (eq. 2)."""
        before, after = scene.noise or self.generators(self._seen(scene.moments))
        return synthesize(before, scene.moments, after, scene.layouts)

    def _seen(self, moments: Tensor) -> Tensor:
        """The moments that generators see: their own, or each the next one's."""
        return moments if self.settings.context_from == "own" else moments.roll(-1, 0)

    def detect(self, features: NDArray[np.floating], localization: SegmentRules) -> Detected:
        """Decoded anchors with a class each; those that overlap too much are suppressed.

        With `classifier: proposals` suppression comes first, by predicted overlap, and what is left is classified.
        """
        if self.settings.classifier == "cells":
            return super().detect(features, localization)
        assert isinstance(localization, AnchorRules)
        with torch.inference_mode(), threads(1):
            rows = torch.from_numpy(np.asarray(features, dtype=np.float32))
            anchored = self.heads(self.backbone(resampled(rows, self.settings.steps)[None]))
            spans, overlap = self.spans(anchored, len(rows)), anchored.overlap[0].numpy()
            first = suppressed(spans, overlap, np.zeros(len(spans), dtype=np.int64), overlap, localization)
            whole = self.layer_probabilities([rows]).mean(0)[0]
            pieces = [_piece(rows, start, end) for start, end in zip(first.start, first.end, strict=True)]
            classes = np.tile(whole, (len(pieces), 1))
            if localization.score == "cell" and pieces:
                classes = self.layer_probabilities(pieces).mean(0)
        kept = np.stack([first.start, first.end], 1).astype(np.float64)
        return Detected(localize_anchors(kept, first.score, classes, localization), {FUSION: whole})

    def layer_probabilities(self, pieces: Sequence[Tensor]) -> NDArray[np.float32]:
        """Class probabilities (J, P, C) of pieces of video (n, D), each taken for a moment, by every anchor layer."""
        moments = torch.stack([resampled(rows, self.settings.steps // 2) for rows in pieces])
        probabilities: NDArray[np.float32] = self.moment_classes(self.moment_maps(moments)).softmax(2).numpy()
        return probabilities


def _piece(rows: Tensor, start: float, end: float) -> Tensor:
    """The snippets whose middle lies between two times, at least one."""
    first = min(round(start), len(rows) - 1)
    return rows[first : max(round(end), first + 1)]
