"""CleanNet: weakly supervised localization through contrast based evaluation networks (Liu et al., ICCV 2019).

The evaluator is in `contrast.py`, the generator of proposals in `generator.py`, the classification in `head.py`,
selection at detection in `detection.py`. Here they are put together and trained.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

from actionbytes.errors import UserError
from actionbytes.localization.nms import nms
from actionbytes.localization.thresholds import SegmentRules
from actionbytes.methods.base import FUSION, Detected, Method
from actionbytes.methods.cleannet.contrast import contrast_score, edges, outer_inner_score
from actionbytes.methods.cleannet.detection import ScoredProposals, best_of_each, joined, looked_for, select
from actionbytes.methods.cleannet.generator import Generator
from actionbytes.methods.cleannet.head import (
    Head,
    classification_loss,
    log_probabilities,
    predictions,
    video_scores,
)
from actionbytes.methods.cleannet.parameters import CleanNetParameters
from actionbytes.methods.optimizers import optimizer_of
from actionbytes.methods.parameters import Optimization
from actionbytes.methods.sets import Batch
from actionbytes.methods.untrimmednet.network import Heads, UntrimmedNet
from actionbytes.threads import threads

TRAINING_NMS = 0.4  # tIoU of suppression within training, in AutoLoc's code


@dataclass(frozen=True)
class Proposals:
    """Scored proposals of one class in a video.

    Attributes:
        label: The class.
        start: (n, A) in snippets, at n snippets with A anchor sizes each.
        end: (n, A).
        score: (n, A).
    """

    label: int
    start: Tensor
    end: Tensor
    score: Tensor


class CleanNet(Method):
    """A classification head started from UntrimmedNet's, and a generator of proposals trained by the evaluator.

    Without `train_generator` and a head that learns there is nothing to train: the run then only takes the heads over.
    """

    settings: CleanNetParameters

    def __init__(self, dim: int, classes: int, parameters: CleanNetParameters, generator: torch.Generator) -> None:
        """Set up head and generator; see `Method`. dim: D of all streams side by side."""
        super().__init__(dim, classes, parameters, generator)
        self.head = Head(dim, classes, len(parameters.streams))
        self.generator = Generator(dim, parameters, generator)
        self.classifies = parameters.joint or parameters.head_without_joint == "all"
        self.head.requires_grad_(self.classifies)
        self.generator.requires_grad_(parameters.train_generator)

    def begin(self, runs: Mapping[str, Method]) -> None:
        """Take over the heads of a finished UntrimmedNet run.

        Raises:
            UserError: If that run has other streams, features or classes.
        """
        other = cast(UntrimmedNet, runs["heads"])
        for name, theirs, ours in (
            ("streams", other.settings.streams, self.settings.streams),
            ("feature dimensions", other.dim, self.dim),
            ("classes", other.classes, self.classes),
        ):
            if theirs != ours:
                raise UserError(f"the UntrimmedNet run to start from has {name} {theirs}, this one {ours}")
        heads = [cast(Heads, part) for part in other.heads.values()]
        self.head.start_from([part.classify for part in heads], [part.attend for part in heads])

    def snippets(self, source: str, length: int, training: Optimization, rng: np.random.Generator) -> slice:
        """All: a step sees whole videos."""
        return slice(0, length)

    def optimizers(self, training: Optimization) -> dict[str, Optimizer]:
        """One for all weights that learn; the generator's last layer has a weight decay of its own."""
        last = self.generator.weight
        others = [tensor for tensor in self.parameters() if tensor.requires_grad and tensor is not last]
        decay = self.settings.regression_decay * training.weight_decay
        groups: list[dict[str, Any]] = [{"params": others}] if others else []
        if last.requires_grad:
            groups.append({"params": [last], "weight_decay": decay})
        return {"all": optimizer_of(cast(Any, groups), training)} if groups else {}

    def step(self, batches: Mapping[str, Batch], optimizers: Mapping[str, Optimizer]) -> dict[str, Tensor]:
        """A step of the optimizer, unless nothing in the batch has a gradient (no positive proposal, for one)."""
        losses = self.loss(*batches.values())
        if losses["total"].requires_grad:
            for optimizer in optimizers.values():
                optimizer.zero_grad()
            losses["total"].backward()
            for optimizer in optimizers.values():
                optimizer.step()
        return losses

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Regression loss (eq. 13) and, where the head learns, classification loss, means over the videos.

        The mean of eq. 13 is over all positive proposals of the classes of a video.
        """
        bounds = zip(batch.offsets[:-1], batch.offsets[1:], strict=True)
        parts = [
            self.video_losses(batch.rows[first:last].float(), labels, batch.rng)
            for (first, last), labels in zip(bounds, batch.labels, strict=True)
        ]
        losses = {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}
        return {"total": losses["regression"] + self.settings.joint_weight * losses["classification"], **losses}

    def video_losses(self, rows: Tensor, labels: Tensor, rng: np.random.Generator) -> dict[str, Tensor]:
        """Losses of one video (T, D) with `labels` (C,), and the number of its positive proposals."""
        logits, attention = self.head(rows)
        psi = predictions(logits, self.settings.psi)  # (T, C)
        if not psi.isfinite().all():
            return dict.fromkeys(("regression", "classification", "positive"), torch.tensor(torch.nan))
        evidence = psi.detach() if self.settings.detach else psi
        classes = labels.nonzero()[:, 0].tolist()
        starts, ends, scores = [], [], []
        for proposals in self.proposals(rows, evidence, attention.detach(), classes, rng):
            positive = torch.from_numpy(self.positives(proposals))
            starts.append(proposals.start[positive])
            ends.append(proposals.end[positive])
            scores.append(proposals.score[positive])
        score = torch.cat(scores) if scores else torch.zeros(0)
        losses = {"regression": torch.zeros(()), "classification": torch.zeros(())}
        if len(score):
            losses["regression"] = (self.settings.margin - score).clip(min=0).mean().float()
        if self.settings.joint:
            kept = np.zeros(len(rows), dtype=bool)
            if len(score):
                start, end = (torch.cat(bounds).detach().numpy() for bounds in (starts, ends))
                kept = covered_snippets(start, end, len(rows), self.settings.covered == "any")
        else:
            kept = np.full(len(rows), self.classifies)
        if kept.any():
            picked = torch.from_numpy(kept)
            rules = self.settings.psi, self.settings.video_score
            x = video_scores(logits[picked], attention[picked], *rules)
            losses["classification"] = classification_loss(log_probabilities(x, *rules), labels)
        return losses | {"positive": torch.tensor(float(len(score)))}

    def proposals(
        self, rows: Tensor, psi: Tensor, attention: Tensor, classes: list[int], rng: np.random.Generator | None
    ) -> list[Proposals]:
        """Scored proposals of each of `classes` that has a snippet above the thresholds.

        Args:
            rows: (T, D) features of a video.
            psi: (T, C) class predictions.
            attention: (T,) raw.
            classes: Those to look for.
            rng: For TSN sampling; None: the middles of the parts.

        Raises:
            UserError: If the generator has diverged.
        """
        kept = self.kept(psi.detach().numpy()[:, classes], attention.numpy())  # (T, K)
        snippets = np.flatnonzero(kept.any(axis=1))  # (n,)
        if not len(snippets):
            return []
        if self.settings.train_generator:
            start, end = self.generator(rows, snippets, rng)
        else:
            start, end = self.generator.anchors(snippets)
        if not (start.isfinite() & end.isfinite() & (end > start)).all():
            raise UserError("proposals are not finite: training diverged; lower training.lr")
        if self.settings.bounds == "whole":
            start, end = whole_bounds(start, end)
        scored = []
        for column, label in enumerate(classes):
            here = torch.from_numpy(kept[snippets, column])
            if here.any():
                score = self.evaluate(psi[:, label], start[here], end[here])
                scored.append(Proposals(label, start[here], end[here], score))
        return scored

    def kept(self, psi: NDArray[np.floating], attention: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Where anchors of each class remain: (T, K), from predictions (T, K) and attention (T,)."""
        level = self.settings.attention_level
        if self.settings.attention_rule == "percentile":
            level = np.percentile(attention, level)
        return (psi >= self.settings.psi_threshold) & (attention >= level)[:, None]

    def evaluate(self, psi: Tensor, start: Tensor, end: Tensor) -> Tensor:
        """Score of proposals of one class (eq. 12 or what the switches leave of it), in the shape of the bounds."""
        s = self.settings
        if s.evaluator == "outer_inner":
            return outer_inner_score(psi, start, end, s.outside)
        high, low, slope = (torch.from_numpy(x) for x in edges(psi.detach().numpy(), s.window, s.ties))
        scores = contrast_score(psi, (psi[high] - psi[low]) * slope, start, end, s.outside)
        if s.actioness and s.edges:
            return scores.score
        return scores.actioness if s.actioness else scores.start + scores.end

    def positives(self, proposals: Proposals) -> NDArray[np.bool_]:
        """Mask (n, A) of the proposals that train."""
        score = proposals.score.detach().numpy()
        mask = score > self.settings.positive
        if self.settings.train_select != "all":
            mask &= best_of_each(score)
        if self.settings.train_select == "nms":
            start, end = (bounds.detach().numpy()[mask] for bounds in (proposals.start, proposals.end))
            left = nms(start, end, score[mask], TRAINING_NMS)
            where = np.argwhere(mask)[left]
            mask = np.zeros_like(mask)
            mask[where[:, 0], where[:, 1]] = True
        return mask

    def detect(self, features: NDArray[np.floating], localization: SegmentRules) -> Detected:
        """Detect actions in one video: scored proposals of the classes that its score is high for.

        Args:
            features: (T, D), T >= 1.
            localization: How scored proposals become segments.

        Returns:
            Segments, class scores of the video, predictions psi of the snippets, and raw attention.

        Raises:
            UserError: If predictions are not finite.
        """
        rules = cast(ScoredProposals, localization)
        rng = np.random.default_rng(0) if rules.sampling == "random" else None
        with torch.inference_mode(), threads(1):
            rows = torch.from_numpy(np.asarray(features, dtype=np.float32))
            logits, attention = self.head(rows)
            psi = predictions(logits, self.settings.psi)
            x = video_scores(logits, attention, self.settings.psi, self.settings.video_score)
            scores = log_probabilities(x, self.settings.psi, self.settings.video_score).exp().numpy()
            if not np.isfinite(scores).all():
                raise UserError(
                    "predictions are not finite: training diverged or features are broken; lower training.lr"
                )
            scored = self.proposals(rows, psi, attention, looked_for(scores, rules).tolist(), rng)
        segments = [
            select(p.start.numpy(), p.end.numpy(), p.score.numpy(), p.label, float(scores[p.label]), len(rows), rules)
            for p in scored
        ]
        return Detected(joined(segments), {FUSION: scores}, psi.numpy(), {"attention": attention.numpy()})


def covered_snippets(
    start: NDArray[np.floating], end: NDArray[np.floating], length: int, touched: bool = False
) -> NDArray[np.bool_]:
    """Mask (T,) of the snippets whose centre, or with `touched` any part, lies in one of the segments [start, end)."""
    first, last = (np.floor(start), np.ceil(end)) if touched else (np.ceil(start - 0.5), np.ceil(end - 0.5))
    steps = np.zeros(length + 1, dtype=np.int64)
    np.add.at(steps, np.clip(first, 0, length).astype(np.int64), 1)
    np.add.at(steps, np.clip(last, 0, length).astype(np.int64), -1)
    return steps[:-1].cumsum() > 0


def whole_bounds(start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """Bounds rounded to snippets, at least one apart; their gradient is that of the bounds themselves."""
    first = start.detach().round()
    last = torch.maximum(end.detach().round(), first + 1)
    return start + (first - start.detach()), end + (last - end.detach())
