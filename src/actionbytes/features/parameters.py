"""What can be set about features. Apart from the networks, so that planning needs no torch."""

from typing import Literal

from pydantic import Field

from actionbytes.parameters import Parameters


class Extraction(Parameters):
    """How features are computed from chunks."""

    chunk: Literal[16] = Field(16, description="Frames per snippet; I3D's receptive step.")
    batch: int = Field(4, ge=1, description="Chunks per forward pass; fixed, so that results do not depend on memory.")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="fp32 is the exact mode; bf16 the fast one.")
    threads: int = Field(1, ge=1, description="of torch; features hold for their number of threads")
    dtype: Literal["float16", "float32"] = Field("float16", description="Type in which features are stored.")
