"""W-TALC: weakly supervised temporal activity localization and classification (Paul et al., ECCV 2018).

The losses work on packed rows: the videos of a batch lie one under another, and no step loops over videos or classes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from actionbytes.methods.base import ActivationMethod
from actionbytes.methods.layers import linear, project
from actionbytes.methods.parameters import Optimization
from actionbytes.methods.sets import Batch, TrainingSet
from actionbytes.methods.wtalc.parameters import WtalcParameters
from actionbytes.methods.wtalc.sampler import CoupleSampler

Ints = NDArray[np.integer]


class Wtalc(ActivationMethod):
    """Section 3 of the paper, constants from its published code.

    L = ReLU(W0 x + b0), dropout in training, A = W1 L + b1: the class activation sequence. Trained by k-max multiple
    instance learning on A and by the co-activity loss on A and the dropped-out L. Deviation: the code's second hidden
    layer is left out; it is never used there.
    """

    settings: WtalcParameters
    least_shared = 1  # a class of fewer videos makes no couples

    def __init__(self, dim: int, classes: int, parameters: WtalcParameters, generator: torch.Generator) -> None:
        """Set up both layers; see `Method`."""
        super().__init__(dim, classes, parameters, generator)
        self.hidden = linear(dim, parameters.latent_dim, generator)
        self.classifier = linear(parameters.latent_dim, classes, generator)

    def sampler(self, sets: Mapping[str, TrainingSet], training: Optimization) -> CoupleSampler:
        """Couples that share a target class, and random videos beside them."""
        ((source, videos),) = sets.items()
        return CoupleSampler(source, videos.targets, self.settings.pairs, training.batch, self.least_shared)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Losses of a batch: total = lambda L_mil + (1 - lambda) L_cas (eq. 13 of the paper)."""
        latent = relu_dropout(project(batch.rows, self.hidden), self.settings.dropout, batch.rng)  # (R, l)
        return self.weak_losses(self.classifier(latent), latent, batch)

    def weak_losses(self, cas: Tensor, latent: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Both losses of activations (R, K) and latent (R, l) with the batch's targets, and their sum."""
        s, pairs = self.settings, int(batch.groups.max(initial=-1)) + 1
        mil = mil_loss(kmax_scores(cas, batch.offsets, s.topk_divisor), batch.targets)
        coactivity = coactivity_loss(cas, latent, batch.offsets, batch.targets, pairs, s.margin)
        return {"total": s.mil_weight * mil + (1 - s.mil_weight) * coactivity, "mil": mil, "coactivity": coactivity}

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor, None]:
        """Activations (R, C) and latent (R, l) of snippets (R, D)."""
        latent = F.relu(self.hidden(rows))
        return self.classifier(latent), latent, None

    def scores(self, cas: Tensor, attention: Tensor | None = None) -> Tensor:
        """Class scores (C,) of a video: k-max pooling of its activations (T, C)."""
        return kmax_scores(cas, np.array([0, len(cas)]), self.settings.topk_divisor)[0]


