"""What users declare in `params.yaml`: two suites. Defaults stand beside the code that uses them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from actionbytes.backbones.parameters import Pretraining
from actionbytes.data.exclusions import Exclusion
from actionbytes.errors import UserError
from actionbytes.evaluation.parameters import Evaluation
from actionbytes.features.kinds import FeatureKind
from actionbytes.mini.world import MiniWorld
from actionbytes.papers.experiments import Seeds
from actionbytes.papers.likeness import resolved
from actionbytes.parameters import Parameters, read_yaml, validated
from actionbytes.video.parameters import Decoding, Flow


class Weights(Parameters):
    """A published weight file: it is named by its content, so that a recipe needs no download to be known."""

    file: Path = Field(description="where the file is, relative to the project")
    git_blob: str = Field(pattern="^[0-9a-f]{40}$", description="SHA-1 of 'blob <size>\\0' and the content")


class Network(Parameters):
    """A network that computes features: pretrained here (mini), or with published weights."""

    width: float = Field(1.0, gt=0, le=1, multiple_of=0.125, description="scales every channel count; 1 is the network")
    seed: int = Field(0, ge=0, description="of pretraining")
    rgb: Weights | None = Field(None, description="published RGB weights; none: pretrain on kinetics400")
    flow: Weights | None = Field(None, description="published flow weights; none: pretrain on kinetics400")
    pretraining: Pretraining = Field(Pretraining(), description="where no published weights are used")

    @model_validator(mode="after")
    def _both_or_none(self) -> "Network":
        if (self.rgb is None) != (self.flow is None):
            raise ValueError("give weights for both streams or for none")
        return self

    @property
    def published(self) -> dict[str, Weights]:
        """Stream -> published weights; empty where the network is pretrained here."""
        return {"rgb": self.rgb, "flow": self.flow} if self.rgb and self.flow else {}


class DatasetParameters(Parameters):
    """Where a dataset's videos are and how they are divided among jobs; docs/own-data.md explains own videos."""

    shards: int = Field(2, ge=1, le=4096, description="jobs per subset and stage; a video's shard is a hash of its id")
    videos_of: str | None = Field(None, description="another dataset whose videos and features this one labels anew")
    hidden: tuple[str, ...] = Field((), description="subsets whose truth only a test server has: no metrics of them")
    clips: Path | None = Field(None, description="own trimmed clips: <class>/ folders, or <subset>/<class>/ ones")
    subset: str | None = Field(None, pattern=r"^\w+$", description="of all the clips; none: the first level of folders")
    videos: Path | None = Field(None, description="folder of own untrimmed videos")
    annotations: Path | None = Field(None, description="ActivityNet JSON of the untrimmed videos")

    @model_validator(mode="after")
    def _complete(self) -> "DatasetParameters":
        if (self.videos is None) != (self.annotations is None):
            raise ValueError("own untrimmed videos need both `videos` and `annotations`")
        if self.subset and not self.clips:
            raise ValueError("`subset` is of `clips`; the JSON says the subset of an untrimmed video")
        if self.own and self.videos_of:
            raise ValueError("`videos_of` labels another dataset's videos; it has none of its own")
        return self

    @property
    def own(self) -> bool:
        """Whether its videos are in the user's own folders."""
        return bool(self.clips or self.videos)


class Words(Parameters):
    """Word vectors, by which class names of two datasets are compared."""

    file: Path | None = Field(None, description="word2vec file, binary or text; none: the mini world's own")
    aliases: dict[str, str] = Field({}, description="class name -> words to look up instead")


class MethodSizes(Parameters):
    """What this suite changes about a method; papers/*.yaml says what an experiment changes."""

    parameters: dict[str, Any] = Field({}, description="of the method, see `actionbytes params`")
    training: dict[str, Any] = Field({}, description="of its training")
    localization: dict[str, Any] = Field({}, description="of turning its predictions into segments")


