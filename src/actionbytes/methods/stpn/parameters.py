"""What can be set about STPN."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from actionbytes.localization.thresholds import SegmentRules
from actionbytes.methods.parameters import StreamParameters
from actionbytes.methods.stpn.detection import TCam


class StpnParameters(StreamParameters):
    """STPN's networks and loss."""

    summary: ClassVar[str] = (
        "STPN (Nguyen et al., CVPR 2018): sparse attention over a video's segments, stream by stream."
    )
    localization: ClassVar[type[SegmentRules]] = TCam
    schedule: ClassVar[dict[str, Any]] = {"iterations": 24_000, "batch": 6, "weight_decay": 0.0}

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