def kmax_scores(cas: Tensor, offsets: Ints, divisor: int = 8) -> Tensor:
    """Mean of each class's best activations in each video (k-max pooling).

    Args:
        cas: (R, C) activations of all videos, one under another.
        offsets: (B + 1,) first row of each video.
        divisor: The best ceil(T_i / divisor) of T_i snippets count.

    Returns:
        (B, C).
    """
    lengths = np.diff(offsets)
    counts = -(-lengths // divisor)  # (B,)
    longest = int(lengths.max())
    slots = np.arange(offsets[-1]) + np.repeat(np.arange(len(lengths)) * longest - offsets[:-1], lengths)  # (R,)
    padded = cas.new_full((len(lengths) * longest, cas.shape[1]), -torch.inf)
    padded = padded.index_copy(0, torch.from_numpy(slots), cas).view(len(lengths), longest, -1)  # (B, T, C)
    best = padded.transpose(1, 2).contiguous().topk(int(counts.max()), dim=2).values  # (B, C, k)
    beyond = torch.from_numpy(np.arange(counts.max()) >= counts[:, None])[:, None]  # (B, 1, k)
    return best.masked_fill(beyond, 0).sum(2) / torch.from_numpy(counts.astype(np.float32))[:, None]


def mil_loss(scores: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of softmax over classes of `scores` (B, C) with `targets` (B, C) scaled to sum to 1 (eq. 4)."""
    shares = targets / targets.sum(1, keepdim=True)
    return -(shares * F.log_softmax(scores, dim=1)).sum(1).mean()


def coactivity_loss(
    cas: Tensor, latent: Tensor, offsets: Ints, targets: Tensor, pairs: int, margin: float = 0.5
) -> Tensor:
    """Co-activity similarity loss (eqs. 8 to 12): where two videos of a class are active, they should look alike.

    For each couple of videos (m, n) and each class that both carry: H, the mean of the latent under softmax over time
    of the class's activations; L, under the rest; hinge on cosine distances d(Hm, Hn) - d(Hm, Ln) and
    d(Hm, Hn) - d(Hn, Lm).

    Args:
        cas: (R, C) activations of all videos, one under another.
        latent: (R, l).
        offsets: (B + 1,) first row of each video.
        targets: (B, C) 0 or 1.
        pairs: The first so many couples of videos, (0, 1), (2, 3), ..., are compared.
        margin: Of the hinge.

    Returns:
        Mean over all terms, a scalar; 0 if there are none.
    """
    pair, label = (targets[: 2 * pairs : 2] * targets[1 : 2 * pairs : 2]).nonzero(as_tuple=True)  # (n,)
    if len(pair) == 0:
        return cas.new_zeros(())
    rows = int(offsets[2 * pairs])
    lengths = torch.from_numpy(np.diff(offsets[: 2 * pairs + 1]))
    owner = torch.arange(2 * pairs).repeat_interleave(lengths)  # (r,) the video of each row
    video = torch.cat([2 * pair, 2 * pair + 1])  # (2n,)
    inside = owner == video[:, None]  # (2n, r)
    active = cas[:rows].T[torch.cat([label, label])].masked_fill(~inside, -torch.inf).softmax(1)  # (2n, r)
    rest = (inside.float() - active) / (lengths[video] - 1).clamp(min=1)[:, None]  # (2n, r)
    high, low = (torch.cat([active, rest]) @ latent[:rows]).view(2, 2, len(pair), -1)  # (2, n, l) each
    apart = 1 - F.cosine_similarity(high[0], high[1], dim=1)  # (n,)
    mixed = 1 - F.cosine_similarity(high, low.flip(0), dim=2)  # (2, n): d(Hm, Ln), d(Hn, Lm)
    return F.relu(apart - mixed + margin).sum() / (2 * len(pair))


def relu_dropout(x: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """Dropout of ReLU of `x`: about `share` of the values become 0, the others grow by 1 / (1 - share).

    The mask costs one random byte a value, so `share` is rounded to a multiple of 1/256; the others grow to match.

    Args:
        x: Any shape.
        share: 0 to 1.
        rng: Source of the mask.

    Returns:
        Same shape as `x`.
    """
    threshold = round(256 * share)
    if threshold == 0:
        return F.relu(x)
    noise = np.frombuffer(rng.bytes(x.numel()), dtype=np.uint8).reshape(x.shape)
    return _ReluDropout.apply(x, torch.from_numpy(noise >= threshold), 256 / (256 - threshold))


class _ReluDropout(torch.autograd.Function):
    """ReLU, mask and scale in one, remembering one byte a value."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, keep: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(keep.logical_and_(x > 0))
        ctx.scale = scale
        return x.mul(keep).mul_(scale)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (keep,) = ctx.saved_tensors
        return gradient.mul(keep).mul_(ctx.scale), None, None
