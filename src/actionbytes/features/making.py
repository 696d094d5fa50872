"""How to make features of a new video: like those of a run, or by the field's recipe with given weights."""

import json
from pathlib import Path

from actionbytes.errors import UserError
from actionbytes.features.extract import Extraction, MadeWith, WeightFile
from actionbytes.parameters import validated, with_overrides
from actionbytes.recipes import plain, write_text
from actionbytes.video.decode import Decoding
from actionbytes.video.flow import Flow

FILE = "features.json"  # in a run's folder


def remember(run: Path, made_with: dict | None) -> None:
    """Keep with a run how its features were made; nothing to keep for imported features."""
    if made_with:
        write_text(run / FILE, json.dumps(made_with, indent=1, sort_keys=True) + "\n")


def making_of(
    run: Path | None,
    weights_rgb: Path | None = None,
    weights_flow: Path | None = None,
    settings: tuple[str, ...] = (),
    precision: str | None = None,
    known: dict | None = None,
) -> MadeWith:
    """The recipe of `run`, or a `known` one, or the field's, with the weights and `--set` settings given on top."""
    field = plain({"decoding": Decoding(), "flow": Flow(), "extraction": Extraction()})
    values = _of_run(run) if run else dict(known or field)
    for key, path, option in (("rgb", weights_rgb, "--weights-rgb"), ("flow_weights", weights_flow, "--weights-flow")):
        if path:
            values[key] = plain(WeightFile.of(path))
        elif key not in values:
            raise UserError(f"no {option}: name I3D weights (published .pt or .safetensors), or a --run that has them")
    values = with_overrides(values, settings)
    if precision:
        values["extraction"]["precision"] = precision
    return validated(MadeWith, values, "--set")


def _of_run(run: Path) -> dict:
    path = run / FILE
    if not path.is_file():
        raise UserError(f"{run}: does not say how its features were made ({FILE} is missing; they were imported)")
    try:
        return json.loads(path.read_text())
    except ValueError:
        raise UserError(f"{path}: not valid JSON") from None
