"""Artifacts: what the plan names. Each knows its recipe, its place and what it is made from; none opens a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from actionbytes.backbones.parameters import Pretraining
from actionbytes.data.manifests import shard_names
from actionbytes.features.kinds import FeatureKind
from actionbytes.localization.thresholds import SegmentRules
from actionbytes.localization.transfer import LabelTransfer
from actionbytes.methods.parameters import MethodParameters
from actionbytes.papers.experiments import Source
from actionbytes.recipes import Recipe
from actionbytes.training.parameters import Training
from actionbytes.video.parameters import Decoding, Flow


@dataclass(frozen=True)
class FrameSet:
    """Decoded frames and flow of one dataset: temporary, one folder per shard.

    Attributes:
        home: Folder of the dataset, data/<suite>/<dataset>.
        dataset: Its name.
        shards: Shards of each subset.
        decoding: How frames are decoded.
        flow: How flow is computed.
        frames_recipe: What names the frames.
        flow_recipe: What names the flow.
    """

    home: Path
    dataset: str
    shards: int
    decoding: Decoding
    flow: Flow
    frames_recipe: Recipe
    flow_recipe: Recipe

    def frames_of(self, shard: str) -> Path:
        """Folder of the frames of a shard."""
        return self.home / "frames" / self.frames_recipe.name / shard

    def flow_of(self, shard: str) -> Path:
        """Folder of the flow of a shard."""
        return self.home / "flow" / self.flow_recipe.name / shard

    def of_stream(self, stream: str, shard: str) -> Path:
        """Folder of what a stream of a network sees: flow for `flow`, frames for any other."""
        return self.flow_of(shard) if stream == "flow" else self.frames_of(shard)

    def shard_names(self, subset: str) -> list[str]:
        """Names of the shards of a subset."""
        return shard_names(subset, self.shards)


@dataclass(frozen=True)
class Pretrained:
    """The streams of a network that is pretrained here, and the clips that they learn from.

    Attributes:
        folder: data/<suite>/weights/<recipe>.
        recipe: What names them.
        network: Name of the network.
        frames: Frames and flow of the clips.
        subset: Which clips.
        annotations: ActivityNet JSON with the class of each clip.
        width: Factor of the network's channel counts.
        seed: Of pretraining.
        pretraining: How it is done.
    """

    folder: Path
    recipe: Recipe
    network: str
    frames: FrameSet
    subset: str
    annotations: Path
    width: float
    seed: int
    pretraining: Pretraining

    def file(self, stream: str) -> Path:
        """Weights of a stream."""
        return self.folder / f"{stream}.safetensors"

    def inputs(self, stream: str) -> list[Path]:
        """Folders of frames or flow, one per shard."""
        return [self.frames.of_stream(stream, shard) for shard in self.frames.shard_names(self.subset)]


@dataclass(frozen=True)
class FeatureSet:
    """The features of one dataset under one recipe.

    Attributes:
        frames: Frames and flow that they are computed from.
        kind: Network, streams and how a video is cut into snippets.
        recipe: What names them.
        weights: Stream -> file of the network's weights.
        published: Stream -> the git blob that params.yaml names its file by; empty where weights are made here.
    """

    frames: FrameSet
    kind: FeatureKind
    recipe: Recipe
    weights: Mapping[str, Path]
    published: Mapping[str, str] = field(default_factory=dict)

    @property
    def dataset(self) -> str:
        """The dataset whose videos these are."""
        return self.frames.dataset

    def seen(self, shard: str) -> dict[str, Path]:
        """Folders that the streams see of a shard: frames, flow or both."""
        folders = {"frames": self.frames.frames_of(shard), "flow": self.frames.flow_of(shard)}
        needed = {"flow" if stream == "flow" else "frames" for stream in self.kind.streams}
        return {name: folder for name, folder in folders.items() if name in needed}

    @property
    def folder(self) -> Path:
        """Folder of the shards."""
        return self.frames.home / "features" / self.recipe.name

    def files(self, subset: str) -> list[Path]:
        """The shards of a subset."""
        return [self.folder / f"{shard}.h5" for shard in self.frames.shard_names(subset)]

    def listing(self, subset: str) -> Path:
        """CSV of what became of each video of a subset."""
        return self.folder / f"{subset}.videos.csv"


@dataclass(frozen=True)
class Stills:
    """One frame per snippet of a few videos of a subset, small enough to be kept: pictures then need no videos.

    Attributes:
        home: Folder of the dataset, data/<suite>/<dataset>.
        dataset: Its name.
        subset: Which videos.
        videos: How many.
        decoding: How frames are decoded.
        recipe: What names them.
    """

    home: Path
    dataset: str
    subset: str
    videos: int
    decoding: Decoding
    recipe: Recipe

    @property
    def file(self) -> Path:
        """The HDF5 file."""
        return self.home / "stills" / f"{self.recipe.name}.h5"


@dataclass(frozen=True)
class Exclusions:
    """The source classes that are too close to a target's for zero-shot, found by rule.

    Attributes:
        folder: results/exclusions/<suite>.
        dataset: The source.
        subset: Its subset.
        target: The dataset whose classes are taken out.
        labels: Annotations of the source.
        target_labels: Annotations of the target.
        recipe: What names the list.
    """

    folder: Path
    dataset: str
    subset: str
    target: str
    labels: Path
    target_labels: Path
    recipe: Recipe

    @property
    def file(self) -> Path:
        """The list, CSV."""
        return self.folder / f"{self.recipe.name}.csv"


@dataclass(frozen=True)
class SourceSet:
    """One source of a training run.

    Attributes:
        source: As declared.
        features: The features of its videos.
        labels: Its annotations.
        exclusions: The list of classes that are left out, if any.
        classes: The classes that are learned; None: all.
    """

    source: Source
    features: FeatureSet
    labels: Path
    exclusions: Exclusions | None
    classes: tuple[str, ...] | None

    @property
    def inputs(self) -> list[Path]:
        """The feature shards."""
        return self.features.files(self.source.subset)


@dataclass(frozen=True)
class RunSet:
    """Training runs of one method under one recipe, a folder per seed.

    Attributes:
        folder: results/runs/<suite>/<recipe>.
        recipe: What names them.
        method: Name of the method.
        parameters: Of the method.
        training: Of its training.
        sources: What it learns from, by the method's names, in its order.
        starts: Finished runs that it starts from, by the method's names.
    """

    folder: Path
    recipe: Recipe
    method: str
    parameters: MethodParameters
    training: Training
    sources: Mapping[str, SourceSet]
    starts: Mapping[str, "RunSet"]

    def seed(self, seed: int) -> Path:
        """Folder of the run with a seed."""
        return self.folder / f"seed{seed}"

    def model(self, seed: int) -> Path:
        """Weights at the end of the run."""
        return self.seed(seed) / "model.safetensors"

    def log(self, seed: int) -> Path:
        """Losses of the run, CSV."""
        return self.seed(seed) / "log.csv"

    def rounds(self, seed: int) -> Path:
        """What each mining round began with, CSV."""
        return self.seed(seed) / "rounds.csv"

    @property
    def inputs(self) -> list[Path]:
        """The feature shards that it learns from."""
        return [path for source in self.sources.values() for path in source.inputs]

    @property
    def exclusions(self) -> list[Path]:
        """The lists of classes that it leaves out."""
        return [source.exclusions.file for source in self.sources.values() if source.exclusions]

    @property
    def features(self) -> list[FeatureSet]:
        """The features of each source."""
        return [source.features for source in self.sources.values()]


@dataclass(frozen=True)
class DetectionSet:
    """Detections of a run's seeds on one target under one recipe.

    Attributes:
        run: The runs.
        target: The dataset that is searched.
        subset: Its subset.
        classes: The classes that are to be found; None: all of the dataset.
        labels: Its annotations.
        features: The features of its videos.
        recipe: What names the detections.
        localization: How predictions become segments, of the group that the method names.
        transfer: How labels are carried over to other classes; None: the run detects the classes that it learned.
        round: The mining round after which the model is taken; None: the last.
    """

    run: RunSet
    target: str
    subset: str
    classes: tuple[str, ...] | None
    labels: Path
    features: FeatureSet
    recipe: Recipe
    localization: SegmentRules
    transfer: LabelTransfer | None
    round: int | None

    def folder(self, seed: int) -> Path:
        """Folder of what a seed detects."""
        return self.run.seed(seed) / self.target / self.recipe.name

    def detections(self, seed: int) -> Path:
        """Detections of a seed."""
        return self.folder(seed) / "detections.json"

    def scores(self, seed: int) -> Path:
        """Class scores of each video, of a seed."""
        return self.folder(seed) / "scores.csv"

    def metrics(self, seed: int) -> Path:
        """Metrics of a seed."""
        return self.folder(seed) / "metrics.json"

    @property
    def inputs(self) -> list[Path]:
        """The feature shards that are searched."""
        return self.features.files(self.subset)

    @property
    def listing(self) -> Path:
        """What became of each video of the subset."""
        return self.features.listing(self.subset)
