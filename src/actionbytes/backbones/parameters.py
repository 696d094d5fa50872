"""Parameters of inference and of pretraining, readable without torch."""

from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, model_validator

from actionbytes.parameters import Parameters

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Inference:
    """How one stream of a network computes features.

    Attributes:
        precision: "fp32" is exact; "bf16" is faster and close (docs/i3d.md).
        device: Torch's name of the device.
        flow_bound: Pixels to which flow is clipped and by which it is divided.
    """

    precision: Precision = "fp32"
    device: str = "cpu"
    flow_bound: float = 20.0


class Pretraining(Parameters):
    """How the narrow I3D is trained. Nothing of it is published, so every value is our choice (docs/i3d.md)."""

    epochs: int = Field(6, ge=1, le=1000, description="passes over the training clips")
    batch: int = Field(16, ge=2, le=512, description="clips a step")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="largest learning rate of AdamW in its one cycle")
    warmup: float = Field(0.2, ge=0, lt=1, description="share of the steps in which the learning rate rises, linearly")
    weight_decay: float = Field(0.05, ge=0, le=1, description="weight decay of AdamW, on convolutions only")
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="label smoothing of the cross-entropy")
    dropout: float = Field(0.2, ge=0, lt=1, description="dropout before the logits; the published I3D has 0.5")
    window: int = Field(48, ge=16, le=256, multiple_of=16, description="frames of a clip that a step sees")
    chunk: int = Field(
        16,
        ge=16,
        le=256,
        multiple_of=16,
        description="frames of one forward pass; a window's loss is of the mean logits over its passes",
    )
    flip: bool = Field(True, description="mirror half of the clips; horizontal flow then changes its sign")
    crop: float = Field(0.75, gt=0, le=1, description="side of the random crop, as a share of the clip's side")
    flow_bound: float = Field(
        20.0,
        gt=0,
        description="pixels to which flow is clipped and by which it is divided; in the workflow `flow.bound` decides",
    )
    held_out: float = Field(0.1, gt=0, le=0.5, description="share of each class's clips kept to measure the accuracy")
    threads: int = Field(1, ge=1, le=256, description="threads of torch; another number may give other last bits")

    @model_validator(mode="after")
    def _whole_passes(self) -> Self:
        if self.window % self.chunk:
            raise ValueError(f"window {self.window} is no multiple of chunk {self.chunk}")
        return self
