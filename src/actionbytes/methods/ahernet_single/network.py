"""The anchor network of AherNet on one source, with a class head of its own and no weight transfer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

from actionbytes.errors import UserError
from actionbytes.methods.ahernet.anchornet import CellClasses
from actionbytes.methods.ahernet.inputs import Targets, shares, targets_of, time_lines, truths_of, videos_of
from actionbytes.methods.ahernet.localizer import AnchorMethod
from actionbytes.methods.ahernet.sampler import LongEnoughSampler, uncovered_share
from actionbytes.methods.ahernet.timeline import resampled
from actionbytes.methods.ahernet.updates import descend
from actionbytes.methods.ahernet_single.parameters import AhernetSingleParameters
from actionbytes.methods.optimizers import optimizer_of
from actionbytes.methods.parameters import Optimization
from actionbytes.methods.sets import Batch, Round, Sampler, TrainingSet


class AhernetSingle(AnchorMethod):
    """AherNet* (from segments of all classes), AherNet_M (from moments alone), and what AherNet starts from."""

    settings: AhernetSingleParameters

    def __init__(self, dim: int, classes: int, parameters: AhernetSingleParameters, generator: torch.Generator) -> None:
        super().__init__(dim, classes, parameters, generator)
        self.cells = CellClasses(parameters.channels, classes, generator)

    def prepare(
        self,
        sets: Mapping[str, TrainingSet],
        round: int,
        memory: Mapping[str, NDArray[Any]],
        rng: np.random.Generator,
    ) -> Round:
        """Note how many truths no anchor overlaps enough to learn from.

        Raises:
            UserError: If segments are to be learned and there are none.
        """
        (videos,) = sets.values()
        if self.settings.truth != "segments":
            return Round({}, {}, {})
        if videos.segments is None:
            raise UserError("ahernet_single: set `supervision: segments` of its source, or truth: whole")
        share = uncovered_share(videos, self.grid, self.settings.steps, self.settings.foreground)
        return Round({}, {}, {"uncovered": share})

    def sampler(self, sets: Mapping[str, TrainingSet], training: Optimization) -> Sampler:
        """Videos at random, of those that are long enough."""
        return LongEnoughSampler(sets, dict.fromkeys(sets, self.settings.min_length), training.batch)

    def optimizers(self, training: Optimization) -> dict[str, Optimizer]:
        """One for all losses, or with `adams: separate` one for proposals and one for classes."""
        names = ("all",) if self.settings.adams == "summed" else ("proposals", "classes")
        return {name: optimizer_of(self.parameters(), training) for name in names}

    def step(self, batches: Mapping[str, Batch], optimizers: Mapping[str, Optimizer]) -> dict[str, Tensor]:
        """Learn proposals and classes of the batch's time lines."""
        (batch,) = batches.values()
        features, targets = self.scene(batch)
        maps = self.backbone(features)
        losses = self.proposal_losses(self.heads(maps), targets)
        classes = self.class_loss(self.cells(maps), targets)
        proposals = losses["proposals"]
        if self.settings.adams == "summed":
            descend([(optimizers["all"], proposals + classes)], self.parameters())
        else:
            by_loss = [(optimizers["proposals"], proposals), (optimizers["classes"], classes)]
            descend(by_loss, self.parameters())
        logged = {name: loss.detach() for name, loss in losses.items()} | {"classes": classes.detach()}
        return {"total": (proposals + classes).detach(), **logged, "uncovered": torch.tensor(targets.uncovered)}

    def scene(self, batch: Batch) -> tuple[Tensor, Targets]:
        """Time lines (B, S, D) of a batch, and what their anchors should say."""
        steps = self.settings.steps
        if self.settings.truth == "inside":
            features, truths = _inside(batch, steps)
        else:
            features = time_lines(batch, steps)
            whole = [np.array([[0.0, steps]])] * len(features)
            truths = truths_of(batch, steps) if self.settings.truth == "segments" else whole
        grid, foreground = self.grid, self.settings.foreground
        return features, targets_of(truths, shares(batch.labels), grid, steps, foreground)

    def cell_logits(self, maps: Sequence[Tensor]) -> Tensor:
        """Logits (B, K, C) of all cells, by the head of its own."""
        logits: Tensor = self.cells(maps)
        return logits


def _inside(batch: Batch, steps: int) -> tuple[Tensor, list[NDArray[np.float64]]]:
    """Each video at a random place of a time line (B, S, D) of zeros, on half to all of its steps, and where it is."""
    lines, truths = [], []
    for rows in videos_of(batch):
        length = int(batch.rng.integers(steps // 2, steps + 1))
        start = int(batch.rng.integers(steps - length + 1))
        line = rows.new_zeros((steps, rows.shape[1]))
        line[start : start + length] = resampled(rows, length)
        lines.append(line)
        truths.append(np.array([[start, start + length]], dtype=np.float64))
    return torch.stack(lines).to(batch.rows.dtype), truths
