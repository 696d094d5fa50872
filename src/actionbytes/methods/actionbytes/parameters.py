"""What can be set about ActionBytes."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from actionbytes.localization.bytes import Bytes
from actionbytes.methods.wtalc.parameters import WtalcParameters


class ActionBytesParameters(WtalcParameters):
    """ActionBytes' mining (methods.md 5.1 to 5.3)."""

    starts_from: ClassVar[Mapping[str, str]] = {"baseline": "wtalc"}

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
