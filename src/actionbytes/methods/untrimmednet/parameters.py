"""What can be set about UntrimmedNet."""

from typing import Any, ClassVar

from pydantic import Field

from actionbytes.localization.thresholds import SegmentRules
from actionbytes.methods.parameters import StreamParameters
from actionbytes.methods.untrimmednet.detection import FrameScores


class UntrimmedNetParameters(StreamParameters):
    """UntrimmedNet's heads, soft selection; the training schedule is that of its code for flow."""

    summary: ClassVar[str] = (
        "UntrimmedNet (Wang et al., CVPR 2017): classes and attention of snippets from video labels, by soft selection."
    )
    localization: ClassVar[type[SegmentRules]] = FrameScores
    schedule: ClassVar[dict[str, Any]] = {
        "optimizer": "sgd",
        "momentum": 0.9,
        "lr": 5e-3,
        "lr_steps": (8_000, 16_000),
        "lr_factor": 0.1,
        "weight_decay": 5e-4,
        "clip": 20.0,
        "iterations": 20_000,
        "batch": 16,
    }

    shots: int = Field(
        7, ge=1, description="equal parts of a video, each classified as a whole in training; 7 in UntrimmedNet's code"
    )
    segments: int = Field(
        3, ge=1, description="snippets drawn from a shot, whose outputs are averaged; 3 in UntrimmedNet's code"
    )
    rgb_dropout: float = Field(
        0.8, ge=0, lt=1, description="share of RGB features set to zero in training; 0.8 in UntrimmedNet's code"
    )
    flow_dropout: float = Field(
        0.7, ge=0, lt=1, description="share of flow features set to zero in training; 0.7 in UntrimmedNet's code"
    )
    rgb_lr: float = Field(
        0.2, gt=0, description="learning rate of RGB, as a multiple of training.lr; 0.001 against 0.005 in its code"
    )
    bias_lr: float = Field(
        2.0, gt=0, description="learning rate of biases, as a multiple of their stream's; 2 in UntrimmedNet's code"
    )
    initial_std: float = Field(
        1e-3, gt=0, description="standard deviation of initial weights; biases begin at 0; 0.001 in UntrimmedNet's code"
    )
