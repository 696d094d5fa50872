"""What can be set about ActionBytes."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from actionbytes.localization.bytes import Bytes
from actionbytes.methods.parameters import MethodParameters
from actionbytes.methods.wtalc.parameters import WtalcParameters


class ActionBytesParameters(WtalcParameters):
    """ActionBytes' mining; the parameters of W-TALC's network and losses come with it."""

    summary: ClassVar[str] = (
        "ActionBytes (Jain et al., CVPR 2020): W-TALC on pseudo-classes mined from pieces of videos."
    )
    starts_from: ClassVar[Mapping[str, str]] = {"baseline": "wtalc"}

    rounds: int = Field(3, ge=1, description="mining rounds; the paper has 3")
    clusters: int = Field(500, ge=2, description="pseudo-classes, K; the paper has 500")
    bytes: Bytes = Field(Bytes(), description="how training clips are cut into ActionBytes; the paper does not say")
    kmeans_iterations: int = Field(
        50, ge=1, description="most iterations of k-means, which ends earlier when settled; the paper gives none"
    )
    transfer_centre: bool = Field(
        True,
        description="subtract each snippet's mean over pseudo-classes before the transfer layer; our choice, without "
        "which it hardly learns (docs/methods/actionbytes.md)",
    )
    transfer_dropout: bool = Field(
        False, description="the transfer layer learns behind dropout too; false is our choice, it learns faster"
    )
    transfer_backprop: bool = Field(
        False,
        description="let the true labels shape the latent through the transfer layer; the paper does not say, and "
        "false leaves the latent to the pseudo-labels",
    )
    transfer_weight: float = Field(1.0, ge=0, description="weight of the transfer layer's loss; the paper gives none")

    def start_parameters(self, name: str) -> MethodParameters:
        """Parameters of the W-TALC run to start from: the same network, on the true labels."""
        return WtalcParameters(**{key: getattr(self, key) for key in WtalcParameters.model_fields})
