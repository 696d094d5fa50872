"""STPN: weakly supervised action localization by sparse temporal pooling (Nguyen et al., CVPR 2018).

Scores to segments is in `methods/stpn/detection.py`.
"""

from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from actionbytes.features.kinds import STREAMS
from actionbytes.localization.segments import Floats
from actionbytes.localization.thresholds import SegmentRules, Segments
from actionbytes.methods.base import ActivationMethod, Prediction
from actionbytes.methods.layers import linear, project
from actionbytes.methods.parameters import Optimization
from actionbytes.methods.sets import Batch
from actionbytes.methods.stpn.detection import (
    StreamActivations,
    TCam,
    localize_tcam,
    stratified_segments,
    uniform_segments,
)
from actionbytes.methods.stpn.parameters import StpnParameters
from actionbytes.threads import threads


class Stream(nn.Module):
    """The paper's network for one stream: attention over segments, attended pooling, classes, T-CAM."""

    def __init__(self, dim: int, classes: int, settings: StpnParameters, generator: torch.Generator) -> None:
        """Set up fresh weights for features (., dim), all of them drawn from `generator`."""
        super().__init__()
        self.settings = settings
        self.hidden = linear(dim, settings.hidden, generator)
        self.attend = linear(settings.hidden, 1, generator)
        self.classifier = linear(dim, classes, generator)

    def attention(self, rows: Tensor) -> Tensor:
        """Attention lambda (R,) of snippets (R, D): sigmoid of two layers, or 1 without attention."""
        if not self.settings.attention:
            return torch.ones(len(rows))
        return torch.sigmoid(self.attend(F.relu(project(rows, self.hidden))))[:, 0]

    def tcam(self, rows: Tensor) -> Tensor:
        """T-CAM (R, C): the classifier's weights on each snippet, without bias and attention."""
        return rows @ self.classifier.weight.T

    def logits(self, rows: Tensor, attention: Tensor) -> Tensor:
        """Class logits (B, C) of videos from snippets (B, N, D) and attention (B, N): eq. 1, then the classifier."""
        pooled = torch.bmm(attention[:, None].to(rows.dtype), rows)[:, 0].float()  # (B, D)
        return self.classifier(pooled / rows.shape[1] if self.settings.pool == "mean" else pooled)


class Stpn(ActivationMethod):
    """One network a stream, each trained by its own loss: classification, and l1 of the attention.

    The networks share no parameter, the losses are added, and Adam treats every weight by itself. So each stream's
    weights are bit by bit those of a run on that stream alone: a single model holds what the paper trains in two runs.
    For that, a stream's initial weights must not depend on which others there are.
    """

    settings: StpnParameters

    def __init__(self, dim: int, classes: int, parameters: StpnParameters, generator: torch.Generator) -> None:
        """Set up a network for each stream; see `Method`. dim: D of all streams side by side."""
        super().__init__(dim, classes, parameters, generator)
        width = dim // len(parameters.streams)
        seeds = torch.randint(2**62, (len(STREAMS),), generator=generator).tolist()
        self.networks = nn.ModuleDict(
            {
                name: Stream(width, classes, parameters, torch.Generator().manual_seed(seed))
                for name, seed in zip(STREAMS, seeds, strict=True)
                if name in parameters.streams
            }
        )

    def each(self, rows: Tensor) -> Iterator[tuple[str, Stream, Tensor]]:
        """Name, network and features (R, D / streams) of every stream."""
        parts = rows.chunk(len(self.networks), dim=1)
        for (name, network), part in zip(self.networks.items(), parts, strict=True):
            yield name, cast(Stream, network), part.contiguous()

    def snippets(self, source: str, length: int, training: Optimization, rng: np.random.Generator) -> NDArray[np.int64]:
        """One random snippet of each of the video's segments."""
        return stratified_segments(length, self.settings.segments, rng)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Of all streams, multi-label cross-entropy (mean over classes and videos) + beta |lambda|_1."""
        losses = {"total": torch.zeros(())}
        for name, network, rows in self.each(batch.rows):
            attention = network.attention(rows).view(len(batch.labels), -1)  # (B, N)
            logits = network.logits(rows.view(*attention.shape, -1), attention)  # (B, C)
            losses[name] = F.binary_cross_entropy_with_logits(logits, batch.labels)
            losses[f"{name}_attention"] = attention.mean()
            losses["total"] = losses["total"] + losses[name]
            if self.settings.attention:
                losses["total"] = losses["total"] + self.settings.beta * attention.sum(1).mean()
        return losses

    def predict(self, features: NDArray[np.floating]) -> Prediction:
        """Means over the streams for every snippet; each stream by itself for `segments` evenly spaced ones."""
        picked = torch.from_numpy(uniform_segments(len(features), self.settings.segments))  # (N,)
        whole, streams = [], {}
        with torch.inference_mode(), threads(1):
            for name, network, rows in self.each(torch.from_numpy(np.asarray(features, dtype=np.float32))):
                tcam, attention = network.tcam(rows), network.attention(rows)  # (T, C), (T,)
                seen = attention[picked]
                probability = network.logits(rows[picked][None], seen[None]).sigmoid()[0]  # (C,)
                whole.append((probability, tcam, attention))
                streams[name] = Prediction(probability.numpy(), tcam[picked].numpy(), None, seen.numpy())
            scores, cas, attention = (torch.stack(x).mean(0) for x in zip(*whole, strict=True))
        return Prediction(scores.numpy(), cas.numpy(), None, attention.numpy(), streams)

    def localize(self, prediction: Prediction, localization: SegmentRules) -> Segments:
        """Proposals of each stream, scored by all (eq. 7)."""
        rules = cast(TCam, localization)
        names = self.settings.streams
        shares: dict[str, float] = {"rgb": rules.alpha, "flow": 1 - rules.alpha} if len(names) > 1 else {names[0]: 1.0}
        streams = [
            StreamActivations(said.cas, cast(Floats, said.attention), said.scores, shares[name])
            for name, said in prediction.streams.items()
        ]
        return localize_tcam(streams, len(prediction.cas), rules)
