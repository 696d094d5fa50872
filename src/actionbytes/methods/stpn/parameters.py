"""What can be set about STPN."""

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from actionbytes.features.kinds import STREAMS
from actionbytes.localization.thresholds import SegmentRules
from actionbytes.methods.parameters import MethodParameters
from actionbytes.methods.stpn.detection import TCam


class StpnParameters(MethodParameters):
    """STPN's networks and loss."""

    summary: ClassVar[str] = (
        "STPN (Nguyen et al., CVPR 2018): sparse attention over a video's segments, stream by stream."
    )
    localization: ClassVar[type[SegmentRules]] = TCam
    schedule: ClassVar[dict[str, Any]] = {"iterations": 24_000, "batch": 6, "weight_decay": 0.0}

    streams: tuple[str, ...] = Field(
        STREAMS,
        min_length=1,
        description="feature streams; each has a network, trained alone, and their scores are fused in localization",
    )
    segments: int = Field(
        400, ge=1, description="segments that a video is sampled to, in training and testing; the paper's"
    )
    attention: bool = Field(True, description="false: every segment counts alike, the ablation of the paper's Figure 5")
    hidden: int = Field(
        256, ge=1, description="width of the attention's hidden layer; the paper gives none, 256 is of public code"
    )
    pool: Literal["mean", "sum"] = Field(
        "mean", description="how attended segments are pooled: the mean of the paper's text, or the sum of its eq. 1"
    )
    beta: float = Field(
        1e-4,
        ge=0,
        description="weight of the l1 norm of a video's attention; the paper gives none, public code has 1e-4 and 2e-4",
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
        """The streams that it has networks for, whatever else is available."""
        return self.streams
