"""AherNet's losses: proposals and classes of anchors, classes of whole moments, and the adversary's.

B videos, A anchors and K cells on each time line, J anchor layers. All weights are those of the public code; the paper
prints none.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from actionbytes.methods.ahernet.anchors import SCALES, decode, encode

Offsets = Literal["decoded", "encoded"]
SCALE: dict[Offsets, float] = {"decoded": 1.0, "encoded": 0.1}  # both alphas of eq. 5


def hard_negatives(background: Tensor, iou: Tensor, batch: int, foreground: float, limit: float) -> Tensor:
    """Which anchors count as negatives: about as many as there are foreground ones, those surest to be wrong.

    As in the public code: the k-th smallest probability of background among anchors of an overlap below `limit` is a
    bound, k the foreground anchors and one more for each video; anchors strictly below it count, so at most k - 1.

    Args:
        background: probability of background, (N,).
        iou: best overlap with a truth, (N,).
        batch: number of videos.
        foreground: an anchor of a larger overlap is foreground.
        limit: an anchor of a smaller overlap is background.

    Returns:
        Mask (N,).
    """
    negative = iou < limit
    values = background.detach()[negative]
    count = min(int((iou > foreground).sum()) + batch, len(values))
    if not count:
        return negative
    return negative & (background.detach() < values.kthvalue(count).values)


def objectness_loss(logits: Tensor, iou: Tensor, used: Tensor, foreground: float) -> Tensor:
    """Mean cross-entropy of background and foreground (N, 2) over the anchors `used` (N,)."""
    loss = F.cross_entropy(logits, (iou > foreground).long(), reduction="none")
    return loss[used].sum() / used.sum().clamp_min(1)


def offset_loss(
    offsets: Tensor, truth: Tensor, anchors: Tensor, positive: Tensor, count: Tensor, form: Offsets, steps: int
) -> Tensor:
    """Smooth l1 of foreground anchors' segments (eq. 6), summed over centre and width, divided by `count`.

    Args:
        offsets: predictions, (N, 2).
        truth: centre and width of each anchor's truth in steps, (N, 2).
        anchors: (N, 2).
        positive: which anchors are foreground, (N,).
        count: what the sum is divided by.
        form: `decoded` compares centres and widths as shares of the time line, the paper's eq. 6; `encoded` compares
            offsets, as the public code does.
        steps: length of the time line.
    """
    offsets, truth, anchors = offsets[positive], truth[positive], anchors[positive]
    if form == "encoded":
        error = offsets - encode(truth, anchors, SCALE[form])
    else:
        error = (decode(offsets, anchors, SCALE[form]) - truth) / steps
    return F.smooth_l1_loss(error, torch.zeros_like(error), reduction="sum") / count.clamp_min(1)


def overlap_loss(overlap: Tensor, iou: Tensor) -> Tensor:
    """Mean squared error of the predicted overlap (N,), over the anchors that meet a truth at all (eq. 7)."""
    met = iou > 0
    return (overlap - iou)[met].square().sum() / met.sum().clamp_min(1)


def cell_loss(logits: Tensor, targets: Tensor, cells: Tensor | None = None) -> Tensor:
    """Cross-entropy of cells (B, K, C) with the classes of their video, targets (B, C) that sum to 1 (eq. 4).

    Over all cells it is summed in each video and averaged over videos, as in the public code. With `cells` (B, K) it
    is the mean over those.
    """
    entropy = -(logits.log_softmax(2) * targets[:, None]).sum(2)  # (B, K)
    if cells is None:
        return entropy.sum(1).mean()
    return entropy[cells].sum() / cells.sum().clamp_min(1)


def moment_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of whole moments (J, B, C), once for each layer, with targets (B, C): their mean (eq. 4)."""
    return -(logits.log_softmax(2) * targets).sum(2).mean()


def foreground_cells(iou: Tensor, foreground: float) -> Tensor:
    """Cells (B, K) that have a foreground anchor, of overlaps (B, A)."""
    return (iou > foreground).unflatten(1, (-1, SCALES)).any(2)


def background_of_both(real: Tensor, synthetic: Tensor, limit: float) -> Tensor:
    """Anchors (B, A) that are background in the real and in the synthetic video at the same place of the batch."""
    return (real < limit) & (synthetic < limit)


def discriminator_loss(real: Tensor, synthetic: Tensor, used: Tensor) -> Tensor:
    """Eq. 8 for the discriminator: logits of real anchors should be 1, of synthetic ones 0; means over `used`."""
    return _told_as(real, 1.0, used) + _told_as(synthetic, 0.0, used)


def generator_loss(synthetic: Tensor, used: Tensor) -> Tensor:
    """Eq. 8 for the generators: logits of synthetic anchors (B, A) should be 1; mean over `used` (B, A)."""
    return _told_as(synthetic, 1.0, used)


def _told_as(logits: Tensor, answer: float, used: Tensor) -> Tensor:
    chosen = logits[used]
    loss = F.binary_cross_entropy_with_logits(chosen, torch.full_like(chosen, answer), reduction="sum")
    return loss / used.sum().clamp_min(1)
