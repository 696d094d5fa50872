"""The network of one stream: attention over frames, and two layers that classify what it attends to."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actionbytes.methods.layers import linear
from actionbytes.methods.srnet.parameters import SrnetParameters


class Videos(NamedTuple):
    """What a stream makes of B videos.

    attended: (B, D) attended features, the input of the classifier's first layer; attention: weights of each video's
    frames, (r, T) in r sets.
    """

    attended: Tensor
    attention: tuple[Tensor, ...]


class Stream(nn.Module):
    """The paper's network for one stream of features.

    Args:
        dim: D of the stream's features.
        classes: C.
        settings: See `SrnetParameters`.
        generator: Source of the initial weights.
    """

    def __init__(self, dim: int, classes: int, settings: SrnetParameters, generator: torch.Generator) -> None:
        super().__init__()
        self.settings = settings
        self.look = _matrix(dim, settings.attention_hidden, generator)  # W1
        self.weigh = _matrix(settings.attention_hidden, settings.attention_rows, generator)  # w2
        self.fc1 = linear(dim, settings.hidden, generator)
        self.fc2 = linear(settings.hidden, classes, generator)

    def forward(self, rows: Tensor, lengths: Sequence[int]) -> Videos:
        """Attend to the frames of videos, (R, D) one under another, `lengths` of each (eq. 1).

        Several sets of weights are averaged. Sigmoid weights are divided by the number of frames, so that a video of
        all ones is its mean.
        """
        precise = self.fc1.weight.dtype
        if self.settings.attention == "none":
            scores = rows.new_zeros((len(rows), 1), dtype=precise)
        else:
            looked = F.linear(rows, self.look.weight.to(rows.dtype)).to(precise)  # (R, b)
            scores = self.weigh(torch.tanh(looked))  # (R, r)
        attention, attended = [], []
        for frames, of_frames in zip(rows.split(list(lengths)), scores.split(list(lengths)), strict=True):
            sigmoid = self.settings.attention == "sigmoid"
            weights = torch.sigmoid(of_frames.T) if sigmoid else torch.softmax(of_frames.T, 1)  # (r, T)
            share = weights.mean(0) / len(frames) if sigmoid else weights.mean(0)
            attention.append(weights)
            attended.append((share.to(frames.dtype) @ frames).to(precise))
        return Videos(torch.stack(attended), tuple(attention))

    def hidden(self, attended: Tensor) -> Tensor:
        """The input (B, h) of the classifier's second layer, without dropout."""
        hidden = self.fc1(attended)
        return F.relu(hidden) if self.settings.fc_activation == "relu" else hidden

    def logits(self, hidden: Tensor, drop: torch.Generator | None = None) -> Tensor:
        """Class logits (B, C); in training `drop` draws which hidden units are left out."""
        if drop is None or not self.settings.dropout:
            return self.fc2(hidden)
        kept = torch.rand(hidden.shape, generator=drop) >= self.settings.dropout
        return self.fc2(hidden * kept / (1 - self.settings.dropout))

    def classify(self, rows: Tensor) -> Tensor:
        """Class logits (T, C) of frames (T, D), each by itself."""
        return self.logits(self.hidden(rows))

    def composite(self) -> Tensor:
        """v_c of eq. 10 for every class, (C, D): the product of both layers' weights."""
        return self.fc2.weight @ self.fc1.weight


def renew(network: Stream, generator: torch.Generator) -> None:
    """Let the classifier's last layer start anew."""
    fresh = linear(network.fc2.in_features, network.fc2.out_features, generator)
    network.fc2.load_state_dict(fresh.state_dict())


def smoothness(weights: Tensor) -> Tensor:
    """Squared steps of attention weights (r, T) from frame to frame, summed (eq. 4)."""
    return weights.diff(dim=1).square().sum()


def sparsity(weights: Tensor) -> Tensor:
    """The l1 norm of attention weights (r, T), summed over sets (eq. 5): r where they are a softmax."""
    return weights.abs().sum()


def class_loss(logits: Tensor, labels: Tensor, form: str) -> Tensor:
    """Multi-label cross-entropy of logits and labels (B, C).

    `softmax` takes labels that sum to 1 and averages over videos; `sigmoid` averages over classes too.
    """
    if form == "sigmoid":
        return F.binary_cross_entropy_with_logits(logits, labels)
    return F.cross_entropy(logits, labels / labels.sum(1, keepdim=True))


def _matrix(dim: int, out: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer without bias, Xavier-uniform."""
    layer = nn.utils.skip_init(nn.Linear, dim, out, bias=False)
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    return layer
