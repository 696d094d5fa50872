"""What a method is: how it learns from batches, and what it detects in one video's features."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from actionbytes.errors import UserError
from actionbytes.localization.bytes import proposals
from actionbytes.localization.thresholds import Localization, SegmentRules, Segments, localize
from actionbytes.localization.transfer import Transfer
from actionbytes.methods.optimizers import optimizer_of
from actionbytes.methods.parameters import MethodParameters, Optimization
from actionbytes.methods.sets import Batch, Round, Sampler, TrainingSet, UniformSampler
from actionbytes.threads import threads

Floats = NDArray[np.float32]
FUSION = "fusion"  # the part of the class scores that all methods have


@dataclass(frozen=True)
class Detected:
    """What a method says of one video of T snippets.

    Attributes:
        segments: Scored segments, in snippets.
        scores: Class scores (C,) of the video by part: "fusion" always, and the name of each stream that has a network
            of its own. With label transfer they are of the target classes.
        activations: (T, C) class activations, for pictures; None where the method has none.
        curves: Other values of each snippet by name, such as "attention": (T,), for pictures.
    """

    segments: Segments
    scores: Mapping[str, Floats]
    activations: Floats | None = None
    curves: Mapping[str, Floats] = field(default_factory=dict)


def _no_loss(self: "Method", *batches: Batch) -> dict[str, Tensor]:
    """Scalars for the log; "total" is the one to minimise. One batch for each source, in order."""
    raise NotImplementedError(f"{type(self).__name__} has neither `loss` nor `step`")


class Method(nn.Module, ABC):
    """A network over snippet features that is trained in one or more rounds and detects segments.

    A method gives `loss` (or, with an order of updates of its own, `step`) and `detect`. All else has a default.
    """

    settings: MethodParameters

    def __init__(self, dim: int, classes: int, parameters: MethodParameters, generator: torch.Generator) -> None:
        """Set up fresh weights, all of them drawn from `generator`.

        Args:
            dim: D of the features.
            classes: C, number of outputs.
            parameters: Of the method's own group; kept as `settings`.
            generator: Source of the initial weights.
        """
        super().__init__()
        self.dim, self.classes, self.settings = dim, classes, parameters

    @classmethod
    def built(
        cls,
        dim: int,
        classes: int,
        source_classes: Mapping[str, int],
        parameters: MethodParameters,
        generator: torch.Generator,
    ) -> "Method":
        """Build the method for a run; a method with a classifier for each source overrides this.

        Args:
            dim: D of the features.
            classes: C, number of outputs.
            source_classes: Number of classes of each source (columns of its labels).
            parameters: Of the method's own group.
            generator: Source of the initial weights.
        """
        return cls(dim, classes, parameters, generator)

    @property
    def rounds(self) -> int:
        """How many rounds training has; each starts with `prepare` and new optimizers."""
        return 1

    def begin(self, runs: Mapping[str, "Method"]) -> None:
        """Take over what finished runs learned, by the names of `MethodParameters.starts_from`."""
        raise NotImplementedError(f"{type(self).__name__} starts from no other run")

    def prepare(
        self,
        sets: Mapping[str, TrainingSet],
        round: int,
        memory: Mapping[str, NDArray[Any]],
        rng: np.random.Generator,
    ) -> Round:
        """Set up a round: what to learn about each video. Default: its labels.

        Args:
            sets: The videos of each source.
            round: From 0.
            memory: What the last round kept; empty at first.
            rng: For all that is drawn here.

        Returns:
            Targets of the round, and what to keep for the next.
        """
        return Round({}, {}, {})

    def sampler(self, sets: Mapping[str, TrainingSet], training: Optimization) -> Sampler:
        """What draws the videos of each step of a round. Default: every video is as likely as another."""
        return UniformSampler(sets, training.batch)

    def snippets(
        self, source: str, length: int, training: Optimization, rng: np.random.Generator
    ) -> slice | NDArray[np.int64]:
        """Which snippets of a video a step sees.

        Default: all, or of a long video `training.max_length` in a row that start anywhere in [0, T - max_length).

        Args:
            source: Name of the video's source.
            length: T, snippets of the video.
            training: See `Optimization`.
            rng: For all that is drawn here.

        Returns:
            A slice, or indices in rising order.
        """
        first = int(rng.random() * max(length - training.max_length, 0))
        return slice(first, first + min(length, training.max_length))

    def optimizers(self, training: Optimization) -> dict[str, Optimizer]:
        """The optimizers of a round by name. Default: one for all weights, as `training` says.

        The loop applies the learning rate's steps and the clipping of gradients to each of them.
        """
        return {"all": optimizer_of(self.parameters(), training)}

    def step(self, batches: Mapping[str, Batch], optimizers: Mapping[str, Optimizer]) -> dict[str, Tensor]:
        """One training step. Default: the gradient of `loss` and a step of every optimizer.

        Args:
            batches: A batch of each source, in the order of `MethodParameters.sources`.
            optimizers: See `optimizers`.

        Returns:
            Scalars for the log. "total" is the one that progress shows.
        """
        losses = self.loss(*batches.values())
        for optimizer in optimizers.values():
            optimizer.zero_grad()
        losses["total"].backward()
        for optimizer in optimizers.values():
            optimizer.step()
        return losses

    loss: Callable[..., dict[str, Tensor]] = _no_loss

    @abstractmethod
    def detect(self, features: NDArray[np.floating], localization: SegmentRules) -> Detected:
        """Detect actions in one video: float32, one thread, no dropout.

        Args:
            features: (T, D), T >= 1.
            localization: Of the group `MethodParameters.localization`.

        Returns:
            Segments and class scores.
        """


@dataclass(frozen=True)
class Prediction:
    """What an activation method says of one video of T snippets; float32 arrays.

    Attributes:
        scores: (C,) class scores of the video.
        cas: (T, C) class activation sequence: raw logits or, with `probabilities`, what label transfer made of
            probabilities.
        latent: (T, l), or None.
        attention: (T,), or None.
        streams: What each stream with a network of its own says, by name.
        probabilities: See `cas`.
    """

    scores: Floats
    cas: Floats
    latent: Floats | None = None
    attention: Floats | None = None
    streams: Mapping[str, "Prediction"] = field(default_factory=dict)
    probabilities: bool = False


class ActivationMethod(Method):
    """A method that says how active each class is at each snippet; thresholds and proposals turn that into segments.

    It gives either `forward` and `scores`, from which `predict` is made, or `predict` itself.
    """

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Without dropout: cas (R, C), latent (R, l) or None, attention (R,) or None, snippet by snippet."""
        raise NotImplementedError(f"{type(self).__name__} has neither `forward` nor `predict`")

    def scores(self, cas: Tensor, attention: Tensor | None) -> Tensor:
        """Class scores (C,) of a video from its activations (T, C) and attention (T,)."""
        raise NotImplementedError(f"{type(self).__name__} has neither `scores` nor `predict`")

    def predict(self, features: NDArray[np.floating]) -> Prediction:
        """Predict one video from its (T, D) features, T >= 1: float32, one thread, no dropout."""
        with torch.inference_mode(), threads(1):
            cas, latent, attention = self.forward(torch.from_numpy(np.asarray(features, dtype=np.float32)))
            scores = self.scores(cas, attention)
        return Prediction(
            scores.numpy(),
            cas.numpy(),
            None if latent is None else latent.numpy(),
            None if attention is None else attention.numpy(),
        )

    def transferred(self, prediction: Prediction, transfer: Transfer) -> Prediction:
        """The prediction of the target classes: activations by label transfer, class scores from those."""
        cas = transfer.activations(prediction.cas)
        attention = None if prediction.attention is None else torch.from_numpy(prediction.attention)
        with torch.inference_mode(), threads(1):
            scores = self.scores(torch.from_numpy(cas), attention).numpy()
        return replace(prediction, scores=scores, cas=cas, probabilities=transfer.parameters.softmax)

    def localize(self, prediction: Prediction, localization: SegmentRules) -> Segments:
        """Segments of a video from its prediction. Default: thresholds, and proposals from the latent.

        Raises:
            UserError: If proposals are on and the method has no latent to cut.
        """
        assert isinstance(localization, Localization), "a method with rules of its own overrides `localize`"
        if not localization.proposals:
            return localize(prediction.cas, localization, None, prediction.probabilities)
        if prediction.latent is None:
            raise UserError("proposals are cut where the latent changes, and this method has none; leave them off")
        cut = proposals(prediction.latent, localization.cut)
        return localize(prediction.cas, localization, cut, prediction.probabilities)

    def detect(
        self, features: NDArray[np.floating], localization: SegmentRules, transfer: Transfer | None = None
    ) -> Detected:
        """Detect actions in one video.

        Args:
            features: (T, D), T >= 1.
            localization: Of the group `MethodParameters.localization`.
            transfer: From the classes that were learned to others; None: detect those that were learned.

        Returns:
            Segments, class scores, activations and, where there is one, the attention.
        """
        prediction = self.predict(features)
        if transfer:
            prediction = self.transferred(prediction, transfer)
        scores = {FUSION: prediction.scores} | {name: stream.scores for name, stream in prediction.streams.items()}
        curves = {} if prediction.attention is None else {"attention": prediction.attention}
        return Detected(self.localize(prediction, localization), scores, prediction.cas, curves)
