"""What can be set about W-TALC."""

from pydantic import Field

from actionbytes.methods.parameters import MethodParameters


class WtalcParameters(MethodParameters):
    """W-TALC (methods.md 4)."""

    latent_dim: int = Field(2048, ge=1, description="width of the hidden layer L [C]; What2When: [R] methods.md 5.1")
    dropout: float = Field(0.7, ge=0, lt=1, description="share of L set to zero in training [C]")
    topk_divisor: int = Field(8, ge=1, description="k-max pooling averages the best ceil(T / this) snippets [C]")
    mil_weight: float = Field(0.5, ge=0, le=1, description="lambda: weight of L_mil; L_cas gets the rest [C] [R] 5.1")
    margin: float = Field(0.5, ge=0, description="margin of the co-activity loss [C]")
