"""Experiments: what a row of a table runs."""

from typing import Any

from pydantic import Field

from actionbytes.parameters import Parameters


class Source(Parameters):
    """The videos a method learns from."""

    dataset: str
    subset: str
    exclude: str | None = Field(None, description="zero-shot: a dataset whose classes are taken out of the source")


class Experiment(Parameters):
    """What a row of a table runs: a method, what it learns from, what it is tested on. Declared in `papers/*.yaml`."""

    method: str = Field(description="name of a method, as in `actionbytes train METHOD`")
    source: Source = Field(description="what it learns from")
    targets: dict[str, str] = Field(description="what it is tested on: dataset -> subset")
    init: str | None = Field(None, description="experiment whose run (same seed) this one starts from")
    stage: int | None = Field(None, ge=1, description="test the model as it was after this stage (mining round)")
    parameters: dict[str, Any] = Field(default_factory=dict, description="of the method")
    training: dict[str, Any] = Field(default_factory=dict, description="of its training")
    decoding: dict[str, Any] = Field(default_factory=dict, description="of its features, such as fps")
    transfer: dict[str, Any] = Field(default_factory=dict, description="of labels, where source and target differ")
    proposals: dict[str, Any] = Field(default_factory=dict, description="of cutting and merging, where they are on")
    localization: dict[str, Any] = Field(default_factory=dict, description="of turning scores into segments")
    for_target: dict[str, dict[str, dict[str, Any]]] = Field(
        default_factory=dict, description="target -> {proposals, localization, transfer} that differ there"
    )
    seeds: tuple[int, ...] | None = Field(None, description="seeds; none: those of params.yaml")
