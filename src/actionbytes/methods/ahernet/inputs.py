"""What a training step of AherNet sees: time lines and moments as tensors, with their truth."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actionbytes.methods.ahernet.anchors import assign, covered
from actionbytes.methods.ahernet.timeline import Layout, resampled
from actionbytes.methods.sets import Batch, Spans

Floats = NDArray[np.float64]


class Targets(NamedTuple):
    """What anchors and cells of B time lines should say.

    iou: (B, A) best overlap of each anchor with a truth; truth: (B, A, 2) centre and width of that truth in steps;
    classes: (B, C) that sum to 1; uncovered: share of the truths that no anchor overlaps enough to be foreground.
    """

    iou: Tensor
    truth: Tensor
    classes: Tensor
    uncovered: float


class Foregrounds(NamedTuple):
    """Annotated pieces of F untrimmed videos.

    features: (F, S, D) of the piece alone; classes: (F, C) one-hot; video: (F,) index of the video in the batch; spans:
    (F, 2) start and end of the piece in snippets.
    """

    features: Tensor
    classes: Tensor
    video: NDArray[np.int64]
    spans: Floats


class Contexts(NamedTuple):
    """What lies on one side of F foregrounds.

    features: (F, S/4, D); there: (F,) whether there is anything, rather than the video's start or end.
    """

    features: Tensor
    there: Tensor


class Scene(NamedTuple):
    """What one training step of AherNet sees.

    untrimmed: (B, S, D) time lines of untrimmed videos; real: what their anchors should say; foregrounds: pieces of
    them; moments: (M, S/2, D); moment_classes: (M, C) that sum to 1; layouts: how each moment and its contexts become a
    synthetic video; made: what the anchors of these should say; noise: contexts (M, S/4, D) before and after that no
    generator made, or None.
    """

    untrimmed: Tensor
    real: Targets
    foregrounds: Foregrounds
    moments: Tensor
    moment_classes: Tensor
    layouts: Sequence[Layout]
    made: Targets
    noise: tuple[Tensor, Tensor] | None


def videos_of(batch: Batch) -> list[Tensor]:
    """Features (n, D) of each video, float32."""
    return list(batch.rows.float().split(np.diff(batch.offsets).tolist()))


def time_lines(batch: Batch, steps: int) -> Tensor:
    """Every video of a batch on `steps` steps: (B, steps, D), in the batch's precision."""
    return torch.stack([resampled(rows, steps) for rows in videos_of(batch)]).to(batch.rows.dtype)


def shares(labels: Tensor) -> Tensor:
    """Labels (B, C) of 0 and 1 as classes that sum to 1."""
    return labels / labels.sum(1, keepdim=True)


def truths_of(batch: Batch, steps: int) -> list[Floats]:
    """Start and end (n, 2) in steps of every annotation of each video."""
    assert batch.segments is not None
    lengths = np.diff(batch.offsets)
    return [spans[:, :2] * (steps / length) for spans, length in zip(batch.segments, lengths, strict=True)]


def targets_of(truths: Sequence[Floats], classes: Tensor, anchors: Floats, steps: int, foreground: float) -> Targets:
    """Targets of time lines.

    Args:
        truths: Start and end (n, 2) in steps, for each time line.
        classes: (B, C) that sum to 1.
        anchors: (A, 2) centre and width.
        steps: Length of the time line.
        foreground: An anchor of a larger overlap is foreground.
    """
    assigned = [assign(anchors, spans, steps) for spans in truths]
    owned = sum(covered(one, spans, foreground) for one, spans in zip(assigned, truths, strict=True))
    count = sum(len(spans) for spans in truths)
    return Targets(
        torch.from_numpy(np.stack([x.iou for x in assigned])).float(),
        torch.from_numpy(np.stack([x.truth for x in assigned])).float(),
        classes,
        1 - owned / count if count else 0.0,
    )


def foregrounds_of(batch: Batch, steps: int, least: int, first_only: bool, rng: np.random.Generator) -> Foregrounds:
    """A random annotated piece of each video that has one of at least `least` snippets, by itself on `steps` steps.

    Args:
        batch: Videos with segments.
        steps: Length of the time line.
        least: Snippets of the shortest piece.
        first_only: Whether only a video's first annotation counts.
        rng: Draws the pieces.
    """
    assert batch.segments is not None
    features, labels, videos, chosen = [], [], [], []
    for number, (rows, spans) in enumerate(zip(videos_of(batch), batch.segments, strict=True)):
        usable = _long_enough(spans[:1] if first_only else spans, least, len(rows))
        if not len(usable):
            continue
        start, end, label = usable[rng.integers(len(usable))]
        features.append(resampled(rows[int(start) : int(end)], steps))
        labels.append(int(label))
        videos.append(number)
        chosen.append((start, end))
    classes = torch.zeros(len(labels), batch.labels.shape[1])
    classes[torch.arange(len(labels)), labels] = 1
    empty = batch.rows.new_zeros((0, steps, batch.rows.shape[1]))
    stacked = torch.stack(features).to(batch.rows.dtype) if features else empty
    return Foregrounds(stacked, classes, np.array(videos, dtype=np.int64), np.array(chosen).reshape(-1, 2))


def real_contexts(batch: Batch, foregrounds: Foregrounds, steps: int) -> tuple[Contexts, Contexts]:
    """What comes before and after each foreground: a quarter of its video, or what is there of it, on S/4 steps.

    Args:
        batch: The foregrounds' videos.
        foregrounds: F of them.
        steps: S.
    """
    rows = videos_of(batch)
    before, after = [], []
    for video, (start, end) in zip(foregrounds.video, foregrounds.spans.astype(int), strict=True):
        reach = max(len(rows[video]) // 4, 1)
        before.append(rows[video][max(start - reach, 0) : start])
        after.append(rows[video][end : end + reach])
    return _contexts(before, steps // 4, batch.rows.shape[1]), _contexts(after, steps // 4, batch.rows.shape[1])


def _contexts(pieces: Sequence[Tensor], steps: int, dim: int) -> Contexts:
    """Pieces of video (n, D), n >= 0, on `steps` steps; zeros where there is none."""
    features = torch.zeros(len(pieces), steps, dim)
    for number, piece in enumerate(pieces):
        if len(piece):
            features[number] = resampled(piece, steps)
    return Contexts(features, torch.tensor([len(piece) > 0 for piece in pieces], dtype=torch.bool))


def _long_enough(spans: Spans, least: int, length: int) -> Spans:
    """The whole snippets inside each span, where these are at least `least`; `length` is the video's."""
    whole = np.column_stack([np.ceil(spans[:, 0]), np.minimum(np.floor(spans[:, 1]), length), spans[:, 2]])
    result: Spans = whole[whole[:, 1] - whole[:, 0] >= least]
    return result
