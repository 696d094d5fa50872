"""The training loop: every draw comes from the seed and the step's number, so a run resumes to identical weights."""

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from actionbytes.errors import UserError
from actionbytes.features.store import PackedFeatures
from actionbytes.files import file_digest, write_csv
from actionbytes.methods.base import Method, Stage
from actionbytes.methods.layers import threads
from actionbytes.methods.registry import method_class
from actionbytes.parameters import Parameters
from actionbytes.training import runs
from actionbytes.training.batches import Batches
from actionbytes.training.parameters import Training

Progress = Callable[[int, int, dict[str, float]], None]
INIT, PREPARE, STEP = range(3)  # what a generator is for


def train(
    method: str,
    parameters: Parameters,
    training: Training,
    features: PackedFeatures,
    labels: NDArray[np.bool_],
    classes: Sequence[str],
    seed: int,
    out: Path,
    progress: Progress | None = None,
    init: Path | None = None,
    checkpoint_s: float = 60.0,
) -> Path:
    """Train `method` and write the run into the folder `out`, which is returned.

    labels: (N, C) multi-hot, C names in `classes`; progress: called with (steps done, steps in all, losses); init: a
    finished run to start from, for methods that start from another (without it, that run is trained in `out/init`);
    checkpoint_s: seconds between checkpoints, which do not change the result.

    A run of the same configuration that is finished is left as it is; one that was killed goes on to the same weights
    as if it had not been. Raises UserError for an `out` that holds another run, videos without a label, and values
    that are not finite.
    """
    labels = np.asarray(labels).astype(bool)
    _check(features, labels, classes, seed)
    kind = method_class(method)
    if kind.init and init is None:
        init = out / "init"
        base = kind.init_parameters(parameters)
        train(kind.init, base, training, features, labels, classes, seed, init, progress, checkpoint_s=checkpoint_s)
    run = runs.Run(
        method=method,
        parameters=parameters.model_dump(mode="json"),
        training=training,
        seed=seed,
        classes=tuple(classes),
        dim=features.rows.shape[1],
        hop_s=features.hop_s,
        streams=tuple(features.streams),
        videos=len(features.names),
        data=_data_digest(features, labels),
        init=_init_digest(init, kind.init) if kind.init else None,
    )
    if (out / runs.CONFIG).exists() and runs.read_config(out) != run:
        raise UserError(f"{out}: holds a run of another configuration or other data; choose another folder")
    if (out / runs.MODEL).exists() and (out / runs.CONFIG).exists():
        return out
    out.mkdir(parents=True, exist_ok=True)
    runs.write_config(out, run)
    with _reproducible(training.threads):
        _fit(run, features, labels, out, init, progress, checkpoint_s)
    return out


def _fit(
    run: runs.Run,
    features: PackedFeatures,
    labels: NDArray[np.bool_],
    out: Path,
    init: Path | None,
    progress: Progress | None,
    checkpoint_s: float,
) -> None:
    """Train through all stages, from the checkpoint if there is one, and write what a run consists of."""
    method = run.build(torch.Generator().manual_seed(int(_rng(run.seed, INIT).integers(2**63))))
    optimizer, memory = _optimizer(method, run.training), {}
    state = {"stage": 0, "step": 0, "log": [], "facts": []}
    resuming = (out / runs.CHECKPOINT).exists()
    if resuming:
        memory, state = runs.read_checkpoint(out, method, optimizer)
    elif init:
        method.begin(runs.load_run(init)[0])
    for number in range(state["stage"], method.stages):
        if resuming:
            stage, resuming = Stage(memory.pop("targets"), memory), False
        else:
            rng = _rng(run.seed, PREPARE, number)
            stage = method.prepare(features.rows, features.offsets, labels, number, memory, rng)
            optimizer = _optimizer(method, run.training)
            facts = [{"stage": number + 1, **stage.facts}] if stage.facts else []
            state |= {"stage": number, "step": 0, "facts": state["facts"] + facts}
            if method.stages > 1:  # mining may take longer than the steps after it
                runs.write_checkpoint(out, method, optimizer, {"targets": stage.targets, **stage.memory}, state)
        _steps(run, method, optimizer, features, labels, stage, state, out, progress, checkpoint_s)
        memory = stage.memory
        if number + 1 < method.stages:
            runs.write_tensors(out / f"stage{number + 1}.safetensors", method.state_dict())
    write_csv(out / runs.LOG, state["log"])
    if state["facts"]:
        write_csv(out / runs.STAGES, state["facts"])
    runs.write_tensors(out / runs.MODEL, method.state_dict())
    (out / runs.CHECKPOINT).unlink(missing_ok=True)


