"""How to make features of a new video: like those of a run, or by the field's recipe with given weights."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from actionbytes.backbones.i3d import I3D
from actionbytes.errors import UserError
from actionbytes.features.parameters import Extraction
from actionbytes.files import file_digest, write_text
from actionbytes.parameters import Parameters, validated, with_overrides
from actionbytes.recipes import plain
from actionbytes.video.parameters import Decoding, Flow

LOG = logging.getLogger(__name__)
FILE = "features.json"  # in a run's folder


Compute = Callable[[np.ndarray], np.ndarray]


class WeightFile(Parameters):
    """One stream's weights: where they lie and what they must contain."""

    file: Path
    sha256: str

    @classmethod
    def of(cls, file: Path) -> "WeightFile":
        """The reference to an existing file."""
        if not file.is_file():
            raise UserError(f"{file}: no such weight file")
        return cls(file=file, sha256=file_digest(file))

    def load(self, stream: str) -> "I3D":
        """The network, after a look at the file's digest."""
        from actionbytes.backbones.weights import load_i3d

        if not self.file.is_file():
            raise UserError(f"{self.file}: the {stream} weights are gone; name them with --weights-{stream}")
        if file_digest(self.file) != self.sha256:
            raise UserError(f"{self.file}: is not the {stream} weight file that these features were made with")
        return load_i3d(self.file, stream)


class MadeWith(Parameters):
    """All that it takes to make features of a new video like those of a dataset; kept with features and runs."""

    decoding: Decoding
    flow: Flow
    extraction: Extraction
    rgb: WeightFile
    flow_weights: WeightFile

    def streams(self, device: str = "cpu") -> tuple[Compute, Compute]:
        """The two streams as functions from chunks (n, 16, S, S, c) to features (n, D)."""
        from actionbytes.backbones.i3d import flow_input, rgb_input

        bound = self.flow.bound
        return (
            _compute(self.rgb.load("rgb"), rgb_input, self.extraction, device),
            _compute(self.flow_weights.load("flow"), lambda x: flow_input(x, bound), self.extraction, device),
        )


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


def _compute(model: "I3D", prepare: Callable, extraction: Extraction, device: str) -> Compute:
    import torch

    from actionbytes.backbones.fast import fast_features
    from actionbytes.backbones.parameters import Inference

    torch.set_num_threads(extraction.threads)
    features = fast_features(model, Inference(precision=extraction.precision), device)
    for note in features.notes:
        LOG.info(note)

    def compute(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return features(prepare(x)).numpy()

    return compute