class Metrics(Parameters):
    """What metrics.json holds; tables pick from it."""

    tiou: tuple[float, ...] = Field(
        tuple(round(0.05 * k, 2) for k in range(2, 20)),
        min_length=1,
        max_length=1000,
        description="thresholds above 0 and up to 1: 0.1, 0.15, ... 0.95",
    )
    options: Evaluation = Field(Evaluation(), description="quirks of data and protocols, see docs/protocols.md")

    @field_validator("tiou")
    @classmethod
    def _thresholds(cls, tiou: tuple[float, ...]) -> tuple[float, ...]:
        if wrong := [value for value in tiou if not 0 < value <= 1]:
            raise ValueError(f"{wrong[0]} is no threshold above 0 and up to 1")
        return tiou


class Suite(Parameters):
    """Everything about one suite."""

    tier: Literal["A", "B", "C"] = Field(description="comparability of its results with published ones")
    datasets: dict[str, DatasetParameters] = Field(description="datasets of this suite")
    world: MiniWorld | None = Field(None, description="the mini world; none: real videos")
    decoding: Decoding = Field(Decoding(), description="frames")
    flow: Flow = Field(Flow(), description="optical flow")
    networks: dict[str, Network] = Field({"i3d": Network()}, description="what computes features")
    features: dict[str, FeatureKind] = Field(
        {"i3d": FeatureKind()},
        description="kinds of features, by the names that experiments use; a kind may be `like` another",
    )
    words: Words = Field(Words(), description="word vectors")
    exclusion: Exclusion = Field(Exclusion(), description="which source classes zero-shot experiments leave out")
    methods: dict[str, MethodSizes] = Field({}, description="sizes of the methods in this suite")
    evaluation: Metrics = Field(Metrics(), description="what is measured, under every protocol")

    @model_validator(mode="before")
    @classmethod
    def _kinds_in_full(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and isinstance(values.get("features"), Mapping):
            try:
                kinds = resolved(values["features"], lambda name: f"features.{name}")
            except UserError as error:
                raise ValueError(str(error)) from None
            return {**values, "features": kinds}
        return values

    @model_validator(mode="after")
    def _consistent(self) -> "Suite":
        for name, dataset in self.datasets.items():
            if not re.fullmatch(r"\w+", name):
                raise ValueError(f"datasets: {name!r} cannot name a dataset; use letters, digits and _")
            if dataset.videos_of and self.datasets.get(dataset.videos_of, dataset).own:
                raise ValueError(f"datasets.{name}.videos_of: {dataset.videos_of!r} has videos of your own")
            if dataset.videos_of and dataset.videos_of not in self.datasets:
                raise ValueError(f"datasets.{name}.videos_of: {dataset.videos_of!r} is no dataset of this suite")
        for name, kind in self.features.items():
            if kind.network not in self.networks:
                declared = ", ".join(self.networks)
                raise ValueError(f"features.{name}.network: {kind.network!r} is not in networks, which has {declared}")
            if self.world is None and not self.networks[kind.network].published:
                raise ValueError(
                    f"a suite of real videos needs published weights: set rgb and flow of networks.{kind.network}"
                )
        return self


class Config(Parameters):
    """`params.yaml` as a whole."""

    suite: Literal["mini", "full"] = Field("mini", description="which suite the targets are made with")
    seeds: Seeds = Field((0, 1, 2), min_length=1, description="seeds of every experiment that names none")
    mini: Suite = Field(description="a rendered world, small enough to be made in minutes")
    full: Suite = Field(description="the real benchmarks")

    @property
    def active(self) -> Suite:
        """The suite in use."""
        return self.mini if self.suite == "mini" else self.full


def read_config(path: Path) -> Config:
    """Read and check `params.yaml`.

    Raises:
        UserError: In one line, the first key that is wrong.
    """
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise UserError(f"{path}: must hold keys and values; see the file in the repository")
    return validated(Config, values, str(path))
