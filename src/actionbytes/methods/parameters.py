"""What can be set about a method, and what it declares. No torch here, so that planning and `--help` stay fast."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from actionbytes.errors import UserError
from actionbytes.features.kinds import STREAMS
from actionbytes.localization.thresholds import Localization, SegmentRules
from actionbytes.parameters import Parameters


class Optimization(Parameters):
    """The optimizer and the batch: what a method sees of how it is trained."""

    optimizer: Literal["adam", "sgd"] = Field("adam", description="algorithm that turns gradients into steps")
    lr: float = Field(
        1e-4, gt=0, description="learning rate; 1e-4 in W-TALC's code, 1e-3 in ActionBytes for learning from clips"
    )
    momentum: float = Field(0.0, ge=0, lt=1, description="sgd: share of the last step that is added to the next")
    weight_decay: float = Field(
        5e-4, ge=0, description="weight of the l2 penalty on all weights; 5e-4 in W-TALC's code"
    )
    batch: int = Field(10, ge=1, description="videos of each source in a step; 10 in W-TALC's code")
    max_length: int = Field(
        750, ge=1, description="longer videos give one random window of this many snippets; 750 in W-TALC's code"
    )

    @model_validator(mode="after")
    def _momentum_is_of_sgd(self) -> Self:
        if self.momentum and self.optimizer != "sgd":
            raise ValueError(f"momentum is of optimizer sgd, not of {self.optimizer}; leave it at 0")
        return self


class MethodParameters(Parameters):
    """What can be set about a method, and in class variables what it declares.

    Attributes:
        summary: One line for `--help`.
        localization: Group of parameters that turns its predictions into segments.
        schedule: Where its training differs from the defaults of `Training`.
        transferable: Whether label transfer applies, so that it can detect other classes than it learned.
        sources: Names of the sources that a training step learns from, in order.
        classes_from: Sources whose classes, together and sorted, are the method's outputs; None: all.
        starts_from: Name of each run that this one starts from -> that run's method.
        compares_classes: Whether classes are learned by comparing them with each other (a softmax over them), so that
            a single class teaches nothing.
    """

    summary: ClassVar[str] = ""
    localization: ClassVar[type[SegmentRules]] = SegmentRules
    schedule: ClassVar[dict[str, Any]] = {}
    transferable: ClassVar[bool] = False
    sources: ClassVar[tuple[str, ...]] = ("videos",)
    classes_from: ClassVar[tuple[str, ...] | None] = None
    starts_from: ClassVar[Mapping[str, str]] = {}
    compares_classes: ClassVar[bool] = False

    def streams_of(self, available: tuple[str, ...]) -> tuple[str, ...]:
        """The feature streams that the method sees side by side, of those `available`; default: all of them."""
        return available

    def start_parameters(self, name: str) -> "MethodParameters | None":
        """Parameters of the run `name` of `starts_from`, to train it first where none is given.

        Args:
            name: Key of `starts_from`.

        Returns:
            The run's parameters; None (the default) if a finished run must be named.
        """
        return None

    def check_training(self, training: Optimization) -> None:
        """Check these parameters against those of training, before anything is read; default: they fit.

        Raises:
            UserError: If the two contradict each other.
        """

    @classmethod
    def check_transfer(cls, where: str) -> None:
        """Check that label transfer applies.

        Args:
            where: What asks for it; opens the error.

        Raises:
            UserError: If the method cannot detect other classes than its own.
        """
        if not cls.transferable:
            raise UserError(f"{where}: this method detects the classes that it has learned; train it on the target's")


class ActivationMethodParameters(MethodParameters):
    """Parameters of a method whose activations become segments by thresholds; label transfer applies to it."""

    localization: ClassVar[type[SegmentRules]] = Localization
    transferable: ClassVar[bool] = True


class StreamParameters(MethodParameters):
    """Parameters of a method with a network for each feature stream, trained alone."""

    streams: tuple[str, ...] = Field(
        STREAMS, min_length=1, description="feature streams; each has a network of its own, trained alone, and is fused"
    )

    @field_validator("streams")
    @classmethod
    def _known_and_once_each(cls, streams: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [stream for stream in streams if stream not in STREAMS]:
            raise ValueError(f"there is no stream {unknown[0]!r}; name some of {', '.join(STREAMS)}")
        if len(set(streams)) < len(streams):
            raise ValueError("a stream is named twice")
        return tuple(sorted(streams, key=STREAMS.index))

    def streams_of(self, available: tuple[str, ...]) -> tuple[str, ...]:
        """The streams that have a network, whatever else is available."""
        return self.streams
