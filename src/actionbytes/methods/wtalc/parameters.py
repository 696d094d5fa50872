"""What can be set about W-TALC."""

from typing import ClassVar

from pydantic import Field

from actionbytes.errors import UserError
from actionbytes.methods.parameters import ActivationMethodParameters, Optimization


class WtalcParameters(ActivationMethodParameters):
    """W-TALC; values without another source are those of its published code."""

    summary: ClassVar[str] = "W-TALC (Paul et al., ECCV 2018): k-max multiple instance learning and co-activity."
    compares_classes: ClassVar[bool] = True

    latent_dim: int = Field(
        2048, ge=1, description="width of the hidden layer, the latent; W-TALC's, while ActionBytes gives none"
    )
    dropout: float = Field(0.7, ge=0, lt=1, description="share of the latent that is set to zero in training")
    pairs: int = Field(3, ge=0, description="couples of videos in a step that share a class; the co-activity loss's")
    topk_divisor: int = Field(
        8, ge=1, description="a class's score in training is the mean of its best ceil(T / this) of T snippets"
    )
    mil_weight: float = Field(
        0.5, ge=0, le=1, description="lambda: weight of multiple instance learning; the co-activity loss gets the rest"
    )
    margin: float = Field(0.5, ge=0, description="margin of the co-activity loss, in cosine distance")

    def check_training(self, training: Optimization) -> None:
        """Check that the couples fit into a batch.

        Raises:
            UserError: If they do not.
        """
        if 2 * self.pairs > training.batch:
            raise UserError(f"{self.pairs} pairs need a batch of at least {2 * self.pairs}, not {training.batch}")
