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
from safetensors import safe_open
from torch import Tensor
from torch.optim import Optimizer

from actionbytes.methods.base import Method
from actionbytes.methods.sets import Round
from actionbytes.training.runs import write_tensors

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
    folder: Path, method: Method, optimizers: Mapping[str, Optimizer], begun: Round, position: Position
) -> None:
    """Write a checkpoint.

    Args:
        folder: Of the run.
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
    write_tensors(folder / CHECKPOINT, tensors, {"position": json.dumps(asdict(position))})


def read_checkpoint(folder: Path, method: Method, optimizers: Mapping[str, Optimizer]) -> tuple[Round, Position]:
    """Put a checkpoint's weights and optimizers in place.

    Args:
        folder: Of the run.
        method: Takes the weights.
        optimizers: As `Method.optimizers` makes them; take the slots of each weight.

    Returns:
        What the current round began with, and how far training was.
    """
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "target": {}, "memory": {}}
    with safe_open(folder / CHECKPOINT, "pt") as file:
        position = Position(**json.loads(file.metadata()["position"]))
        for key in file.keys():  # noqa: SIM118 - not a dictionary
            part, name = key.split(".", 1)
            parts[part][name] = file.get_tensor(key)
    method.load_state_dict(parts["model"])
    slots: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in optimizers}
    for key, x in parts["optimizer"].items():
        name, number, slot = key.rsplit(".", 2)
        slots[name].setdefault(int(number), {})[slot] = x
    for name, optimizer in optimizers.items():
        optimizer.load_state_dict(optimizer.state_dict() | {"state": slots[name]})
    targets, memory = ({name: x.numpy() for name, x in parts[part].items()} for part in ("target", "memory"))
    return Round(targets, memory, {}), position
