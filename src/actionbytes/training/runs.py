"""A run on disk: `config.yaml`, `log.csv`, `model.safetensors`.

`round<n>.safetensors` keeps the weights after each round but the last, `rounds.csv` what each round began with. While
the run trains, `checkpoint.safetensors` is there (`training/checkpoints.py`).
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
import yaml
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from actionbytes.errors import UserError
from actionbytes.files import whole, write_text
from actionbytes.methods.base import Method
from actionbytes.methods.registry import method_class, method_parameters
from actionbytes.parameters import Parameters, read_yaml, validated
from actionbytes.training.parameters import Training

CONFIG, MODEL, LOG, ROUNDS = "config.yaml", "model.safetensors", "log.csv", "rounds.csv"


class LearnedFrom(Parameters):
    """What a run knows of one of its sources."""

    videos: int = Field(description="number of videos")
    classes: tuple[str, ...] = Field(description="names of the columns of its labels")
    hop_s: float = Field(description="seconds from one snippet to the next")
    supervision: str = Field(description="labels, or segments where times are learned from too")
    data: str = Field(description="digest of names, features, labels and segments")


class Run(Parameters):
    """The resolved configuration of a run: with the same data it makes the same weights."""

    method: str = Field(description="name of the method")
    parameters: dict[str, Any] = Field(description="of the method")
    training: Training
    seed: int = Field(description="seed of everything random")
    classes: tuple[str, ...] = Field(description="names of the outputs, in order")
    dim: int = Field(ge=1, description="dimensions of the features")
    streams: tuple[str, ...] = Field(min_length=1, description="feature streams, side by side")
    sources: dict[str, LearnedFrom] = Field(description="what it learned from")
    starts: dict[str, str] = Field({}, description="digest of the weights of each run that it started from")

    def build(self, generator: torch.Generator) -> Method:
        """The method with fresh weights, drawn from `generator`."""
        group = validated(method_parameters(self.method), self.parameters, f"{self.method}: {CONFIG}")
        sizes = {name: len(source.classes) for name, source in self.sources.items()}
        return method_class(self.method).built(self.dim, len(self.classes), sizes, group, generator)


def write_config(folder: Path, run: Run) -> None:
    """Write the resolved configuration."""
    write_text(folder / CONFIG, yaml.safe_dump(run.model_dump(mode="json"), sort_keys=False))


def config_digest(run: Run) -> str:
    """Digest of a configuration, by which a checkpoint says whose it is."""
    return hashlib.sha256(json.dumps(run.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def read_config(folder: Path) -> Run:
    """Read the configuration of a run.

    Raises:
        UserError: If there is no run in `folder`, or its configuration is not valid.
    """
    if not (folder / CONFIG).is_file():
        raise UserError(f"{folder}: no run there ({CONFIG} is missing); train one with `actionbytes train`")
    content = read_yaml(folder / CONFIG)
    if not isinstance(content, dict):
        raise UserError(f"{folder / CONFIG}: is no configuration of a run; train it again in an empty folder")
    return validated(Run, content, str(folder / CONFIG))


def round_file(number: int) -> str:
    """Name of the file that keeps the weights after round `number` (from 1)."""
    return f"round{number}.safetensors"


def load_run(folder: Path, round: int | None = None) -> tuple[Method, Run]:
    """Load a trained method.

    Args:
        folder: Of the run.
        round: The model as it was after that round, from 1; None: after the last.

    Returns:
        The method in evaluation mode, and the run's configuration.

    Raises:
        UserError: If the run is not there, not finished or not whole, or has no such round.
    """
    run = read_config(folder)
    method = run.build(torch.Generator())
    if round is not None and not 1 <= round <= method.rounds:
        raise UserError(f"{folder}: has no round {round}; its rounds go from 1 to {method.rounds}")
    name = MODEL if round in (None, method.rounds) else round_file(round)
    if not (folder / name).is_file():
        raise UserError(f"{folder}: {name} is missing, the run is not finished; run the same `actionbytes train` again")
    try:
        method.load_state_dict(load_file(folder / name))
    except (SafetensorError, RuntimeError, KeyError, OSError) as error:
        problem = str(error).splitlines()[0]
        raise UserError(f"{folder / name}: does not hold this run's weights ({problem}); train it again") from None
    return method.eval(), run


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write safetensors so that the file is whole or absent, also after a cut of power."""
    with whole(path) as partial:
        save_file({name: x.contiguous() for name, x in tensors.items()}, partial, metadata)


def is_whole(path: Path) -> bool:
    """Whether there is a safetensors file as long as its header says; a cut of power can leave an empty one."""
    try:
        with safe_open(path, "pt"):
            return True
    except (SafetensorError, OSError):
        return False
