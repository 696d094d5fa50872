"""What can be set about AherNet, and about the anchor network that its variants share."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from actionbytes.localization.thresholds import SegmentRules
from actionbytes.methods.ahernet.detection import AnchorRules
from actionbytes.methods.parameters import MethodParameters

Channels = Annotated[int, Field(ge=1)]
Twentieths = Annotated[int, Field(ge=1, le=19)]


class AnchorParameters(MethodParameters):
    """The anchor network and its losses."""

    localization: ClassVar[type[SegmentRules]] = AnchorRules
    schedule: ClassVar[dict[str, Any]] = {
        "lr": 1e-4,
        "lr_steps": (5_000, 10_000),
        "iterations": 15_000,
        "batch": 16,
        "weight_decay": 0.0,
    }

    stem: tuple[Channels, Channels] = Field(
        (2048, 1024), description="channels of the two convolutions before the anchor layers; those of the public code"
    )
    channels: tuple[Channels, ...] = Field(
        (256, 256, 512, 512, 1024, 1024, 2048, 2048),
        min_length=2,
        description="channels of each anchor layer, J in all; the time line has 2^(J+1) steps, 512 in the paper",
    )
    anchor_ratios: Literal["exact", "rounded"] = Field(
        "exact", description="widths of a cell's anchors: exact: 1, 2^(1/3), 2^(2/3), the paper's; rounded: the code's"
    )
    foreground: float = Field(
        0.8, gt=0, lt=1, description="an anchor is foreground if it overlaps a truth by more; 0.8 in the paper"
    )
    background: float = Field(
        0.3, ge=0, lt=1, description="an anchor is background if it overlaps every truth by less; 0.3 in the paper"
    )
    offsets: Literal["decoded", "encoded"] = Field(
        "encoded",
        description="what the loss of anchors' offsets compares: decoded: centre and width as shares of the time line "
        "(eq. 6 with both alphas 1); encoded: offsets themselves, with 0.1 for both alphas, as the public code does",
    )
    objectness: bool = Field(
        True, description="a loss of foreground against background; in the public code, not in the paper"
    )
    class_cells: Literal["all", "foreground"] = Field(
        "all",
        description="cells that the class loss of a time line sums over: all, as in the public code, or those with a "
        "foreground anchor",
    )
    objectness_weight: float = Field(2.0, ge=0, description="weight of the objectness loss; 2 in the public code")
    overlap_weight: float = Field(25.0, ge=0, description="weight of the overlap loss; 25 in the public code")
    class_weight: float = Field(2.0, ge=0, description="weight of class losses; 2 in the public code")
    adams: Literal["summed", "separate"] = Field(
        "summed",
        description="summed: one Adam for all losses that an update minimises; separate: one for each of them, on the "
        "same weights, as in the public code",
    )

    @property
    def steps(self) -> int:
        """S, steps of the time line."""
        return 2 << len(self.channels)

    @model_validator(mode="after")
    def _background_is_below(self) -> Self:
        if self.background > self.foreground:
            raise ValueError(f"background {self.background:g} is above foreground {self.foreground:g}")
        return self


class AhernetParameters(AnchorParameters):
    """AherNet: weight transfer, and contexts of moments made by an adversary."""

    summary: ClassVar[str] = (
        "AherNet (Long et al., ECCV 2020): classes from trimmed moments, boundaries from a few other classes."
    )
    sources: ClassVar[tuple[str, ...]] = ("untrimmed", "moments")
    classes_from: ClassVar[tuple[str, ...] | None] = ("moments",)
    starts_from: ClassVar[Mapping[str, str]] = {"localizer": "ahernet_single"}

    classifier: Literal["cells", "proposals"] = Field(
        "cells",
        description="how a proposal gets its class: cells: from its cell, by transferred weights; proposals: its span "
        "is classified like a moment, by a network that has learned moments alone (AherNet^-)",
    )
    transfer_layers: int = Field(
        2, ge=0, le=3, description="linear layers of the weight transfer; 2 is the paper's best"
    )
    transfer_activation: Literal["none", "relu", "leaky", "elu"] = Field(
        "elu", description="activation behind each layer of the weight transfer; elu is the paper's best"
    )
    transfer_last: bool = Field(
        True, description="an activation behind the last layer of the weight transfer too, as in the public code"
    )
    leaky_slope: float = Field(
        0.2,
        ge=0,
        description="slope of leaky ReLU below 0: 0.2 in TensorFlow, 0.01 in the article that the paper cites",
    )
    moment_backbone: Literal["fixed", "shared"] = Field(
        "shared",
        description="what the classification of moments trains beside its classifier: fixed: nothing (Algorithm 1); "
        "shared: the convolutions too, as the public code does",
    )
    contexts: Literal["adversarial", "pretrained", "noise", "off"] = Field(
        "adversarial",
        description="contexts around moments: adversarial: generators that learn with a discriminator; pretrained: "
        "generators that learned real contexts in a round before, without one (AherNet_A-); noise: random numbers with "
        "the moment's mean and spread, a control; off: moments are not localized",
    )
    context_from: Literal["own", "other"] = Field(
        "own", description="whose moment a generator sees; other: the next one's in the batch, a control"
    )
    synthesis: Literal["centred", "shifted"] = Field(
        "centred",
        description="where the moment goes: centred: between its contexts (eq. 2); shifted: into one of them, at "
        "random, as in the public code",
    )
    rho: tuple[Twentieths, Twentieths] = Field(
        (14, 19),
        description="smallest and largest share of a synthetic video that is the moment, in twentieths, drawn evenly; "
        "those of the public code",
    )
    fixed_end: bool = Field(
        True, description="for shifted: the end of every moment told right; false: the code's slip in every second one"
    )
    resize: Literal["legacy", "half_pixel"] = Field(
        "legacy",
        description="bilinear resizing of moments and contexts: legacy is TensorFlow 1's, as in the public code",
    )
    foregrounds: Literal["every", "first"] = Field(
        "every",
        description="annotations of an untrimmed video that may be its foreground: every one, or the first alone, a "
        "slip of the public code",
    )
    min_foreground: int = Field(
        32, ge=1, description="snippets of the shortest annotation that is a foreground; 32 in the public code"
    )
    min_moment: int = Field(8, ge=1, description="snippets of the shortest moment; 8 in the public code")
    generator_hidden: int = Field(
        1024, ge=1, description="channels between a generator's two convolutions; 1024 in the public code"
    )
    generator_steps: int = Field(
        1,
        ge=1,
        description="updates of the generators for each one of the discriminator: 1 in the paper, 2 in its code",
    )
    discriminator_into_backbone: bool = Field(
        False,
        description="the discriminator's loss trains the convolutions in the last update too (Algorithm 1); the public "
        "code leaves it out",
    )
    adversary_weight: float = Field(0.1, ge=0, description="weight of both adversarial losses; 0.1 in the public code")
    adversary_lr: float = Field(
        1e-4, gt=0, description="learning rate of discriminator and generators, which stays; 1e-4 in the public code"
    )
    adversary_beta: float = Field(
        0.5, ge=0, lt=1, description="Adam's first decay rate for discriminator and generators; 0.5 in the public code"
    )

    @model_validator(mode="after")
    def _choices_fit(self) -> Self:
        if self.rho[0] > self.rho[1]:
            raise ValueError(f"rho {self.rho}: the smallest share comes first")
        if self.classifier == "proposals" and self.contexts != "off":
            raise ValueError("classifier proposals localizes no moments: set contexts off")
        if self.classifier == "proposals" and self.moment_backbone == "fixed":
            raise ValueError("classifier proposals needs convolutions that learn moments: leave moment_backbone shared")
        return self
