"""What users declare: `params.yaml` (two suites) and experiments. Defaults stand beside the code that uses them."""

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from actionbytes.backbones.parameters import Pretraining
from actionbytes.data.exclusions import Exclusion
from actionbytes.errors import UserError
from actionbytes.evaluation.parameters import Evaluation
from actionbytes.features.kinds import FeatureKind
from actionbytes.localization.thresholds import Localization
from actionbytes.mini.world import MiniWorld
from actionbytes.parameters import Parameters, read_yaml, validated
from actionbytes.video.parameters import Decoding, Flow


class Weights(Parameters):
    """A published weight file: it is named by its content, so that a recipe needs no download to be known."""

    file: Path = Field(description="where the file lies, relative to the project")
    git_blob: str = Field(pattern="^[0-9a-f]{40}$", description="SHA-1 of 'blob <size>\\0' and the content")


class Backbone(Parameters):
    """I3D: narrow and pretrained here (mini), or at full width with published weights."""

    width: float = Field(1.0, gt=0, le=1, multiple_of=0.125, description="Scales every channel count; 1 is I3D.")
    seed: int = Field(0, ge=0, description="of pretraining")
    rgb: Weights | None = Field(None, description="published RGB weights; none: pretrain on kinetics400")
    flow: Weights | None = Field(None, description="published flow weights; none: pretrain on kinetics400")

    @model_validator(mode="after")
    def _both_or_none(self) -> "Backbone":
        if (self.rgb is None) != (self.flow is None):
            raise ValueError("give weights for both streams or for none")
        return self


class DatasetParameters(Parameters):
    """Where a dataset's videos are and how they are dealt into jobs; docs/own-data.md has `clips` to `annotations`."""

    shards: int = Field(2, ge=1, le=4096, description="Jobs per subset and stage; a video's shard is a hash of its id.")
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
        """Whether its videos lie in the user's own folders."""
        return bool(self.clips or self.videos)


class Words(Parameters):
    """Word vectors that tie class names together (methods.md 5.4)."""

    file: Path | None = Field(None, description="word2vec file, binary or text; none: the mini world's own")
    aliases: dict[str, str] = Field(default_factory=dict, description="class name -> words to look up instead")


class MethodSizes(Parameters):
    """What this suite changes about a method; papers/*.yaml says what an experiment changes."""

    parameters: dict = Field(
        default_factory=dict, description="method parameters, see `actionbytes train METHOD --help`"
    )
    training: dict = Field(default_factory=dict, description="training parameters")


class Metrics(Parameters):
    """What metrics.json holds; tables pick from it."""

    tiou: tuple[float, ...] = Field(
        tuple(round(0.05 * k, 2) for k in range(2, 20)), min_length=1, description="thresholds: 0.1, 0.15, ... 0.95"
    )
    options: Evaluation = Field(Evaluation(), description="quirks of data and protocols, see docs/protocols.md")


class Suite(Parameters):
    """Everything about one suite."""

    tier: Literal["A", "B", "C"] = Field(description="comparability of its results with published ones")
    datasets: dict[str, DatasetParameters] = Field(description="datasets of this suite")
    world: MiniWorld | None = Field(None, description="the mini world; none: real videos")
    decoding: Decoding = Field(Decoding(), description="frames")
    flow: Flow = Field(Flow(), description="optical flow")
    backbone: Backbone = Field(Backbone(), description="network")
    pretraining: Pretraining = Field(Pretraining(), description="of the backbone, where no published weights are used")
    features: FeatureKind = Field(FeatureKind(), description="snippet features")
    words: Words = Field(Words(), description="word vectors")
    exclusion: Exclusion = Field(Exclusion(), description="which source classes zero-shot experiments leave out")
    methods: dict[str, MethodSizes] = Field(default_factory=dict, description="sizes of the methods in this suite")
    localization: Localization = Field(Localization(), description="defaults of turning scores into segments")
    evaluation: Metrics = Field(Metrics(), description="what is measured, under every protocol")

    @model_validator(mode="after")
    def _consistent(self) -> "Suite":
        for name, dataset in self.datasets.items():
            if not re.fullmatch(r"\w+", name):
                raise ValueError(f"datasets: {name!r} cannot name a dataset; use letters, digits and _")
            if dataset.videos_of and self.datasets.get(dataset.videos_of, dataset).own:
                raise ValueError(f"datasets.{name}.videos_of: {dataset.videos_of!r} has videos of your own")
            if dataset.videos_of and dataset.videos_of not in self.datasets:
                raise ValueError(f"datasets.{name}.videos_of: {dataset.videos_of!r} is no dataset of this suite")
        if self.world is None and self.backbone.rgb is None:
            raise ValueError("a suite of real videos needs published weights: set backbone.rgb and backbone.flow")
        return self


class Config(Parameters):
    """`params.yaml` as a whole."""

    suite: Literal["mini", "full"] = Field("mini", description="which suite the targets are made with")
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1, description="seeds of every experiment that names none")
    mini: Suite
    full: Suite

    @property
    def active(self) -> Suite:
        """The suite in use."""
        return self.mini if self.suite == "mini" else self.full


def read_config(path: Path) -> Config:
    """Read and check `params.yaml`."""
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise UserError(f"{path}: must hold keys and values; see the file in the repository")
    return validated(Config, values, str(path))
