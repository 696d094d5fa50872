"""Artifacts: what the plan names. Each knows its recipe, where it lies and what it is made from; none opens a file."""

from dataclasses import dataclass
from pathlib import Path

from actionbytes.backbones.parameters import Pretraining
from actionbytes.data.manifests import shard_names
from actionbytes.features.kinds import FeatureKind
from actionbytes.localization.transfer import LabelTransfer
from actionbytes.parameters import Parameters
from actionbytes.recipes import Recipe
from actionbytes.training.parameters import Training
from actionbytes.video.parameters import Decoding, Flow


@dataclass(frozen=True)
class Clips:
    """Decoded frames and flow of one dataset: temporary, one folder per shard."""

    home: Path  # data/<suite>/<dataset>
    dataset: str
    shards: int
    decoding: Decoding
    flow: Flow
    frames_recipe: Recipe
    flow_recipe: Recipe

    def frames_of(self, shard: str) -> Path:
        return self.home / "frames" / self.frames_recipe.name / shard

    def flow_of(self, shard: str) -> Path:
        return self.home / "flow" / self.flow_recipe.name / shard

    def shard_names(self, subset: str) -> list[str]:
        return shard_names(subset, self.shards)


@dataclass(frozen=True)
class Backbones:
    """The pretrained streams of a suite without published weights, and the clips that they learn from."""

    folder: Path  # data/<suite>/weights/<recipe>
    recipe: Recipe
    clips: Clips
    subset: str
    width: float
    seed: int
    pretraining: Pretraining

    def file(self, stream: str) -> Path:
        return self.folder / f"{stream}.safetensors"

    def inputs(self, stream: str) -> list[Path]:
        """Folders of frames (rgb) or flow (flow), one per shard."""
        one = self.clips.frames_of if stream == "rgb" else self.clips.flow_of
        return [one(shard) for shard in self.clips.shard_names(self.subset)]


@dataclass(frozen=True)
class FeatureSet:
    """The features of one dataset under one recipe."""

    clips: Clips
    kind: FeatureKind
    recipe: Recipe
    weights: tuple[Path, Path]  # rgb, flow

    @property
    def folder(self) -> Path:
        return self.clips.home / "features" / self.recipe.name

    def files(self, subset: str) -> list[Path]:
        """The shards of a subset."""
        return [self.folder / f"{shard}.h5" for shard in self.clips.shard_names(subset)]

    def listing(self, subset: str) -> Path:
        """CSV of what became of each video of a subset."""
        return self.folder / f"{subset}.videos.csv"


@dataclass(frozen=True)
class Stills:
    """One frame a snippet of a few videos of a subset: what pictures need of the videos, small enough to be cached."""

    home: Path  # data/<suite>/<dataset>
    dataset: str
    subset: str
    videos: int
    decoding: Decoding
    recipe: Recipe

    @property
    def file(self) -> Path:
        return self.home / "stills" / f"{self.recipe.name}.h5"


@dataclass(frozen=True)
class Excluded:
    """The source classes that are too close to a target's for zero-shot, found by rule."""

    folder: Path  # results/exclusions/<suite>
    dataset: str
    subset: str
    target: str
    recipe: Recipe

    @property
    def file(self) -> Path:
        return self.folder / f"{self.recipe.name}.csv"


@dataclass(frozen=True)
class Run:
    """Training runs of one method on one source under one recipe; one folder per seed."""

    folder: Path  # results/runs/<suite>/<recipe>
    recipe: Recipe
    method: str
    dataset: str
    subset: str
    features: FeatureSet
    parameters: Parameters
    training: Training
    init: "Run | None"
    excluded: Excluded | None = None

    def seed(self, seed: int) -> Path:
        return self.folder / f"seed{seed}"

    def model(self, seed: int) -> Path:
        return self.seed(seed) / "model.safetensors"

    @property
    def inputs(self) -> list[Path]:
        """The feature shards it learns from."""
        return self.features.files(self.subset)

    @property
    def exclusions(self) -> list[Path]:
        """The list of classes it leaves out, if any."""
        return [self.excluded.file] if self.excluded else []

    def init_models(self, seed: int) -> list[Path]:
        """The model it starts from, if any."""
        return [self.init.model(seed)] if self.init else []


@dataclass(frozen=True)
class Localized:
    """Detections of a run's seeds on one target under one recipe."""

    run: Run
    target: str
    subset: str
    features: FeatureSet
    recipe: Recipe
    localization: Parameters
    transfer: LabelTransfer | None
    stage: int | None = None  # of the run; none: the last

    def folder(self, seed: int) -> Path:
        return self.run.seed(seed) / self.target / self.recipe.name

    @property
    def inputs(self) -> list[Path]:
        """The feature shards that are localized."""
        return self.features.files(self.subset)

    @property
    def listing(self) -> Path:
        return self.features.listing(self.subset)
