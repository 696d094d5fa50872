"""What can be set about TSRNet."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from actionbytes.methods.srnet.parameters import SrnetParameters

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # widths of kernels, as multiples of the bandwidth


class TsrnetParameters(SrnetParameters):
    """TSRNet: SRNet, and knowledge from trimmed clips of the same classes."""

    summary: ClassVar[str] = "TSRNet (Zhang et al., AAAI 2019): SRNet with knowledge from trimmed clips by MMD."
    sources: ClassVar[tuple[str, ...]] = ("untrimmed", "trimmed")
    classes_from: ClassVar[tuple[str, ...] | None] = ("untrimmed",)
    starts_from: ClassVar[Mapping[str, str]] = {"trimmed": "srnet"}

    transfer: float = Field(1.0, ge=0, description="weight of both discrepancies (eq. 9: 1); 0 is SRNet")
    transfer_layers: tuple[Literal["fc1", "fc2"], ...] = Field(
        ("fc1", "fc2"),
        min_length=1,
        description="layers of the classifier whose inputs are drawn together; fc1 alone is the ablation of the "
        "paper's Table 3",
    )
    transfer_fc1: Literal["own", "shared"] = Field(
        "own",
        description="whose first layer makes the second one's inputs of trimmed clips: own: the trimmed network's; "
        "shared: the untrimmed one's (eq. 8 writes one for both)",
    )
    pairing: Literal["class", "all", "permuted"] = Field(
        "class",
        description="clips in a step: class: one of a class of each video, none for videos without a shared class; "
        "all: any of the shared classes; permuted: of the next shared class, a control in which the pairs are wrong",
    )
    bandwidth: float | None = Field(
        None,
        gt=0,
        description="width of the Gaussian kernel in squared units of the features; none: the mean squared distance "
        "of the step's pooled points. Not in the paper",
    )
    kernels: tuple[float, ...] = Field(
        FACTORS, min_length=1, description="multiples of the bandwidth whose kernels are added; (1,) is one Gaussian"
    )
    trimmed: Literal["frozen", "joint"] = Field(
        "frozen",
        description="frozen: the trimmed network stays as it was trained; joint: it goes on learning its classes and "
        "moves towards the untrimmed one",
    )
    init_from_trimmed: bool = Field(
        False, description="start the classifier's first layer from the trimmed network's; the paper can be read so"
    )
    overlap_first: bool = Field(
        False,
        description="a round before in which the untrimmed videos of shared classes alone are learned, after which the "
        "last layer starts anew (pretraining on overlapping classes in the paper's Table 4)",
    )
    same_class: dict[str, str] = Field(
        {}, description="classes of trimmed clips under another name: trimmed -> untrimmed; spelling alone is ignored"
    )
