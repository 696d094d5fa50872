"""How to make features of a new video: like those of a run, or by the field's recipe with given weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from actionbytes.backbones.parameters import Inference
from actionbytes.backbones.registry import NETWORKS, StreamFeatures
from actionbytes.errors import UserError
from actionbytes.features.kinds import FeatureKind
from actionbytes.features.store import current_made_with
from actionbytes.files import file_digest, read_json, write_text
from actionbytes.parameters import Parameters, merged, validated, with_overrides
from actionbytes.recipes import plain
from actionbytes.threads import threads
from actionbytes.video.parameters import Decoding, Flow

FILE = "features.json"  # in a run's folder


class WeightFile(Parameters):
    """One stream's weights: where they are and what the file must contain."""

    file: Path = Field(description="the file of weights")
    sha256: str = Field(description="SHA-256 of its bytes")

    @classmethod
    def of(cls, file: Path) -> "WeightFile":
        """The reference to an existing file."""
        if not file.is_file():
            raise UserError(f"{file}: no such weight file")
        return cls(file=file, sha256=file_digest(file))

    def checked(self, stream: str) -> Path:
        """The path, if the file is there and unchanged; a UserError otherwise.

        Args:
            stream: Stream that the weights are for, for the error line.
        """
        if not self.file.is_file():
            raise UserError(f"{self.file}: the {stream} weights are gone; name them with --weights-{stream}")
        if file_digest(self.file) != self.sha256:
            raise UserError(f"{self.file}: is not the {stream} weight file that these features were made with")
        return self.file


class MadeWith(Parameters):
    """All that it takes to make features of a new video like those of a dataset; kept with features and runs."""

    decoding: Decoding = Field(description="how videos become frames")
    flow: Flow = Field(description="optical flow, for the streams that see it")
    features: FeatureKind = Field(description="network, streams and snippets")
    weights: dict[str, WeightFile] = Field(description="file of weights of each stream")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if missing := [stream for stream in self.features.streams if stream not in self.weights]:
            raise ValueError(f"no weights of the {missing[0]} stream")
        if self.features.fps not in (None, self.decoding.fps):
            raise ValueError(f"features.fps {self.features.fps:g} is not decoding.fps {self.decoding.fps:g}; set both")
        return self

    def streams(self, device: str = "cpu") -> dict[str, StreamFeatures]:
        """Load the network of each stream.

        Args:
            device: Torch's name of the device.

        Returns:
            Stream -> a function from the pixels of snippets, (n, span, S, S, c), to their features, (n, D).
        """
        inference = Inference(self.features.precision, device, self.flow.bound)
        network = NETWORKS[self.features.network]
        return {
            stream: _with_threads(
                network.open_stream(self.weights[stream].checked(stream), stream, inference), self.features.threads
            )
            for stream in self.features.streams
        }


def _with_threads(compute: StreamFeatures, count: int) -> StreamFeatures:
    """`compute`, with `count` threads of torch while it runs."""

    def run(snippets: np.ndarray) -> np.ndarray:
        with threads(count):
            return compute(snippets)

    return run


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
    recorded: dict[str, Any] | None = None,
) -> MadeWith:
    """How to make features, from what a run or stored features say, or by the field's recipe.

    Args:
        run: A run whose features are to be made alike; it goes before `recorded`.
        weights_rgb: File of weights of the rgb stream, on top.
        weights_flow: File of weights of the flow stream, on top.
        settings: `key=value` settings on top, such as `decoding.fps=10`.
        precision: Precision of the network, on top.
        recorded: What stored features say of themselves.

    Raises:
        UserError: A stream has no weights, a file is missing or a setting is not allowed.
    """
    field = {"decoding": Decoding(), "flow": Flow(), "features": FeatureKind()}
    files = {"rgb": weights_rgb, "flow": weights_flow}
    named = {stream: WeightFile.of(path) for stream, path in files.items() if path}
    on_top = {"weights": named} | ({"features": {"precision": precision}} if precision else {})
    values = merged(_of_run(run) if run else recorded or plain(field), plain(on_top))
    values = with_overrides(values, settings)
    for stream in validated(FeatureKind, values.get("features"), "--set").streams:
        if stream not in values["weights"]:
            missing = f"no --weights-{stream}: name its weights (published .pt or .safetensors)"
            raise UserError(f"{missing}, or a --run that has them")
    return validated(MadeWith, values, "--set")


def _of_run(run: Path) -> dict[str, Any]:
    path = run / FILE
    if not path.is_file():
        raise UserError(f"{run}: does not say how its features were made ({FILE} is missing; they were imported)")
    content = read_json(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: does not say how features are made; train the run again")
    try:
        made_with = current_made_with(content)
    except (TypeError, ValueError, AttributeError):
        raise UserError(f"{path}: does not say how features are made; train the run again") from None
    weights = made_with.get("weights")
    return made_with | ({"weights": _seen_from(run, weights)} if isinstance(weights, dict) else {})


def _seen_from(run: Path, weights: Mapping[str, Any]) -> dict[str, Any]:
    """`weights` with paths that lead to their files from the current folder.

    A run keeps paths relative to its project. Where they lead nowhere, a folder that the run lies in may be that
    project: the nearest from which they lead to a file is taken. Its content is checked when it is used.
    """
    found = dict(weights)
    for stream, entry in weights.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("file"), str) or Path(entry["file"]).is_file():
            continue
        files = (folder / entry["file"] for folder in run.resolve().parents)
        if file := next((file for file in files if file.is_file()), None):
            found[stream] = {**entry, "file": str(file)}
    return found
