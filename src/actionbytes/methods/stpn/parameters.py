"""What can be set about STPN."""

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from actionbytes.features.kinds import STREAMS
from actionbytes.methods.parameters import MethodParameters
from actionbytes.methods.stpn.detection import TCam
from actionbytes.parameters import Parameters


class StpnParameters(MethodParameters):
    """STPN (methods.md 6.1 and 6.2)."""

    localization: ClassVar[type[Parameters]] = TCam
    transferable: ClassVar[bool] = False
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
