"""Checkpoints: everything that going on with a run needs, in one file that is whole or absent.

`checkpoint.safetensors` holds `model.<weight>`, `optimizer.<name>.<number of the weight>.<slot>`, what the round began
with as `target.<source>` and `memory.<array>`, and how far training is as JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.optim import Optimizer

from actionbytes.errors import UserError
from actionbytes.methods.base import Method
from actionbytes.methods.sets import Round
from actionbytes.training.runs import Run, config_digest, write_tensors

CHECKPOINT = "checkpoint.safetensors"


@dataclass
class Position:
    """How far training is, and what is to be logged so far.

    Attributes:
        round: Current round, from 0.
        step: Steps of the round that are done.
        log: Lines of `log.csv`.
        facts: Lines of `rounds.csv`.
    """

    round: int = 0
    step: int = 0
    log: list[dict[str, float]] = field(default_factory=list)
    facts: list[dict[str, float]] = field(default_factory=list)


def write_checkpoint(
    folder: Path, run: Run, method: Method, optimizers: Mapping[str, Optimizer], begun: Round, position: Position
) -> None:
    """Write a checkpoint.

    Args:
        folder: Of the run.
        run: Configuration of the run, whose digest goes with the checkpoint.
        method: Whose weights to keep.
        optimizers: By name.
        begun: What the current round began with.
        position: How far training is.
    """
    tensors = {f"model.{name}": x for name, x in method.state_dict().items()}
    for name, optimizer in optimizers.items():
        for number, slots in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{name}.{number}.{slot}": x for slot, x in slots.items() if x is not None}
    tensors |= {f"target.{source}": torch.from_numpy(x) for source, x in begun.targets.items()}
    tensors |= {f"memory.{name}": torch.from_numpy(x) for name, x in begun.memory.items()}
    write_tensors(folder / CHECKPOINT, tensors, {"position": json.dumps(asdict(position)), "run": config_digest(run)})


def read_checkpoint(
    folder: Path, run: Run, method: Method, optimizers: Mapping[str, Optimizer]
) -> tuple[Round, Position] | None:
    """Put a checkpoint's weights and optimizers in place.

    Args:
        folder: Of the run.
        run: Configuration of the run that is to go on.
        method: Takes the weights.
        optimizers: As `Method.optimizers` makes them; take the slots of each weight.

    Returns:
        What the current round began with, and how far training was; None if the checkpoint is damaged, with `method`
        and `optimizers` perhaps changed.

    Raises:
        UserError: The checkpoint is of a run of another configuration.
    """
    path = folder / CHECKPOINT
    try:
        with safe_open(path, "pt") as file:
            notes = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dictionary
    except (SafetensorError, OSError):
        return None
    if notes.get("run", "") not in ("", config_digest(run)):
        raise UserError(f"{path}: is of a run of another configuration; choose another folder or delete this file")
    if "run" not in notes:
        return None  # of an older version, which did not say whose it is
    try:
        position = Position(**json.loads(notes["position"]))
        if not (0 <= position.round < method.rounds and 0 <= position.step <= run.training.iterations):
            return None
        return _restored(tensors, method, optimizers), position
    except (KeyError, ValueError, TypeError, RuntimeError, RecursionError):
        return None


def _restored(tensors: Mapping[str, Tensor], method: Method, optimizers: Mapping[str, Optimizer]) -> Round:
    """Put weights and optimizers in place, and return what the round began with."""
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "target": {}, "memory": {}}
    for key, x in tensors.items():
        part, name = key.split(".", 1)
        parts[part][name] = x
    method.load_state_dict(parts["model"])
    slots: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in optimizers}
    for key, x in parts["optimizer"].items():
        name, number, slot = key.rsplit(".", 2)
        slots[name].setdefault(int(number), {})[slot] = x
    for name, optimizer in optimizers.items():
        optimizer.load_state_dict(optimizer.state_dict() | {"state": slots[name]})
    targets, memory = ({name: x.numpy() for name, x in parts[part].items()} for part in ("target", "memory"))
    return Round(targets, memory, {})
