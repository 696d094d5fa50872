"""What all variants of AherNet share: the anchor network, its losses and its detection."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actionbytes.localization.thresholds import SegmentRules
from actionbytes.methods.ahernet import losses
from actionbytes.methods.ahernet.anchornet import Anchored, Backbone, Heads
from actionbytes.methods.ahernet.anchors import SCALES, anchors, decode
from actionbytes.methods.ahernet.detection import AnchorRules, bounds, localize_anchors
from actionbytes.methods.ahernet.inputs import Targets
from actionbytes.methods.ahernet.parameters import AnchorParameters
from actionbytes.methods.ahernet.timeline import resampled
from actionbytes.methods.base import FUSION, Detected, Method
from actionbytes.methods.parameters import Optimization
from actionbytes.threads import threads


class Candidates(NamedTuple):
    """What the anchors of one video of n snippets say, before any is suppressed.

    spans: (A, 2) start and end in snippets; overlap: (A,) predicted; classes: (A, C) probabilities of each anchor.
    """

    spans: NDArray[np.float64]
    overlap: NDArray[np.float32]
    classes: NDArray[np.float32]


class AnchorMethod(Method):
    """A method whose anchors on a time line become segments. A variant says how cells get their classes."""

    settings: AnchorParameters

    def __init__(self, dim: int, classes: int, parameters: AnchorParameters, generator: torch.Generator) -> None:
        super().__init__(dim, classes, parameters, generator)
        self.backbone = Backbone(dim, parameters.stem, parameters.channels, generator)
        self.heads = Heads(parameters.channels, generator)
        self.grid = anchors(parameters.steps, len(parameters.channels), parameters.anchor_ratios)  # (A, 2)

    def snippets(
        self, source: str, length: int, training: Optimization, rng: np.random.Generator
    ) -> slice | NDArray[np.int64]:
        """All of a video: a time line is a whole one, whatever `max_length` says."""
        return slice(0, length)

    def cell_logits(self, maps: Sequence[Tensor]) -> Tensor:
        """Class logits (B, K, C) of all cells, for detection."""
        raise NotImplementedError(f"{type(self).__name__} has neither `cell_logits` nor `detect`")

    def proposal_losses(self, anchored: Anchored, targets: Targets) -> dict[str, Tensor]:
        """Losses of B time lines' anchors: objectness, offsets and overlap, and weighted as "proposals" their sum."""
        settings, batch = self.settings, len(targets.iou)
        iou, logits = targets.iou.flatten(), anchored.objectness.flatten(0, 1)
        positive = iou > settings.foreground
        grid = torch.from_numpy(self.grid).float().repeat(batch, 1)  # (B A, 2)
        overlap = losses.overlap_loss(anchored.overlap.flatten(), iou)
        total, used, parts = settings.overlap_weight * overlap, positive, {"overlap": overlap.detach()}
        if settings.objectness:
            background = logits.softmax(1)[:, 0]
            used = used | losses.hard_negatives(background, iou, batch, settings.foreground, settings.background)
            objectness = losses.objectness_loss(logits, iou, used, settings.foreground)
            total, parts["objectness"] = total + settings.objectness_weight * objectness, objectness.detach()
        offsets = losses.offset_loss(
            anchored.offsets.flatten(0, 1),
            targets.truth.flatten(0, 1),
            grid,
            positive,
            used.sum(),
            settings.offsets,
            settings.steps,
        )
        return {"proposals": total + offsets, "offsets": offsets.detach(), **parts}

    def class_loss(self, logits: Tensor, targets: Targets) -> Tensor:
        """Weighted class loss of cells (B, K, C): of all, or of those with a foreground anchor."""
        cells = None
        if self.settings.class_cells == "foreground":
            cells = losses.foreground_cells(targets.iou, self.settings.foreground)
        return self.settings.class_weight * losses.cell_loss(logits, targets.classes, cells)

    def candidates(self, features: NDArray[np.floating]) -> Candidates:
        """What all anchors say of a video's features (n, D)."""
        rows = torch.from_numpy(np.asarray(features, dtype=np.float32))
        maps = self.backbone(resampled(rows, self.settings.steps)[None])
        anchored = self.heads(maps)
        probabilities = self.cell_logits(maps)[0].softmax(1)  # (K, C)
        return Candidates(
            self.spans(anchored, len(rows)),
            anchored.overlap[0].numpy(),
            probabilities.repeat_interleave(SCALES, 0).numpy(),
        )

    def spans(self, anchored: Anchored, length: int) -> NDArray[np.float64]:
        """Start and end (A, 2) in snippets of the first time line's segments, in a video of `length` snippets."""
        grid = torch.from_numpy(self.grid).float()
        segments = decode(anchored.offsets[0], grid, losses.SCALE[self.settings.offsets])
        return bounds(segments.numpy(), self.settings.steps, length)

    def detect(self, features: NDArray[np.floating], localization: SegmentRules) -> Detected:
        """Decoded anchors, each with the class of its cell; those that overlap too much are suppressed."""
        assert isinstance(localization, AnchorRules)
        with torch.inference_mode(), threads(1):
            spans, overlap, classes = self.candidates(features)
        segments = localize_anchors(spans, overlap, classes, localization)
        return Detected(segments, {FUSION: classes.mean(0)})
