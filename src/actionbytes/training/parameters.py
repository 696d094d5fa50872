"""What can be set about training. Apart from the loop, so that a workflow checks parameters without torch."""

from typing import Literal, Self

from pydantic import Field, model_validator

from actionbytes.parameters import Parameters


class Training(Parameters):
    """Optimization and batches (methods.md 4.4)."""

    iterations: int = Field(10_000, ge=1, description="steps, in each mining round too; fixed in advance [R] 4.4")
    lr: float = Field(1e-4, gt=0, description="Adam [C] W-TALC; 1e-3 for What2When [P] [R] methods.md 5.1")
    weight_decay: float = Field(5e-4, ge=0, description="Adam's l2 penalty [C]")
    batch: int = Field(10, ge=1, description="videos in a step [C]")
    pairs: int = Field(3, ge=0, description="couples of videos in a step that share a class [C]")
    max_length: int = Field(750, ge=1, description="longer videos give one random window of this many snippets [C]")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="of the large matrix products")
    threads: int = Field(1, ge=1, description="of one run; a result holds for its number of threads")
    log_every: int = Field(10, ge=1, description="steps that a line of log.csv averages")

    @model_validator(mode="after")
    def _pairs_fit(self) -> Self:
        if 2 * self.pairs > self.batch:
            raise ValueError(f"{self.pairs} pairs need a batch of at least {2 * self.pairs}, not {self.batch}")
        return self
