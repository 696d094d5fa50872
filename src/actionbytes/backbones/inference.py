"""What can be set about inference. Apart from the network, so that a workflow checks parameters without torch."""

from typing import Literal

from pydantic import Field

from actionbytes.parameters import Parameters


class Inference(Parameters):
    """How features are computed; part of their recipe."""

    precision: Literal["fp32", "bf16"] = Field("fp32", description="fp32 is exact (methods.md 1.2); bf16 is close")
    rewritten: bool = Field(True, description="the faster, equal network; false: layer by layer as published")
    compile: Literal["auto", "off"] = Field("off", description="auto: by torch.compile, for much work in bf16")
