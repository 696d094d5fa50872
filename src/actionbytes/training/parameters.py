"""What can be set about training. Apart from the loop, so that a workflow checks parameters without torch."""

from typing import Annotated, Literal

from pydantic import Field

from actionbytes.methods.parameters import Optimization

Step = Annotated[int, Field(ge=1)]


class Training(Optimization):
    """Optimizer, batches, schedule and what else decides a run."""

    iterations: int = Field(
        10_000,
        ge=1,
        description="steps of each round, fixed in advance; our choice, where W-TALC's code takes 100 000 and does not "
        "say which step it reports",
    )
    lr_steps: tuple[Step, ...] = Field(
        (), description="numbers of steps of a round after which every learning rate is multiplied by lr_factor"
    )
    lr_factor: float = Field(0.1, gt=0, description="what each of lr_steps multiplies every learning rate by")
    clip: float | None = Field(
        None,
        gt=0,
        description="largest l2 norm of an optimizer's gradients, which are scaled down to it; none: no limit",
    )
    precision: Literal["fp32", "bf16"] = Field("fp32", description="number format of the large matrix products")
    threads: int = Field(1, ge=1, description="processor threads of a run; a result holds for its number of threads")
    log_every: int = Field(10, ge=1, description="steps that a line of log.csv averages")
