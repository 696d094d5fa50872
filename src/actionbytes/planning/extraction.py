"""From videos to features: frames, flow, pretrained networks, features of a kind, stills."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actionbytes.errors import UserError
from actionbytes.features.kinds import FeatureKind
from actionbytes.planning.artifacts import FeatureSet, FrameSet, Pretrained, Stills
from actionbytes.planning.datasets import Datasets
from actionbytes.planning.params import Suite
from actionbytes.recipes import Recipe
from actionbytes.video.parameters import Decoding

PRETRAIN_ON = ("kinetics400", "training")


class Extraction:
    """What the active suite makes of the videos of its datasets.

    Args:
        datasets: The datasets.
        suite: What params.yaml says about the suite.
        data: Its folder, data/<suite>.
    """

    def __init__(self, datasets: Datasets, suite: Suite, data: Path) -> None:
        self.datasets, self.suite, self.data = datasets, suite, data
        self._features: dict[tuple[str, str], FeatureSet] = {}

    def kind(self, name: str) -> FeatureKind:
        """A kind of features; UserError where the suite has none of that name."""
        if name not in self.suite.features:
            declared = ", ".join(self.suite.features)
            raise UserError(f"features {name!r} are not declared; params.yaml has {declared}")
        return self.suite.features[name]

    def frames(self, dataset: str, decoding: Decoding) -> FrameSet:
        """Frames and flow of the videos that a dataset uses."""
        videos, flow = self.datasets.videos_of(dataset), self.suite.flow
        content = {"videos": videos.videos_fingerprint, "decoding": decoding, "version": decoding.version}
        frames = Recipe("decode", f"{decoding.fps:g}fps-{decoding.crop}px", content)
        spec = {"frames": frames.full, "flow": flow, "version": flow.version}
        return FrameSet(
            home=videos.home,
            dataset=videos.name,
            shards=videos.declared.shards,
            decoding=decoding,
            flow=flow,
            frames_recipe=frames,
            flow_recipe=Recipe("flow", flow.algorithm, spec),
        )

    def pretrained(self, network: str) -> Pretrained | None:
        """The streams of a network that is pretrained here; None where published weights are used.

        A network is pretrained at the suite's own frame rate, as the published I3D is, whatever rate a kind of features
        has.
        """
        declared = self.suite.networks[network]
        if declared.published:
            return None
        dataset, subset = PRETRAIN_ON
        frames = self.frames(dataset, self.suite.decoding)
        pretraining = declared.pretraining.model_copy(update={"flow_bound": self.suite.flow.bound})
        shape = declared.model_dump(exclude={"pretraining"})
        spec = {"flow": frames.flow_recipe.full, "subset": subset, "backbone": shape, "how": pretraining}
        recipe = Recipe("pretrain", f"{network}-w{declared.width:g}", spec)
        return Pretrained(
            folder=self.data / "weights" / recipe.name,
            recipe=recipe,
            network=network,
            frames=frames,
            subset=subset,
            annotations=self.datasets[dataset].annotations,
            width=declared.width,
            seed=declared.seed,
            pretraining=pretraining,
        )

    def features(self, dataset: str, kind_name: str = "i3d") -> FeatureSet:
        """Features of a dataset, of a kind that the suite names."""
        key = (self.datasets.videos_of(dataset).name, kind_name)
        if key not in self._features:
            self._features[key] = self._make_features(*key)
        return self._features[key]

    def _make_features(self, dataset: str, kind_name: str) -> FeatureSet:
        kind = self.kind(kind_name)
        frames = self.frames(dataset, kind.decoded(self.suite.decoding))
        network = self.suite.networks[kind.network]
        weights: dict[str, Path]
        identity: Any
        published: dict[str, str] = {}
        if pretrained := self.pretrained(kind.network):
            weights = {stream: pretrained.file(stream) for stream in kind.streams}
            identity = pretrained.recipe.full
        else:
            weights = {stream: network.published[stream].file for stream in kind.streams}
            published = {stream: network.published[stream].git_blob for stream in kind.streams}
            identity = list(published.values())
        spec = {
            **self._seen(frames, kind),
            "weights": identity,
            "features": kind.model_dump(mode="json", exclude={"fps"}),  # the frames' recipe has the rate
        }
        recipe = Recipe("extract", f"{kind.network}-{frames.decoding.fps:g}fps", spec)
        return FeatureSet(frames, kind, recipe, weights, published)

    @staticmethod
    def _seen(frames: FrameSet, kind: FeatureKind) -> Mapping[str, Any]:
        """The recipe of what the network's streams see: flow, which has the frames in its own, or frames alone."""
        if "flow" in kind.streams:
            return {"flow": frames.flow_recipe.full}
        return {"frames": frames.frames_recipe.full}

    def stills(self, dataset: str, subset: str, videos: int) -> Stills:
        """Frames of a few videos, for pictures."""
        source, decoding = self.datasets.videos_of(dataset), self.suite.decoding
        spec = {"videos": source.videos_fingerprint, "subset": subset, "count": videos, "decoding": decoding}
        recipe = Recipe("stills", f"{subset}-{videos}", spec)
        return Stills(source.home, source.name, subset, videos, decoding, recipe)

    def in_words(self, kind_name: str) -> str:
        """What a table says about features of a kind: network, width and frame rate."""
        kind = self.kind(kind_name)
        fps = kind.decoded(self.suite.decoding).fps
        return f"{kind.network}-w{self.suite.networks[kind.network].width:g}-{fps:g}fps"
