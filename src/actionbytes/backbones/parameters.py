"""What can be set about inference. Apart from the network, so that a workflow checks parameters without torch."""

from typing import Literal, Self

from pydantic import Field, model_validator

from actionbytes.parameters import Parameters


class Inference(Parameters):
    """How features are computed; part of their recipe."""

    precision: Literal["fp32", "bf16"] = Field("fp32", description="fp32 is exact (methods.md 1.2); bf16 is close")
    rewritten: bool = Field(True, description="the faster, equal network; false: layer by layer as published")
    compile: Literal["auto", "off"] = Field("off", description="auto: by torch.compile, for much work in bf16")


class Pretraining(Parameters):
    """How the narrow I3D is trained; nothing of it is published, and no result is compared on it (docs/i3d.md)."""

    epochs: int = Field(6, ge=1, le=1000, description="passes over the training clips [R]")
    batch: int = Field(16, ge=2, le=512, description="clips a step [R]")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="largest rate of AdamW's one cycle [R]")
    warmup: float = Field(0.2, ge=0, lt=1, description="share of the steps in which the rate rises, linearly [R]")
    weight_decay: float = Field(0.05, ge=0, le=1, description="of AdamW, on convolutions only [R]")
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="of the cross-entropy [R]")
    dropout: float = Field(0.2, ge=0, lt=1, description="before the logits [R]; 0.5 in I3D of width 1")
    window: int = Field(48, ge=16, le=256, multiple_of=16, description="frames seen of a clip at a time [R]")
    chunk: int = Field(16, ge=16, le=256, multiple_of=16, description="frames of one forward pass [R]")
    flip: bool = Field(True, description="mirror half of the clips (horizontal flow changes sign) [R]")
    crop: float = Field(0.75, gt=0, le=1, description="side of the random crop, of the clip's; less is faster [R]")
    flow_bound: float = Field(20.0, gt=0, description="flow is clipped to +-this and divided by it; methods.md 1.2")
    held_out: float = Field(0.1, gt=0, le=0.5, description="share of each class's clips kept for the accuracy [R]")
    threads: int = Field(1, ge=1, le=256, description="threads of torch; another number gives other last bits [R]")

    @model_validator(mode="after")
    def _whole_chunks(self) -> Self:
        if self.window % self.chunk:
            raise ValueError(f"window {self.window} is no multiple of chunk {self.chunk}")
        return self
