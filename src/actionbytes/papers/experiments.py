"""Experiments: what a row of a table or a point of a figure runs."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from actionbytes.parameters import Parameters


def _different_seeds(seeds: tuple[int, ...]) -> tuple[int, ...]:
    """Seeds as they are; a mean over the same run twice would have no spread."""
    if min(seeds, default=0) < 0:
        raise ValueError("a seed is a whole number, 0 or more")
    if len(set(seeds)) < len(seeds):
        raise ValueError("the same seed is there twice")
    return seeds


Seeds = Annotated[tuple[int, ...], AfterValidator(_different_seeds)]


class Source(Parameters):
    """Videos that a method learns from."""

    dataset: str = Field(description="a dataset of the suite")
    subset: str = Field(description="which of its subsets, such as training")
    supervision: Literal["labels", "segments"] = Field(
        "labels", description="what the method is told: which classes a video shows, or also when"
    )
    exclude: str | None = Field(
        None, description="zero-shot: a dataset whose classes are taken out, found by their names (`exclusion`)"
    )
    classes: str | None = Field(
        None, description="class split, papers/splits/<name>.yaml: only these are learned; none: every class"
    )
    annotated: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the videos that is used, by a hash of their ids: larger shares hold smaller ones",
    )


class Target(Parameters):
    """Videos that an experiment is tested on."""

    subset: str = Field(description="which subset of the dataset, such as test")
    classes: str | None = Field(
        None,
        description="class split, papers/splits/<name>.yaml: only these are to be found; none: every class",
    )


def _subset_alone(value: object) -> object:
    return {"subset": value} if isinstance(value, str) else value


class TargetChanges(Parameters):
    """What an experiment does otherwise on one of its targets."""

    transfer: dict[str, Any] = Field({}, description="of carrying labels from source to target by their names")
    localization: dict[str, Any] = Field({}, description="of turning predictions into segments")


class Experiment(Parameters):
    """What a row of a table runs: a method, what it learns from, what it is tested on. Declared in `papers/*.yaml`.

    In the files an experiment may be `like` another and say only what differs (`papers/likeness.py`).
    """

    like: str | None = Field(None, description="another experiment; what follows is laid over it, null takes a key out")
    method: str = Field(description="name of a method, as in `actionbytes train METHOD`")
    source: Source | None = Field(None, description="what it learns from, where the method has one source")
    sources: dict[str, Source] = Field({}, description="what it learns from, by the method's names of its sources")
    targets: dict[str, Annotated[Target, BeforeValidator(_subset_alone, json_schema_input_type=str | Target)]] = Field(
        description="what it is tested on: dataset -> subset, or {subset, classes}"
    )
    features: str = Field("i3d", description="kind of features, a key of `features` in params.yaml")
    init: str | dict[str, str] | None = Field(
        None,
        description="experiment whose run (same seed) this one starts from; where the method starts from several: "
        "its name for each -> experiment",
    )
    round: int | None = Field(
        None, ge=1, description="test the model as it was after this mining round; none: the last"
    )
    parameters: dict[str, Any] = Field({}, description="of the method")
    training: dict[str, Any] = Field({}, description="of its training")
    transfer: dict[str, Any] = Field({}, description="of labels, where source and target differ")
    localization: dict[str, Any] = Field({}, description="of turning predictions into segments")
    for_target: dict[str, TargetChanges] = Field({}, description="target -> what differs there")
    seeds: Seeds | None = Field(None, description="seeds; none: those of params.yaml")

    @model_validator(mode="after")
    def _one_way_to_name_sources(self) -> Self:
        if (self.source is None) == (not self.sources):
            raise ValueError("give either `source` or `sources`")
        return self

    @model_validator(mode="after")
    def _changes_of_targets(self) -> Self:
        for target in self.for_target:
            if target not in self.targets:
                raise ValueError(f"for_target names {target!r}, which is not among the targets")
        return self
