"""What a method is: a loss from a batch, and a prediction from one video's features."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from actionbytes.errors import UserError
from actionbytes.localization.bytes import Proposals, proposals
from actionbytes.localization.thresholds import Segments, localize
from actionbytes.methods.layers import threads
from actionbytes.methods.parameters import MethodParameters
from actionbytes.parameters import Parameters

Sample = Callable[[int, np.random.Generator], NDArray[np.int64]]  # number of snippets -> indices of those to see


@dataclass(frozen=True)
class Batch:
    """Videos of one training step, their snippets one under another, without padding.

    rows: (R, D), float32 or bfloat16; offsets: (B + 1,) first row of each video; targets: (B, K) 0 or 1, what the
    classifier learns; labels: (B, C) 0 or 1, the true classes; pairs: the videos (0, 1), (2, 3), ... of the first
    `pairs` couples share a target class; rng: for dropout.
    """

    rows: Tensor
    offsets: NDArray[np.int64]
    targets: Tensor
    labels: Tensor
    pairs: int
    rng: np.random.Generator


@dataclass(frozen=True)
class Prediction:
    """What a method says of one video of T snippets; float32 arrays.

    scores: (C,) class scores of the video; cas: (T, C) class activation sequence, raw logits, or with `probabilities`
    what label transfer made of probabilities; latent: (T, l) or None; attention: (T,) or None; streams: where each
    stream has a network of its own, what that one says.
    """

    scores: NDArray[np.float32]
    cas: NDArray[np.float32]
    latent: NDArray[np.float32] | None = None
    attention: NDArray[np.float32] | None = None
    streams: tuple["Prediction", ...] = ()
    probabilities: bool = False


@dataclass(frozen=True)
class Stage:
    """What a stage of training starts from.

    targets: (N, K) bool, what the classifier learns about each video; memory: arrays that the next stage's `prepare`
    gets back; facts: numbers worth a line in the log.
    """

    targets: NDArray[np.bool_]
    memory: dict[str, NDArray[Any]] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)


class Method(nn.Module, ABC):
    """A network over snippet features that is trained in one or more stages.

    dim: D of the features; classes: C. All parameters are drawn from `generator`. A method gives `loss`, and either
    `forward` and `scores`, from which `predict` is made, or `predict` itself.
    """

    group: type[MethodParameters] = MethodParameters  # what can be set about it
    stages = 1
    min_videos_per_pair_class = 1
    init: str | None = None  # the method whose finished run this one starts from
    sample: Sample | None = None  # which snippets of a video a training step sees; none: a window (`Training`)

    def __init__(self, dim: int, classes: int, parameters: MethodParameters, generator: torch.Generator) -> None:
        super().__init__()
        self.dim, self.classes, self.parameters_ = dim, classes, parameters

    def begin(self, other: "Method") -> None:
        """Take over what a finished run of the method `init` learned."""
        raise NotImplementedError(f"{type(self).__name__} starts from no other method")

    def prepare(
        self,
        rows: NDArray[np.floating],
        offsets: NDArray[np.int64],
        labels: NDArray[np.bool_],
        stage: int,
        memory: dict[str, NDArray[Any]],
        rng: np.random.Generator,
    ) -> Stage:
        """Set up stage `stage` (from 0): what to learn about each video. Default: its labels (N, C).

        rows: (sum T, D) of all training videos; offsets: (N + 1,); memory: the last stage's, empty at first.
        """
        return Stage(labels)

    @abstractmethod
    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Scalars to log; "total" is the one to minimise."""

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Without dropout: cas (R, C), latent (R, l) or None, attention (R,) or None, snippet by snippet."""
        raise NotImplementedError(f"{type(self).__name__} has neither `forward` nor `predict`")

    def scores(self, cas: Tensor, attention: Tensor | None) -> Tensor:
        """Class scores (C,) of a video from its activations (T, C)."""
        raise NotImplementedError(f"{type(self).__name__} has neither `scores` nor `predict`")

    def predict(self, features: NDArray[np.floating]) -> Prediction:
        """Predict one video from its (T, D) features, T >= 1: float32, one thread, no dropout."""
        with torch.inference_mode(), threads(1):
            cas, latent, attention = self.forward(torch.from_numpy(np.asarray(features, dtype=np.float32)))
            scores = self.scores(cas, attention)
        return Prediction(*(None if x is None else x.numpy() for x in (scores, cas, latent, attention)))

    def localize(self, prediction: Prediction, how: Parameters, cutting: Proposals) -> Segments:
        """Segments of a video from its prediction; how: of `group.localization`; cutting: proposals, where they are on.

        Default: thresholds on the activations (`localization.localize`).
        """
        if how.proposals and prediction.latent is None:
            raise UserError("proposals are cut where the latent changes, and this method has none; leave them off")
        cut = proposals(prediction.latent, cutting) if how.proposals else None
        return localize(prediction.cas, how, cut, prediction.probabilities)
