"""The training loop: every draw comes from the seed and the step's number, so a run resumes to identical weights."""

import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim import Optimizer

from actionbytes.errors import UserError
from actionbytes.files import write_csv
from actionbytes.methods.base import Method
from actionbytes.methods.parameters import MethodParameters
from actionbytes.methods.sets import Draw, Round, TrainingSet
from actionbytes.progress import Progress, silent
from actionbytes.threads import threads
from actionbytes.training import runs
from actionbytes.training.batches import Batches
from actionbytes.training.checkpoints import CHECKPOINT, Position, read_checkpoint, write_checkpoint
from actionbytes.training.inputs import check_sets, check_starts, run_of
from actionbytes.training.parameters import Training
from actionbytes.training.schedule import clip_gradients, set_lr

LOG = logging.getLogger(__name__)
INIT, PREPARE, STEP = range(3)  # what a generator is for


def fit(
    method: str,
    parameters: MethodParameters,
    training: Training,
    sets: Mapping[str, TrainingSet],
    seed: int,
    out: Path,
    starts: Mapping[str, Path] | None = None,
    progress: Progress = silent,
    checkpoint_s: float = 60.0,
) -> Path:
    """Train a method and write the run into a folder.

    A run of the same configuration that is finished is left as it is; one that was killed goes on to the same weights
    as if it had not been.

    Args:
        method: Name of the method.
        parameters: Of the method's group.
        training: See `Training`.
        sets: What to learn from, for each source of the method.
        seed: Of everything random, at least 0.
        out: Folder of the run.
        starts: Finished runs to start from, by the names of `MethodParameters.starts_from`. One that is not named is
            trained first, in `out/<name>`, on the same sources, where the method's parameters say how.
        progress: Called with steps done, steps in all, and the loss.
        checkpoint_s: Seconds between checkpoints, which do not change the result.

    Returns:
        `out`.

    Raises:
        UserError: If `out` holds another run, a video has no label, a value is not finite, a run to start from is
            missing or of another method, or parameters contradict each other.
    """
    parameters.check_training(training)
    sets = check_sets(parameters, sets, seed)
    folders = check_starts(method, parameters, starts or {})
    for name in [name for name in parameters.starts_from if name not in folders]:
        folders[name] = _trained_start(name, parameters, training, sets, seed, out / name, progress, checkpoint_s)
    run = run_of(method, parameters, training, sets, seed, folders)
    if parameters.compares_classes and len(run.classes) == 1:
        LOG.warning(
            "%s compares classes with each other: with %s alone its classification loss is 0 and teaches nothing; add "
            "videos of another class, or take a method that scores each class on its own, such as stpn",
            method,
            run.classes[0],
        )
    if (out / runs.CONFIG).exists() and runs.read_config(out) != run:
        raise UserError(f"{out}: holds a run of another configuration or other data; choose another folder")
    if runs.is_whole(out / runs.MODEL) and (out / runs.CONFIG).exists():
        return out
    out.mkdir(parents=True, exist_ok=True)
    runs.write_config(out, run)
    with _reproducible(training.threads):
        _Fitting(run, sets, out, progress, checkpoint_s).run_rounds(folders)
    return out


def _trained_start(
    name: str,
    parameters: MethodParameters,
    training: Training,
    sets: Mapping[str, TrainingSet],
    seed: int,
    out: Path,
    progress: Progress,
    checkpoint_s: float,
) -> Path:
    """Train the run `name` to start from, on the same sources."""
    method, start = parameters.starts_from[name], parameters.start_parameters(name)
    if start is None or not set(start.sources) <= sets.keys():
        raise UserError(f"it starts from a finished run of {method}: train that first and name its folder as {name!r}")
    own_sets = {source: sets[source] for source in start.sources}
    return fit(method, start, training, own_sets, seed, out, None, progress, checkpoint_s)