def _steps(
    run: runs.Run,
    method: Method,
    optimizer: torch.optim.Optimizer,
    features: PackedFeatures,
    labels: NDArray[np.bool_],
    stage: Stage,
    state: dict,
    out: Path,
    progress: Progress | None,
    checkpoint_s: float,
) -> None:
    """The steps of one stage that are left; `state` keeps count."""
    training, number = run.training, state["stage"]
    batches = Batches(
        features.rows,
        features.offsets,
        stage.targets,
        labels,
        training,
        method.min_videos_per_pair_class,
        method.sample,
    )
    sums, saved = {}, time.monotonic()
    for step in range(state["step"], training.iterations):
        videos, batch = batches.draw(_rng(run.seed, STEP, number, step))
        losses = method.loss(batch)
        optimizer.zero_grad()
        losses["total"].backward()
        optimizer.step()
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + loss.item()
        if not math.isfinite(sums["total"]):
            raise UserError(_blame(features, videos, f"step {step + 1} of stage {number + 1}"))
        if (step + 1) % training.log_every and step + 1 < training.iterations:
            continue
        count = (step + 1 - state["step"]) or 1
        line = {"stage": number + 1, "step": step + 1} | {name: total / count for name, total in sums.items()}
        state["log"].append(line)
        state["step"], sums = step + 1, {}
        if progress:
            progress(number * training.iterations + step + 1, method.stages * training.iterations, line)
        if time.monotonic() - saved > checkpoint_s:
            runs.write_checkpoint(out, method, optimizer, {"targets": stage.targets, **stage.memory}, state)
            write_csv(out / runs.LOG, state["log"])
            saved = time.monotonic()


def _optimizer(method: Method, training: Training) -> torch.optim.Optimizer:
    return torch.optim.Adam(method.parameters(), lr=training.lr, weight_decay=training.weight_decay, fused=True)


def _rng(seed: int, *purpose: int) -> np.random.Generator:
    """A generator of its own for every purpose: none has a state that a checkpoint would have to keep."""
    return np.random.default_rng([seed, *purpose])


@contextmanager
def _reproducible(count: int) -> Iterator[None]:
    """`count` threads and deterministic operations inside."""
    before = torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # it is only there to find bugs, and slow
    try:
        with threads(count):
            yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.utils.deterministic.fill_uninitialized_memory = before[1]


def _check(features: PackedFeatures, labels: NDArray[np.bool_], classes: Sequence[str], seed: int) -> None:
    if labels.shape != (len(features.names), len(classes)):
        raise ValueError(f"labels {labels.shape} for {len(features.names)} videos and {len(classes)} classes")
    if seed < 0:
        raise UserError(f"seed {seed}: must not be negative")
    if not len(labels):
        raise UserError("there is no video to train on")
    bare = [name for name, row in zip(features.names, labels, strict=True) if not row.any()]
    if bare:
        raise UserError(f"{len(bare)} videos have no label, such as {bare[0]}; leave them out of the training subset")


def _blame(features: PackedFeatures, videos: NDArray[np.int64], when: str) -> str:
    """Why a loss is not finite."""
    for video in videos:
        if not np.isfinite(features.video(video)).all():
            return f"{features.names[video]}: features hold NaN or infinite values ({when}); extract this video again"
    return f"the loss is not finite at {when}: training diverged; lower training.lr"


def _data_digest(features: PackedFeatures, labels: NDArray[np.bool_]) -> str:
    """Digest of everything that training reads: names, lengths, features and labels."""
    state = hashlib.sha256("\0".join(features.names).encode())
    for array in (features.offsets, labels):
        state.update(np.ascontiguousarray(array).tobytes())
    state.update(str((features.rows.dtype, features.rows.shape)).encode())
    for first in range(0, len(features.rows), 65536):  # in pieces: the rows may be memory-mapped
        state.update(np.ascontiguousarray(features.rows[first : first + 65536]).data)
    return state.hexdigest()[:16]


def _init_digest(init: Path, kind: str) -> str:
    """Digest of the run to start from; UserError unless it is a finished run of method `kind`."""
    found = runs.read_config(init).method
    if found != kind:
        raise UserError(f"{init}: is a run of {found}, but this method starts from one of {kind}")
    if not (init / runs.MODEL).exists():
        raise UserError(f"{init}: is not finished; run its `actionbytes train` again")
    return file_digest(init / runs.MODEL)[:16]
