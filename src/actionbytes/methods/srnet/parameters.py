"""What can be set about SRNet, and with it about TSRNet."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from actionbytes.localization.thresholds import SegmentRules
from actionbytes.methods.parameters import StreamParameters
from actionbytes.methods.srnet.detection import AttendedFrames


class SrnetParameters(StreamParameters):
    """SRNet: attention over a video's frames, and a classifier of what it attends to."""

    summary: ClassVar[str] = "SRNet: self-attention over frames, from video labels (TSRNet without transfer)."
    localization: ClassVar[type[SegmentRules]] = AttendedFrames
    schedule: ClassVar[dict[str, Any]] = {
        "optimizer": "sgd",
        "momentum": 0.9,
        "lr": 1e-4,
        "lr_steps": (5_000, 10_000),
        "iterations": 15_000,
        "batch": 16,
        "weight_decay": 0.0,
    }

    flow_lr: float = Field(
        5.0, gt=0, description="learning rate of the flow network as a multiple of training.lr; 5 in the paper"
    )
    attention: Literal["softmax", "sigmoid", "none"] = Field(
        "softmax",
        description="softmax: weights of a video's frames sum to 1 (eq. 1); sigmoid: each from 0 to 1 by itself, so "
        "that the l1 term acts; none: all frames count alike, the paper's Two-Stream row",
    )
    attention_rows: int = Field(
        1, ge=1, description="sets of attention weights, averaged; more are mentioned in the paper without a number"
    )
    attention_hidden: int = Field(
        256, ge=1, description="width b of the attention's hidden layer; our choice, 'set empirically' in the paper"
    )
    hidden: int = Field(512, ge=1, description="width of the classifier's hidden layer; our choice")
    fc_activation: Literal["none", "relu"] = Field(
        "none", description="between the classifier's two layers; the paper names none, and eq. 10 needs none"
    )
    dropout: float = Field(
        0.8, ge=0, lt=1, description="share of the classifier's hidden units dropped in training; 0.8 in the paper"
    )
    class_loss: Literal["softmax", "sigmoid"] = Field(
        "softmax",
        description="multi-label cross-entropy: softmax: with labels that sum to 1; sigmoid: of each class, mean over "
        "classes. Class probabilities are by the same function",
    )
    alpha: float = Field(
        1e-4, ge=0, description="weight of the attention's squared steps from frame to frame (eq. 4); our choice"
    )
    beta: float = Field(
        1e-4,
        ge=0,
        description="weight of the attention's l1 norm (eq. 5); our choice. With softmax that norm is always 1 and the "
        "term does nothing, as printed",
    )
    fusion: Literal["logits", "probabilities"] = Field(
        "logits",
        description="class scores of both streams: logits: softmax (sigmoid) of their mean logits; probabilities: mean",
    )