class _Fitting:
    """One run in training."""

    def __init__(
        self,
        run: runs.Run,
        sets: Mapping[str, TrainingSet],
        out: Path,
        progress: Progress,
        checkpoint_s: float,
    ) -> None:
        self.run, self.sets, self.out, self.progress, self.checkpoint_s = run, sets, out, progress, checkpoint_s
        self.method = self._fresh()
        self.position = Position()

    def _fresh(self) -> Method:
        """The method with the weights that the seed draws."""
        return self.run.build(torch.Generator().manual_seed(int(_rng(self.run.seed, INIT).integers(2**63))))

    def run_rounds(self, starts: Mapping[str, Path]) -> None:
        """Train through all rounds, from the checkpoint if there is one, and write what a run consists of."""
        out = self.out
        begun, resuming = Round({}, {}, {}), False
        if (out / CHECKPOINT).exists():
            optimizers = self._optimizers()
            if kept := read_checkpoint(out, self.run, self.method, optimizers):
                begun, self.position = kept
                resuming = True
            else:
                LOG.info("%s: is damaged or of another version; training begins anew", out / CHECKPOINT)
                self.method = self._fresh()
        method, position = self.method, self.position
        if starts and not resuming:
            method.begin({name: runs.load_run(folder)[0] for name, folder in starts.items()})
        for number in range(position.round, method.rounds):
            if not resuming:
                begun = method.prepare(self.sets, number, begun.memory, _rng(self.run.seed, PREPARE, number))
                optimizers = self._optimizers()
                position.round, position.step = number, 0
                position.facts += [{"round": number + 1, **begun.facts}] if begun.facts else []
                if method.rounds > 1:  # `prepare` may take longer than the steps after it
                    write_checkpoint(out, self.run, method, optimizers, begun, position)
            resuming = False
            self._run_steps(begun, optimizers)
            if number + 1 < method.rounds:
                runs.write_tensors(out / runs.round_file(number + 1), method.state_dict())
        write_csv(out / runs.LOG, position.log)
        if position.facts:
            write_csv(out / runs.ROUNDS, position.facts)
        runs.write_tensors(out / runs.MODEL, method.state_dict())
        (out / CHECKPOINT).unlink(missing_ok=True)

    def _optimizers(self) -> dict[str, Optimizer]:
        training = self.run.training
        optimizers = self.method.optimizers(training)
        if training.clip is not None:
            clip_gradients(optimizers, training.clip)
        return optimizers

    def _run_steps(self, begun: Round, optimizers: Mapping[str, Optimizer]) -> None:
        """The steps of one round that are left."""
        training, position, seed = self.run.training, self.position, self.run.seed
        sets = {name: replace(s, targets=begun.targets.get(name, s.labels)) for name, s in self.sets.items()}
        batches = Batches(self.method, sets, training)
        sums: dict[str, float] = {}
        saved = time.monotonic()
        for step in range(position.step, training.iterations):
            draws, batch = batches.draw(_step_generators(seed, position.round, step, sets))
            set_lr(optimizers.values(), training, step)
            losses = self.method.step(batch, optimizers)
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + loss.item()
            if not all(math.isfinite(value) for value in sums.values()):
                raise UserError(_blame(sets, draws, f"step {step + 1} of round {position.round + 1}"))
            if (step + 1) % training.log_every and step + 1 < training.iterations:
                continue
            count = step + 1 - position.step
            line = {"round": position.round + 1, "step": step + 1} | {n: total / count for n, total in sums.items()}
            position.log.append(line)
            position.step, sums = step + 1, {}
            done = position.round * training.iterations + step + 1
            self.progress(done, self.method.rounds * training.iterations, f"loss {line['total']:.4f}")
            if time.monotonic() - saved > self.checkpoint_s:
                write_checkpoint(self.out, self.run, self.method, optimizers, begun, position)
                write_csv(self.out / runs.LOG, position.log)
                saved = time.monotonic()


def _rng(seed: int, *purpose: int) -> np.random.Generator:
    """A generator of its own for every purpose: none has a state that a checkpoint would have to keep."""
    return np.random.default_rng([seed, *purpose])


def _step_generators(seed: int, round: int, step: int, sources: Iterable[str]) -> dict[str, np.random.Generator]:
    """A generator for each source. The first source's does not depend on how many there are."""
    return {name: _rng(seed, STEP, round, step, *([number] if number else [])) for number, name in enumerate(sources)}


@contextmanager
def _reproducible(count: int) -> Iterator[None]:
    """`count` threads and deterministic operations inside."""
    settings: Any = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    settings.fill_uninitialized_memory = False  # it is only there to find bugs, and slow
    try:
        with threads(count):
            yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        settings.fill_uninitialized_memory = before[1]


def _blame(sets: Mapping[str, TrainingSet], draws: Mapping[str, Draw], when: str) -> str:
    """Why a loss is not finite."""
    for source, draw in draws.items():
        for video in draw.videos.tolist():
            if not np.isfinite(sets[source].video(video)).all():
                name = sets[source].names[video]
                return f"{name}: features hold NaN or infinite values ({when}); extract this video again"
    return f"the loss is not finite at {when}: training diverged; lower training.lr"
