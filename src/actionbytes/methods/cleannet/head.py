"""CleanNet's classification: predictions and attention of snippets from both streams, class scores of a video.

Source: Liu et al., CleanNet (ICCV 2019), section 3.2, equations 1 to 5, and the classification loss of section 3.4.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Psi = Literal["softmax", "sigmoid", "linear"]
VideoScore = Literal["attention", "product", "detector"]
_SMALLEST = 1e-12  # probability whose logarithm is still taken


class Head(nn.Module):
    """One layer for the classes of all streams and one for attention, over all streams side by side (eqs. 2 and 3).

    Started from heads of single streams it computes what they do; trained on, a stream may look at the other's too.
    """

    def __init__(self, dim: int, classes: int, streams: int) -> None:
        """All zeros; dim: D of all streams together."""
        super().__init__()
        self.classes, self.streams = classes, streams
        self.classify = nn.Linear(dim, streams * classes)
        self.attend = nn.Linear(dim, 1)
        for tensor in self.parameters():
            nn.init.zeros_(tensor)

    def start_from(self, classify: Sequence[nn.Linear], attend: Sequence[nn.Linear]) -> None:
        """Copy the layers of single streams: classes block by block, attention as their mean (eqs. 4 and 5)."""
        with torch.no_grad():
            self.classify.weight.copy_(torch.block_diag(*(layer.weight for layer in classify)))
            self.classify.bias.copy_(torch.cat([layer.bias for layer in classify]))
            self.attend.weight.copy_(torch.cat([layer.weight for layer in attend], dim=1) / len(attend))
            self.attend.bias.copy_(torch.stack([layer.bias for layer in attend]).mean(0))

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Raw class outputs (T, S, C) of S streams, and raw attention (T,), from features (T, D)."""
        return self.classify(rows).view(len(rows), self.streams, self.classes), self.attend(rows)[:, 0]


def predictions(logits: Tensor, rule: Psi = "softmax") -> Tensor:
    """Class predictions psi (T, C) of snippets, the mean of the streams' (eq. 1); logits: (T, S, C)."""
    if rule == "softmax":
        return logits.softmax(2).mean(1)
    return (logits.sigmoid() if rule == "sigmoid" else logits).mean(1)


def video_scores(
    logits: Tensor, attention: Tensor, psi_rule: Psi = "softmax", rule: VideoScore = "attention"
) -> Tensor:
    """What a video, or the snippets of it that are given, scores by class: x (C,), not always probabilities.

    Args:
        logits: (T, S, C) raw class outputs.
        attention: (T,) raw.
        psi_rule: how logits become predictions of snippets.
        rule: "attention", sum of softmax(attention) * psi; "product", sum of attention * psi; "detector",
            sum of softmax(attention / 3) * logits.
    """
    if rule == "detector":
        return (attention / 3).softmax(0) @ logits.mean(1)
    weights = attention.softmax(0) if rule == "attention" else attention
    return weights @ predictions(logits, psi_rule)


def log_probabilities(scores: Tensor, psi_rule: Psi = "softmax", rule: VideoScore = "attention") -> Tensor:
    """Logarithms (C,) of a video's class probabilities: of `scores` where they are some, else of their softmax."""
    if rule == "attention" and psi_rule != "linear":
        return scores.clip(min=_SMALLEST).log()
    return scores.log_softmax(0)


def classification_loss(log_probability: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of a video with its labels (C,), scaled to sum to 1."""
    return -(labels / labels.sum() * log_probability).sum()
