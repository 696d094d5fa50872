"""UntrimmedNet's heads on given features: classes and attention of snippets, learned from labels of whole videos.

Source: Wang et al., UntrimmedNets for Weakly Supervised Action Recognition and Detection (CVPR 2017), soft selection,
as its published code trains it. Deviation: the features are given and stay as they are; there all layers are trained.
"""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from actionbytes.features.kinds import STREAMS
from actionbytes.localization.thresholds import SegmentRules
from actionbytes.methods.base import FUSION, Detected, Method
from actionbytes.methods.layers import project
from actionbytes.methods.optimizers import optimizer_of
from actionbytes.methods.parameters import Optimization
from actionbytes.methods.sets import Batch
from actionbytes.methods.stpn.detection import stratified_segments
from actionbytes.methods.untrimmednet.detection import (
    FrameScores,
    frame_probabilities,
    localize_frames,
    video_probability,
)
from actionbytes.methods.untrimmednet.parameters import UntrimmedNetParameters
from actionbytes.threads import threads


class Heads(nn.Module):
    """The two layers of one stream: `classify` gives class logits of a snippet, `attend` its attention."""

    def __init__(self, dim: int, classes: int, std: float, generator: torch.Generator) -> None:
        """Draw weights with standard deviation `std` from `generator`; biases are zero."""
        super().__init__()
        self.classify = nn.utils.skip_init(nn.Linear, dim, classes)
        self.attend = nn.utils.skip_init(nn.Linear, dim, 1)
        for layer in (self.classify, self.attend):
            nn.init.normal_(layer.weight, std=std, generator=generator)
            nn.init.zeros_(layer.bias)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (R, C) and raw attention (R,) of snippets (R, D)."""
        return project(rows, self.classify), project(rows, self.attend)[:, 0]


class UntrimmedNet(Method):
    """Heads for each stream, each trained by its own loss.

    The streams share no weight, nor a draw of dropout, and each has an optimizer of its own. So a stream's heads are
    those of a run on that stream alone.
    """

    settings: UntrimmedNetParameters

    def __init__(self, dim: int, classes: int, parameters: UntrimmedNetParameters, generator: torch.Generator) -> None:
        """Set up heads for each stream; see `Method`. dim: D of all streams side by side."""
        super().__init__(dim, classes, parameters, generator)
        width = dim // len(parameters.streams)
        seeds = torch.randint(2**62, (len(STREAMS),), generator=generator).tolist()
        self.heads = nn.ModuleDict(
            {
                name: Heads(width, classes, parameters.initial_std, torch.Generator().manual_seed(seed))
                for name, seed in zip(STREAMS, seeds, strict=True)
                if name in parameters.streams
            }
        )

    def each(self, rows: Tensor) -> Iterator[tuple[str, Heads, Tensor]]:
        """Name, heads and features (R, D / streams) of every stream."""
        parts = rows.chunk(len(self.heads), dim=1)
        for (name, heads), part in zip(self.heads.items(), parts, strict=True):
            yield name, cast(Heads, heads), part

    def snippets(self, source: str, length: int, training: Optimization, rng: np.random.Generator) -> NDArray[np.int64]:
        """One random snippet from each equal part of each shot, the shots one after another."""
        return stratified_segments(length, self.settings.shots * self.settings.segments, rng)

    def optimizers(self, training: Optimization) -> dict[str, Optimizer]:
        """One for each stream; biases learn at another rate and without weight decay, as in the published code."""
        optimizers = {}
        for name, heads in self.heads.items():
            weights = [tensor for key, tensor in heads.named_parameters() if key.endswith("weight")]
            biases = [tensor for key, tensor in heads.named_parameters() if key.endswith("bias")]
            rate = training.lr * (self.settings.rgb_lr if name == "rgb" else 1)
            groups: list[dict[str, Any]] = [
                {"params": weights, "lr": rate},
                {"params": biases, "lr": rate * self.settings.bias_lr, "weight_decay": 0.0},
            ]
            optimizers[name] = optimizer_of(cast(Any, groups), training)
        return optimizers

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Of all streams, cross-entropy of the soft selection with labels scaled to sum to 1, mean over videos."""
        shape = len(batch.labels), self.settings.shots, self.settings.segments
        shares = {"rgb": self.settings.rgb_dropout, "flow": self.settings.flow_dropout}
        seeds = dict(zip(STREAMS, batch.rng.integers(2**62, size=len(STREAMS)), strict=True))
        wanted = batch.labels / batch.labels.sum(1, keepdim=True)  # (B, C)
        losses = {"total": torch.zeros(())}
        for name, heads, rows in self.each(batch.rows):
            logits, attention = heads(dropout(rows, shares[name], np.random.default_rng(seeds[name])))
            scores = soft_selection(logits.view(*shape, -1).mean(2), attention.view(shape).mean(2))
            losses[name] = -(wanted * scores).sum(1).mean()
            losses["total"] = losses["total"] + losses[name]
        return losses

    def detect(self, features: NDArray[np.floating], localization: SegmentRules) -> Detected:
        """Detect actions in one video: `localize_frames`.

        Args:
            features: (T, D), T >= 1.
            localization: How probabilities become segments.

        Returns:
            Segments, class probabilities of the video, fused and by stream, those of the snippets, mean attention.
        """
        rules = cast(FrameScores, localization)
        logits, attention = {}, {}
        with torch.inference_mode(), threads(1):
            for name, heads, rows in self.each(torch.from_numpy(np.asarray(features, dtype=np.float32))):
                logits[name], attention[name] = (tensor.numpy() for tensor in heads(rows))
        parts = {name: video_probability(logits[name], attention[name], rules.temperature) for name in logits}
        parts = {FUSION: np.mean(list(parts.values()), axis=0), **parts}
        frames = frame_probabilities(list(logits.values()))  # (T, C)
        return Detected(
            localize_frames(frames, parts[FUSION], rules),
            {name: scores.astype(np.float32) for name, scores in parts.items()},
            frames.astype(np.float32),
            {"attention": np.mean(list(attention.values()), axis=0)},
        )


def soft_selection(logits: Tensor, attention: Tensor) -> Tensor:
    """Logarithms (B, C) of video probabilities: softmax of each shot, weighted by the softmax of attention over shots.

    logits: (B, shots, C); attention: (B, shots).
    """
    return (logits.log_softmax(2) + attention.log_softmax(1)[..., None]).logsumexp(1)


def dropout(rows: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """Set a random `share` of the values to zero and scale the others up, so that their mean stays.

    The draw costs one random byte a value, so `share` is rounded to a multiple of 1/256; the scale is exact for that.
    """
    threshold = min(round(256 * share), 255)
    if threshold == 0:
        return rows
    noise = np.frombuffer(rng.bytes(rows.numel()), dtype=np.uint8).reshape(rows.shape)
    return rows * torch.from_numpy(noise >= threshold) * (256 / (256 - threshold))
