"""What can be set about each method. Apart from the networks, so that a workflow checks parameters without torch."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from actionbytes.errors import UserError
from actionbytes.features.store import STREAMS
from actionbytes.localization.localize import Localization
from actionbytes.localization.tcam import TCam
from actionbytes.parameters import Parameters

Percentile = Annotated[float, Field(ge=0, lt=100)]
Positive = Annotated[int, Field(ge=1)]


class MethodParameters(Parameters):
    """What can be set about a method, and what it brings along: how its predictions become segments, its training."""

    localization: ClassVar[type[Parameters]] = Localization
    schedule: ClassVar[dict[str, Any]] = {}  # where the method's training differs from the defaults of `Training`

    @property
    def feature_streams(self) -> tuple[str, ...]:
        """The feature streams that the method sees, side by side."""
        return STREAMS

    @classmethod
    def check_transfer(cls, where: str) -> None:
        """Raise UserError if the method cannot detect other classes than its own."""
        if cls.localization is not Localization:
            raise UserError(f"{where}: this method detects the classes that it has learned; train it on the target's")


class Wtalc(MethodParameters):
    """W-TALC (methods.md 4)."""

    latent_dim: int = Field(2048, ge=1, description="width of the hidden layer L [C]; What2When: [R] methods.md 5.1")
    dropout: float = Field(0.7, ge=0, lt=1, description="share of L set to zero in training [C]")
    topk_divisor: int = Field(8, ge=1, description="k-max pooling averages the best ceil(T / this) snippets [C]")
    mil_weight: float = Field(0.5, ge=0, le=1, description="lambda: weight of L_mil; L_cas gets the rest [C] [R] 5.1")
    margin: float = Field(0.5, ge=0, description="margin of the co-activity loss [C]")


class Bytes(Parameters):
    """How a video is cut into ActionBytes (methods.md 5.2)."""

    percentiles: tuple[Percentile, ...] = Field(
        (50.0,), min_length=1, description="cut where L changes more than this percentile; ActivityNet: 92 ... 99.5 [R]"
    )
    sentinels: bool = Field(False, description="cut at 0 and T too; the literal reading drops head and tail [R] 5.2")
    segments: Literal["bytes", "fixed"] = Field("bytes", description="fixed: equal pieces instead, the ablation of 5.7")
    fixed_length: int = Field(2, ge=1, description="snippets in a fixed piece [P]")


class Proposals(Bytes):
    """Proposals from merged bytes (methods.md 5.5, eq. 2)."""

    merges: tuple[Positive, ...] = Field((1, 2), min_length=1, description="M: how many neighbouring bytes merge [P]")
    jitter: bool = Field(True, description="also start one snippet earlier, end one later, and both [R] 5.5")


class ActionBytes(Wtalc):
    """ActionBytes' mining (methods.md 5.1 to 5.3)."""

    rounds: int = Field(3, ge=1, description="mining rounds [P]")
    clusters: int = Field(500, ge=2, description="K, pseudo-classes [P]")
    bytes: Bytes = Field(Bytes(), description="cutting of the training clips [R] 5.2")
    kmeans_iterations: int = Field(50, ge=1, description="most Lloyd iterations; ends earlier when settled [R] 5.3")
    transfer_centre: bool = Field(
        True, description="subtract each snippet's mean before the transfer layer (L_mil is blind to it) [R] docs"
    )
    transfer_dropout: bool = Field(False, description="the transfer layer learns behind dropout too [R] docs")
    transfer_backprop: bool = Field(False, description="let true labels shape L through the transfer layer [R] 5.3")
    transfer_weight: float = Field(1.0, ge=0, description="weight of the transfer layer's loss [R] 5.1")


class LabelTransfer(Parameters):
    """From the activations of source classes to those of target classes (methods.md 5.4)."""

    softmax: bool = Field(True, description="softmax over source classes at every snippet first [R] 5.4")
    top_k: int = Field(5, ge=0, description="source classes kept for each target class; 0: all [R] 5.4")
    clip_negative: bool = Field(True, description="negative similarities count as 0 [R] 5.4")
    normalise: bool = Field(True, description="each target's weights sum to 1 [R] 5.4")


class Stpn(MethodParameters):
    """STPN (methods.md 6.1 and 6.2)."""

    localization: ClassVar[type[Parameters]] = TCam
    schedule: ClassVar[dict[str, Any]] = {"iterations": 24_000, "batch": 6, "pairs": 0, "weight_decay": 0.0}

    streams: tuple[Literal["rgb", "flow"], ...] = Field(
        STREAMS, min_length=1, description="a network for each, trained alone; scores are fused in localization [P]"
    )
    segments: int = Field(400, ge=1, description="segments of a video, in training and testing [P]")
    attention: bool = Field(True, description="false: every segment counts alike, the ablation of Figure 5")
    hidden: int = Field(256, ge=1, description="width of the attention's hidden layer; not in the paper [C]")
    pool: Literal["mean", "sum"] = Field("mean", description="over segments: the text's mean, or eq. 1's sum [R] 6.1")
    beta: float = Field(1e-4, ge=0, description="weight of the l1 norm of a video's attention [R] 6.1")

    @field_validator("streams")
    @classmethod
    def _once_each(cls, streams: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(streams)) < len(streams):
            raise ValueError("a stream is named twice")
        return tuple(sorted(streams, key=STREAMS.index))

    @property
    def feature_streams(self) -> tuple[str, ...]:
        return self.streams
