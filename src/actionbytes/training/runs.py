"""A run on disk: `config.yaml`, `log.csv`, `model.safetensors`; while it trains, `checkpoint.safetensors`.

`stage<n>.safetensors` keeps the weights after each stage but the last, `stages.csv` what each stage began with.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from actionbytes.errors import UserError
from actionbytes.files import write_text
from actionbytes.methods.base import Method
from actionbytes.methods.registry import method_class, method_parameters
from actionbytes.parameters import Parameters, read_yaml, validated
from actionbytes.training.parameters import Training

CONFIG, MODEL, CHECKPOINT, LOG, STAGES = (
    "config.yaml",
    "model.safetensors",
    "checkpoint.safetensors",
    "log.csv",
    "stages.csv",
)


class Run(Parameters):
    """The resolved configuration of a run: with the same data it makes the same weights.

    classes: names, in the order of the outputs; dim, hop_s, streams, videos: of the training features; data: digest of
    features and labels; init: digest of the weights that it started from.
    """

    method: str
    parameters: dict[str, Any]
    training: Training
    seed: int
    classes: tuple[str, ...]
    dim: int
    hop_s: float
    streams: tuple[str, ...]
    videos: int
    data: str
    init: str | None = None

    def build(self, generator: torch.Generator) -> Method:
        """The method with fresh weights."""
        group = validated(method_parameters(self.method), self.parameters, f"{self.method}: {CONFIG}")
        return method_class(self.method)(self.dim, len(self.classes), group, generator)


def write_config(folder: Path, run: Run) -> None:
    """Write the resolved configuration."""
    write_text(folder / CONFIG, yaml.safe_dump(run.model_dump(mode="json"), sort_keys=False))


def read_config(folder: Path) -> Run:
    """The configuration of a run."""
    if not (folder / CONFIG).is_file():
        raise UserError(f"{folder}: no run there ({CONFIG} is missing); train one with `actionbytes train`")
    return validated(Run, read_yaml(folder / CONFIG), str(folder / CONFIG))


def load_run(folder: Path, stage: int | None = None) -> tuple[Method, Run]:
    """A trained method in evaluation mode, and its configuration. `stage` (from 1): as it was after that stage."""
    run = read_config(folder)
    method = run.build(torch.Generator())
    name = MODEL if stage is None or stage == method.stages else f"stage{stage}.safetensors"
    if not (folder / name).is_file():
        raise UserError(f"{folder}: {name} is missing, the run is not finished; run the same `actionbytes train` again")
    try:
        method.load_state_dict(load_file(folder / name))
    except (SafetensorError, RuntimeError) as error:
        problem = str(error).splitlines()[0]
        raise UserError(f"{folder / name}: does not hold this run's weights ({problem}); train it again") from None
    return method.eval(), run


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write safetensors so that the file is whole or absent."""
    partial = path.with_name(path.name + ".partial")
    save_file({name: x.contiguous() for name, x in tensors.items()}, partial, metadata)
    partial.replace(path)


def write_checkpoint(
    folder: Path,
    method: Method,
    optimizer: torch.optim.Optimizer,
    arrays: dict[str, np.ndarray],
    state: dict[str, Any],
) -> None:
    """Everything that going on needs, in one file: weights, optimizer, the stage's `arrays` and a JSON `state`."""
    tensors = {f"model.{name}": x for name, x in method.state_dict().items()}
    for i, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{name}": x for name, x in slots.items()}
    tensors |= {f"array.{name}": torch.from_numpy(x) for name, x in arrays.items()}
    write_tensors(folder / CHECKPOINT, tensors, {"state": json.dumps(state)})


def read_checkpoint(
    folder: Path, method: Method, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Put a checkpoint's weights and optimizer in place; return its `arrays` and `state`."""
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "array": {}}
    with safe_open(folder / CHECKPOINT, "pt") as file:
        state = json.loads(file.metadata()["state"])
        for key in file.keys():  # noqa: SIM118 - not a dictionary
            kind, name = key.split(".", 1)
            parts[kind][name] = file.get_tensor(key)
    method.load_state_dict(parts["model"])
    slots: dict[int, dict[str, Tensor]] = {}
    for name, x in parts["optimizer"].items():
        number, slot = name.split(".")
        slots.setdefault(int(number), {})[slot] = x
    optimizer.load_state_dict(optimizer.state_dict() | {"state": slots})
    return {name: x.numpy() for name, x in parts["array"].items()}, state
