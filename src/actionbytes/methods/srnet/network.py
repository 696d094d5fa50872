"""SRNet: a network for each stream that attends to frames, from the labels of videos (Zhang et al., AAAI 2019).

Scores to segments is in `methods/srnet/detection.py`.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from actionbytes.errors import UserError
from actionbytes.features.kinds import STREAMS
from actionbytes.localization.thresholds import SegmentRules
from actionbytes.methods.base import FUSION, Detected, Method
from actionbytes.methods.optimizers import optimizer_of
from actionbytes.methods.parameters import Optimization
from actionbytes.methods.sets import Batch
from actionbytes.methods.srnet.detection import AttendedFrames, StreamScores, localize_attended
from actionbytes.methods.srnet.parameters import SrnetParameters
from actionbytes.methods.srnet.stream import Stream, Videos, class_loss, smoothness, sparsity
from actionbytes.threads import threads


class Srnet(Method):
    """One network a stream, each trained by its own loss, with an optimizer and random draws of its own.

    So each stream's weights are bit by bit those of a run on that stream alone: one model holds what the paper trains
    in two runs. For that, initial weights and dropout of a stream must not depend on which others there are.
    """

    settings: SrnetParameters

    def __init__(self, dim: int, classes: int, parameters: SrnetParameters, generator: torch.Generator) -> None:
        super().__init__(dim, classes, parameters, generator)
        self.networks = self._streams(classes, generator)

    def _streams(self, classes: int, generator: torch.Generator) -> nn.ModuleDict:
        """A fresh network for each stream."""
        width = self.dim // len(self.settings.streams)
        seeds = torch.randint(2**62, (len(STREAMS),), generator=generator).tolist()
        return nn.ModuleDict(
            {
                name: Stream(width, classes, self.settings, torch.Generator().manual_seed(seed))
                for name, seed in zip(STREAMS, seeds, strict=True)
                if name in self.settings.streams
            }
        )

    def optimizers(self, training: Optimization) -> dict[str, Optimizer]:
        """One for each stream; flow has a learning rate of its own."""
        flow = training.model_copy(update={"lr": training.lr * self.settings.flow_lr})
        return {name: optimizer_of(self._trained(name), flow if name == "flow" else training) for name in self.networks}

    def _trained(self, name: str) -> list[nn.Parameter]:
        """The weights of a stream that training changes."""
        return list(self.networks[name].parameters())

    def each(self, rows: Tensor) -> Iterator[tuple[str, Stream, Tensor]]:
        """Name, network and features (R, D / streams) of every stream."""
        parts = rows.chunk(len(self.networks), dim=1)
        for name, part in zip(self.networks, parts, strict=True):
            yield name, self.stream(name), part.contiguous()

    def stream(self, name: str) -> Stream:
        """The network of a stream."""
        network = self.networks[name]
        assert isinstance(network, Stream)
        return network

    def loss(self, *batches: Batch) -> dict[str, Tensor]:
        """total: the sum over streams of classification and the attention's regularizers (eqs. 2 and 3)."""
        (batch,) = batches
        losses = {"total": torch.zeros(())}
        draws = self.draws(batch)
        for name, network, rows in self.each(batch.rows):
            losses |= self.attentive_loss(name, network, batch, network(rows, np.diff(batch.offsets)), draws[name])
            losses["total"] = losses["total"] + losses[name]
        return losses

    def attentive_loss(
        self, name: str, network: Stream, batch: Batch, videos: Videos, draw: torch.Generator
    ) -> dict[str, Tensor]:
        """L_SA of one stream (eq. 2), and for the log its class loss and how much its attention steps."""
        classes = class_loss(
            network.logits(network.hidden(videos.attended), draw), batch.targets, self.settings.class_loss
        )
        smooth = torch.stack([smoothness(x) for x in videos.attention]).mean()
        sparse = torch.stack([sparsity(x) for x in videos.attention]).mean()
        total = classes + self.settings.alpha * smooth + self.settings.beta * sparse
        return {name: total, f"{name}_class": classes.detach(), f"{name}_smoothness": smooth.detach()}

    def draws(self, batch: Batch) -> dict[str, torch.Generator]:
        """A generator for the dropout of each stream."""
        seeds = batch.rng.integers(2**62, size=len(STREAMS))
        return {name: torch.Generator().manual_seed(int(seed)) for name, seed in zip(STREAMS, seeds, strict=True)}

    def detect(self, features: NDArray[np.floating], localization: SegmentRules) -> Detected:
        """Runs of frames with a high attended score, fused over streams (eqs. 10 to 12)."""
        assert isinstance(localization, AttendedFrames)
        shares = {"rgb": localization.theta, "flow": 1 - localization.theta}
        if len(self.networks) == 1:
            shares = dict.fromkeys(self.networks, 1.0)
        streams, logits = [], {}
        with torch.inference_mode(), threads(1):
            for name, network, rows in self.each(torch.from_numpy(np.asarray(features, dtype=np.float32))):
                videos = network(rows, [len(rows)])
                logits[name] = network.logits(network.hidden(videos.attended))[0]  # (C,)
                attention = videos.attention[0].mean(0)  # (T,)
                frames = self.frame_scores(network, rows, localization.frame_score)
                streams.append(StreamScores(attention.numpy(), frames.numpy(), shares[name]))
            scores = {FUSION: self.fused(list(logits.values())).numpy()}
            if len(logits) > 1:
                scores |= {name: self.fused([x]).numpy() for name, x in logits.items()}
        segments, activations = localize_attended(streams, scores[FUSION], localization)
        attention = sum(s.share * s.attention for s in streams)
        curves = {"attention": np.asarray(attention, dtype=np.float32)}
        return Detected(segments, scores, activations.astype(np.float32), curves)

    def frame_scores(self, network: Stream, rows: Tensor, form: str) -> Tensor:
        """Class scores (T, C) of frames (T, D), each by itself, from 0 to 1.

        Raises:
            UserError: If eq. 10 is asked of a classifier whose layers do not compose.
        """
        if form == "softmax":
            return network.classify(rows).softmax(1)
        if form == "head":
            return network.classify(rows).sigmoid()
        if self.settings.fc_activation != "none":
            raise UserError(
                "frame_score weights: eq. 10 has one weight for each class, and with fc_activation "
                f"{self.settings.fc_activation} the two layers are no single one; take frame_score head or softmax"
            )
        return torch.sigmoid(rows @ network.composite().T)

    def fused(self, logits: list[Tensor]) -> Tensor:
        """Class probabilities (C,) of a video from the logits (C,) of each stream."""
        function = torch.sigmoid if self.settings.class_loss == "sigmoid" else lambda x: x.softmax(-1)
        if self.settings.fusion == "logits":
            return function(torch.stack(logits).mean(0))
        return torch.stack([function(x) for x in logits]).mean(0)
