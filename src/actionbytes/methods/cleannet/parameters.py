"""What can be set about CleanNet."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from actionbytes.localization.thresholds import SegmentRules
from actionbytes.methods.cleannet.contrast import Outside, Ties
from actionbytes.methods.cleannet.detection import ScoredProposals
from actionbytes.methods.parameters import StreamParameters


class CleanNetParameters(StreamParameters):
    """CleanNet. The five switches of the paper's Table 1 come first; together they make the rows of its Table 2."""

    summary: ClassVar[str] = (
        "CleanNet (Liu et al., ICCV 2019): proposals moved to where class predictions show the most contrast."
    )
    localization: ClassVar[type[SegmentRules]] = ScoredProposals
    schedule: ClassVar[dict[str, Any]] = {
        "optimizer": "sgd",
        "momentum": 0.9,
        "lr": 1e-4,
        "lr_steps": (200, 400),
        "lr_factor": 0.1,
        "weight_decay": 5e-4,
        "iterations": 600,
        "batch": 1,
    }
    starts_from: ClassVar[Mapping[str, str]] = {"heads": "untrimmednet"}

    train_generator: bool = Field(True, description="C1: anchors are regressed; false: they are the proposals")
    actioness: bool = Field(True, description="C2: the action score counts in a proposal's score")
    edges: bool = Field(True, description="C3: the starting and the ending score count in a proposal's score")
    tsn_sampling: bool = Field(
        True, description="C4: an anchor is regressed from samples all over it; false: from the snippet at its centre"
    )
    joint: bool = Field(True, description="C5: the classification head learns from snippets in positive proposals")
    evaluator: Literal["contrast", "outer_inner"] = Field(
        "contrast", description="what scores proposals: CleanNet's contrast score, or AutoLoc's, inside minus outside"
    )

    psi: Literal["softmax", "sigmoid", "linear"] = Field(
        "softmax",
        description="class predictions of a snippet, from each stream's outputs before they are averaged. The paper "
        "prints linear ones, but its thresholds fit probabilities: our choice",
    )
    video_score: Literal["attention", "product", "detector"] = Field(
        "attention",
        description="class scores of a video: predictions weighted by the softmax of attention over time, as "
        "UntrimmedNet trains (our choice); by raw attention, as the paper prints; or as UntrimmedNet's detector has "
        "it, softmax over classes of raw outputs weighted by softmax(attention / 3)",
    )
    window: int = Field(7, ge=1, description="snippets of the sliding window behind edgeness, odd; 7 in the paper")
    ties: Ties = Field("first", description="which of equal extremes in a window counts for edgeness: our choice")
    outside: Outside = Field(
        "zero", description="beyond the ends of a video predictions count as 0, or not at all (clip): our choice"
    )
    bounds: Literal["real", "whole"] = Field(
        "real",
        description="proposals are scored between real-valued bounds; or these are rounded to snippets, and the "
        "gradient passes the rounding, in AutoLoc's manner. The paper does not say",
    )

    anchors: tuple[int, ...] = Field(
        (1, 2, 4, 8, 16, 32),
        min_length=1,
        description="anchor sizes in snippets; the paper's for THUMOS14, for ActivityNet 16 to 512",
    )
    anchor_centre: Literal["middle", "start"] = Field(
        "middle",
        description="an anchor is centred on the middle of its snippet (our choice) or its start (AutoLoc's code)",
    )
    layers: int = Field(3, ge=1, description="temporal convolutions of the generator; 3 in the paper")
    channels: int = Field(128, ge=1, description="their width; 128 in AutoLoc's code")
    kernel: int = Field(3, ge=1, description="their kernel in snippets; 3 in AutoLoc's code")
    norm_momentum: float = Field(
        0.1, gt=0, le=1, description="share of a video in the running statistics of batch normalization: our choice"
    )
    parts: int = Field(
        8, ge=1, description="K, samples of an anchor with tsn_sampling; the paper gives no number: our choice"
    )
    shared_regression: bool = Field(
        False, description="with tsn_sampling, one last layer for all anchor sizes, not one for each: our choice"
    )
    regression_std: float = Field(
        0.01, gt=0, description="standard deviation of the last layer's initial weights; 0.01 in AutoLoc's code"
    )
    regression_decay: float = Field(
        2.0, ge=0, description="weight decay of the last layer, as a multiple of the others'; 2 in AutoLoc's code"
    )
    most_stretch: float | None = Field(
        2.0, gt=0, description="an anchor's width changes by a factor of at most exp(this); none: freely. Our choice"
    )

    psi_threshold: float = Field(
        0.1,
        description="anchors are dropped where the class's prediction is lower; 0.1 in AutoLoc's code, none printed",
    )
    attention_rule: Literal["percentile", "value"] = Field(
        "percentile",
        description="anchors are dropped where attention is below a percentile of the video (our choice) or a value",
    )
    attention_level: float = Field(
        50.0,
        description="that percentile (0 to 100) or value of raw attention; our choice. AutoLoc's code: value 7, for "
        "the published UntrimmedNet",
    )
    positive: float = Field(0.5, description="proposals that score more are positive and train; 0.5 in the paper")
    train_select: Literal["all", "best", "nms"] = Field(
        "all",
        description="of the proposals of a class, those that can be positive: all (the paper names no selection), the "
        "best at each snippet, or what suppression (tIoU 0.4) leaves of these, as in AutoLoc's code",
    )
    margin: float = Field(
        2.0, description="m of the regression loss; any value above all scores gives the same gradient: our choice"
    )
    detach: bool = Field(
        True,
        description="the regression loss moves proposals only; false: it changes class predictions too. Our choice",
    )
    joint_weight: float = Field(1.0, ge=0, description="weight of the classification loss; not in the paper")
    covered: Literal["centre", "any"] = Field(
        "centre", description="joint: a proposal covers snippets whose centre (our choice) or any part lies in it"
    )
    head_without_joint: Literal["frozen", "all"] = Field(
        "frozen",
        description="without joint, the classification head stays as it started, as the paper suggests, or learns from "
        "all snippets",
    )

    @model_validator(mode="after")
    def _switches_fit(self) -> Self:
        if not (self.actioness or self.edges):
            raise ValueError("a proposal needs a score: actioness, edges or both must be on")
        if self.evaluator == "outer_inner" and not (self.actioness and self.edges):
            raise ValueError("actioness and edges are parts of the contrast score; outer_inner needs both on")
        if self.tsn_sampling and not self.train_generator:
            raise ValueError("tsn_sampling is a way to regress anchors; without train_generator it must be off")
        if not (self.detach or self.joint or self.head_without_joint == "all"):
            raise ValueError("detach: false changes the classification head, which is frozen; turn joint on")
        if self.window % 2 == 0 or self.kernel % 2 == 0:
            raise ValueError("window and kernel must be odd")
        if min(self.anchors) < 1:
            raise ValueError("an anchor has at least one snippet")
        if self.attention_rule == "percentile" and not 0 <= self.attention_level <= 100:
            raise ValueError(f"attention_level {self.attention_level}: a percentile lies between 0 and 100")
        return self

    def start_parameters(self, name: str) -> None:
        """None: the two have different schedules, so a finished UntrimmedNet run must be named."""
        return
