"""Pretraining a narrow I3D on trimmed clips, for worlds too small or too different for the published weights.

The papers use I3D as others trained it on Kinetics-400; the mini world uses this. The only file that is written is the
checkpoint from which a run that was killed goes on.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actionbytes.backbones.i3d import CHANNELS, I3D, flow_input, initialize, rgb_input
from actionbytes.backbones.parameters import Pretraining
from actionbytes.errors import UserError
from actionbytes.files import whole
from actionbytes.progress import Progress, silent
from actionbytes.threads import threads

__all__ = ["Pretraining", "augmented", "pretrain", "split"]

SPAN = 16  # frames of the snippets that BatchNorm is measured on, and the fewest that a clip may have
Row = dict[str, float | None]
"""One line of the log, an epoch."""

Stream = Literal["rgb", "flow"]


def pretrain(
    stream: Stream,
    clips: Sequence[np.ndarray],
    labels: Sequence[int] | np.ndarray,
    width: float,
    parameters: Pretraining,
    seed: int = 0,
    state: Path | None = None,
    progress: Progress = silent,
) -> tuple[I3D, list[Row]]:
    """Train an I3D on trimmed clips and their classes.

    A window of each clip is cut into snippets; the mean of their logits goes into the cross-entropy, so that the
    network learns from what it is given when features are extracted. BatchNorm's running statistics are useless after
    so few steps, so they are measured anew on snippets of the training clips at the end.

    Args:
        stream: Which stream the clips are for.
        clips: RGB frames (T, S, S, 3) uint8, or flow in pixels (T, S, S, 2) of any float type, per clip; one S for all,
            T at least 16.
        labels: Class of each clip, 0 to C - 1.
        width: Factor of I3D's channel counts, a multiple of 1/8.
        parameters: How to train.
        seed: Of the weights, the order and the augmentation.
        state: Checkpoint, written after each epoch. A run that was killed goes on from it and ends in the same bits. It
            is left in place at the end, and ignored where it is of other parameters, another seed or other clips.
        progress: Called after each epoch, with the loss.

    Returns:
        The network in eval mode and the log: a row per epoch (`epoch, learning_rate, loss, accuracy`, over the
        augmented training clips). The last row has `held_out` too, the accuracy on whole clips that were not trained
        on; it is None where every class has one clip only. The same arguments give the same bits, whatever torch's own
        number of threads.

    Raises:
        UserError: The clips cannot be used, training diverged, or the checkpoint is damaged.
    """
    labels = np.asarray(labels)
    _check(stream, clips, labels)
    train, held_out = split(labels, parameters.held_out, np.random.default_rng(seed))
    with threads(parameters.threads), torch.random.fork_rng(devices=[]):
        model = I3D(CHANNELS[stream], int(labels.max()) + 1, width)
        initialize(model, torch.Generator().manual_seed(seed))
        model.dropout.p = parameters.dropout
        trainer = _Trainer(stream, clips, labels, train, model, parameters, seed)
        log = trainer.run(state, progress)
        trainer.measure_statistics()
        model = model.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
        log[-1]["held_out"] = trainer.accuracy(held_out) if len(held_out) else None
    return model, log


def split(labels: np.ndarray, share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Split clips into those to train on and those held out, class by class.

    Args:
        labels: (N,) class of each clip.
        share: Share of each class to hold out; of two clips at least one is, of one clip none.
        rng: Draws which.

    Returns:
        Sorted indices to train on, and sorted indices held out.
    """
    train, held_out = [], []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        out = min(max(1, round(share * len(members))), len(members) - 1)
        held_out.append(members[:out])
        train.append(members[out:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(held_out))


class _Trainer:
    """The network with its optimizer, and the clips that it learns from."""

    def __init__(
        self,
        stream: Stream,
        clips: Sequence[np.ndarray],
        labels: np.ndarray,
        train: np.ndarray,
        model: I3D,
        parameters: Pretraining,
        seed: int,
    ) -> None:
        self.stream, self.clips, self.labels, self.train = stream, clips, labels, train
        self.parameters, self.seed = parameters, seed
        self.model: I3D = model.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        weights = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        groups = [{"params": weights, "weight_decay": parameters.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=parameters.learning_rate)
        self.batches = max(1, len(train) // parameters.batch)  # an epoch's odd rest waits for another epoch's order

    def run(self, state: Path | None, progress: Progress) -> list[Row]:
        """Train for all epochs, from the checkpoint on if there is one of this very run, and return the log."""
        log = self._resumed(state)
        for epoch in range(len(log), self.parameters.epochs):
            torch.manual_seed(_mixed(self.seed, epoch))  # dropout cannot be given a generator
            log.append(self._epoch(epoch, np.random.default_rng([self.seed, epoch])))
            if state is not None:
                self._save(state, log)
            progress(epoch + 1, self.parameters.epochs, f"loss {log[-1]['loss']:.4f}")
        return log

    def _epoch(self, epoch: int, rng: np.random.Generator) -> Row:
        self.model.train()
        total, right, seen, rate = 0.0, 0, 0, 0.0
        for step, batch in enumerate(np.array_split(self._order(rng), self.batches)):
            rate = self._rate((epoch * self.batches + step) / (self.parameters.epochs * self.batches))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            target = torch.from_numpy(self.labels[batch])
            logits = self._logits(self._windows(batch, rng), self.parameters.chunk)  # (B, C)
            loss = F.cross_entropy(logits, target, label_smoothing=self.parameters.label_smoothing)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total, seen = total + loss.item() * len(batch), seen + len(batch)
            right += int((logits.argmax(1) == target).sum())
        if not math.isfinite(total):
            raise UserError(f"pretraining diverged in epoch {epoch}: lower learning_rate")
        return {"epoch": epoch, "learning_rate": rate, "loss": total / seen, "accuracy": right / seen, "held_out": None}

    def _order(self, rng: np.random.Generator) -> np.ndarray:
        return rng.permutation(self.train)[: self.batches * self.parameters.batch]

    def _rate(self, done: float) -> float:
        """Learning rate after the share `done` of all steps: up linearly, down along a cosine."""
        warmup = self.parameters.warmup
        shape = done / warmup if done < warmup else 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))
        return self.parameters.learning_rate * shape

    def _windows(self, batch: np.ndarray, rng: np.random.Generator) -> Tensor:
        """Random windows of some clips, augmented: (B, Cin, window, S, S)."""
        return self._input(np.stack([augmented(self.clips[i], self.parameters, self.stream, rng) for i in batch]))

    def _input(self, frames: np.ndarray) -> Tensor:
        x = (
            rgb_input(frames)
            if self.stream == "rgb"
            else flow_input(frames.astype(np.float32), self.parameters.flow_bound)
        )
        return x.contiguous(memory_format=torch.channels_last_3d)

    def _logits(self, x: Tensor, span: int) -> Tensor:
        """(B, Cin, T, S, S) -> (B, C): the mean over the snippets of `span` frames in T."""
        count = x.shape[2] // span
        x = x.unflatten(2, (count, span)).transpose(1, 2).flatten(0, 1)  # (B * count, Cin, span, S, S)
        return self.model(x).unflatten(0, (-1, count)).mean(1)

    @torch.no_grad()
    def measure_statistics(self) -> None:
        """BatchNorm's statistics: plain means over whole training clips, cut into snippets as for features."""
        norms = [module for module in self.model.modules() if isinstance(module, nn.BatchNorm3d)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
        self.model.train()
        rng = np.random.default_rng([self.seed, self.parameters.epochs])
        snippets = [(i, start) for i in self.train for start in range(0, len(self.clips[i]) - SPAN + 1, SPAN)]
        size = self.parameters.batch * self.parameters.window // SPAN  # snippets of a batch, as in training
        for batch in np.array_split(rng.permutation(snippets), max(1, len(snippets) // size)):
            self.model(self._input(np.stack([self.clips[i][start : start + SPAN] for i, start in batch])))
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum

    @torch.inference_mode()
    def accuracy(self, indices: np.ndarray) -> float:
        """Share of the clips `indices` whose class has the largest mean logit over their snippets."""
        right = 0
        for i in indices:
            clip = self.clips[i]
            x = self._input(clip[None, : len(clip) // SPAN * SPAN])
            right += int(self._logits(x, SPAN).argmax() == self.labels[i])
        return right / len(indices)

    def _save(self, state: Path, log: list[Row]) -> None:
        content = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "log": log}
        with whole(state) as partial:
            torch.save({"run": self._fingerprint(), **content}, partial)

    def _resumed(self, state: Path | None) -> list[Row]:
        if state is None or not state.is_file():
            return []
        try:
            saved = torch.load(state, weights_only=True)
            if saved["run"] != self._fingerprint():
                return []
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
        except Exception as error:  # damaged bytes in an unpickler can raise anything
            raise UserError(
                f"{state}: not a readable checkpoint ({type(error).__name__}); delete it to start"
            ) from None
        return saved["log"]

    def _fingerprint(self) -> str:
        """Digest of what a checkpoint must agree on; of the clips, their lengths and first frames."""
        about = [self.stream, self.model.width, self.seed, self.parameters.model_dump(), torch.__version__]
        digest = hashlib.sha256(json.dumps([about, self.labels.tolist(), [len(c) for c in self.clips]]).encode())
        for clip in self.clips:
            digest.update(np.ascontiguousarray(clip[0]).tobytes())
        return digest.hexdigest()


def augmented(clip: np.ndarray, parameters: Pretraining, stream: str, rng: np.random.Generator) -> np.ndarray:
    """A random window of a clip, perhaps mirrored, cropped at random.

    Args:
        clip: (T, S, S, c); where it is shorter than the window, it is repeated from its start.
        parameters: Window in frames, crop as a share of S, and whether to mirror.
        stream: "rgb" or "flow", whose horizontal component changes its sign when mirrored.
        rng: Draws window, mirroring and crop.

    Returns:
        (window, crop * S, crop * S, c).
    """
    start = rng.integers(max(1, len(clip) - parameters.window + 1))
    frames = clip[(start + np.arange(parameters.window)) % len(clip)]
    if parameters.flip and rng.random() < 0.5:
        frames = frames[:, :, ::-1]
        if stream == "flow":  # what moved right now moves left
            frames = frames * np.array([-1, 1], frames.dtype)
    height, width = (round(side * parameters.crop) for side in frames.shape[1:3])
    down, right = (rng.integers(side - part + 1) for side, part in zip(frames.shape[1:3], (height, width), strict=True))
    return frames[:, down : down + height, right : right + width]


def _mixed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence([seed, epoch, 1]).generate_state(1, np.uint64)[0] >> 1)


def _check(stream: str, clips: Sequence[np.ndarray], labels: np.ndarray) -> None:
    if len(clips) != len(labels) or len(clips) < 4 or len(np.unique(labels)) < 2:
        raise UserError(
            f"pretraining: {len(clips)} clips of {len(np.unique(labels))} classes are too few to learn from"
        )
    shape = clips[0].shape
    for number, clip in enumerate(clips):
        if clip.ndim != 4 or clip.shape[1:] != shape[1:] or clip.shape[-1] != CHANNELS[stream]:
            raise UserError(f"pretraining: clip {number} is {clip.shape}, not like the first {shape} for {stream}")
        if len(clip) < SPAN:
            raise UserError(f"pretraining: clip {number} has {len(clip)} frames; the least is {SPAN}")
