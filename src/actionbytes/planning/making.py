"""Which artifact is made from what, and where it lies: parameters and experiments in, paths and recipes out.

No video and no feature file is opened; own videos are hashed, once, since their content is part of every name behind.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from actionbytes.data.annotations import nearest, same_subset
from actionbytes.data.own import OwnData, own_data
from actionbytes.data.words import ALIASES
from actionbytes.errors import UserError
from actionbytes.files import file_digest
from actionbytes.localization.thresholds import Localization
from actionbytes.localization.transfer import LabelTransfer
from actionbytes.methods.registry import method_parameters
from actionbytes.papers.declared import Paper
from actionbytes.papers.experiments import Experiment, Source
from actionbytes.parameters import merged, validated
from actionbytes.planning.artifacts import Backbones, Clips, Excluded, FeatureSet, Localized, Run, Stills
from actionbytes.planning.params import Config, DatasetParameters, Suite
from actionbytes.recipes import Recipe
from actionbytes.training.parameters import Training
from actionbytes.video.parameters import Decoding

PRETRAIN_ON = ("kinetics400", "training")


class NotThere(UserError):
    """A dataset that this machine does not have; what rests on it cannot be planned, all else can."""


class NotInSuite(NotThere):
    """A dataset that the active suite does not declare: nothing of it is ever made."""


class Making:
    """What the active suite can make of its datasets: frames, features, runs, detections.

    Parameters and experiments do not change in its life, so what an experiment makes is worked out once.
    """

    def __init__(self, config: Config, papers: Mapping[str, Paper], root: Path = Path()) -> None:
        self.config, self.papers, self.root = config, papers, root
        self.suite: Suite = config.active
        self.data = Path("data") / config.suite
        self._own: dict[str, OwnData] = {}
        self.experiments: dict[str, Experiment] = {}
        self._digests: dict[Path, str] = {}
        self._trained: dict[str, Run] = {}
        self._detected: dict[tuple[str, str], Localized] = {}
        for paper in papers.values():
            for name, values in paper.experiments.items():
                if name in self.experiments:
                    raise UserError(f"papers/{paper.paper}.yaml: experiments.{name}: a second experiment of that name")
                where = f"papers/{paper.paper}.yaml: experiments.{name}"
                self.experiments[name] = validated(Experiment, values, where)
        for method, sizes in self.suite.methods.items():  # early, with the file's own keys
            where = f"params.yaml: {config.suite}.methods.{method}"
            kind = method_parameters(method)
            validated(kind, sizes.parameters, f"{where}.parameters")
            validated(Training, merged(kind.schedule, sizes.training), f"{where}.training")

    # datasets

    def home(self, dataset: str) -> Path:
        """Folder of a dataset: its annotations, video list, and (of its own or another's) features."""
        self.dataset(dataset)
        return self.data / dataset

    def dataset(self, name: str) -> DatasetParameters:
        """What params.yaml says about a dataset of the active suite."""
        if name not in self.suite.datasets:
            known = ", ".join(self.suite.datasets)
            raise NotInSuite(f"dataset {name!r} is not in suite {self.config.suite!r}; params.yaml declares {known}")
        return self.suite.datasets[name]

    def videos_of(self, dataset: str) -> str:
        """The dataset whose videos and features a dataset uses: itself, unless it labels another's anew."""
        return self.dataset(dataset).videos_of or dataset

    @cached_property
    def world(self) -> Recipe | None:
        """Recipe of the mini world; none in a suite of real videos."""
        return Recipe("render", "world", {"world": self.suite.world}) if self.suite.world else None

    def origin(self, dataset: str) -> Path:
        """The file that says that a dataset's videos and annotations are there."""
        if own := self.own(dataset):
            return self.data / dataset / own.marker.name
        if self.world:
            return self.home(dataset) / f"{self.world.name}.json"
        return self.home(dataset) / "videos.csv"

    def labels(self, dataset: str) -> Path:
        """The annotations that learning and evaluation read: of one recipe, and of use without the videos."""
        if own := self.own(dataset):
            return self.data / "labels" / own.marker.stem / f"{dataset}.json"
        if self.world:
            return self.data / "labels" / self.world.name / f"{dataset}.json"
        return self.home(dataset) / "annotations.json"

    def labels_content(self, dataset: str) -> str:
        """What decides a dataset's labels: own ones may change while the videos, and so the features, stay."""
        if own := self.own(dataset):
            return f"own-{own.labels}"
        if self.world:
            return self.content(dataset)
        path = self.root / self.labels(dataset)
        return self._digest(path, f"put the annotations there, then run `actionbytes index {path.parent}`")

    def content(self, dataset: str) -> str:
        """What decides the content of a dataset's videos: the world's recipe, or the list with their hashes."""
        if own := self.own(dataset):
            return f"own-{own.content}"
        if self.world:
            return f"{self.world.name}/{dataset}"
        path = self.root / self.home(dataset) / "videos.csv"
        return self._digest(
            path,
            f"put the videos into {path.parent / 'videos'} and the annotations into "
            f"{path.parent / 'annotations.json'}, then run `actionbytes index {path.parent}`",
        )

    def _digest(self, path: Path, remedy: str) -> str:
        """Digest of a list that the user brings; read once."""
        if path not in self._digests:
            if not path.exists():
                raise NotThere(f"{path}: no such file; {remedy}")
            self._digests[path] = file_digest(path)
        return self._digests[path]

    def own(self, dataset: str) -> OwnData | None:
        """The own videos of a dataset, listed and hashed once; none where it is not of own videos."""
        declared = self.dataset(dataset)
        if declared.own and dataset not in self._own:
            folders = (self.root / path if path else None for path in (declared.clips, declared.videos))
            clips, videos = folders
            truth = self.root / declared.annotations if declared.annotations else None
            where = f"params.yaml: {self.config.suite}.datasets.{dataset}"
            home = self.root / self.data / dataset
            self._own[dataset] = own_data(where, home, clips, declared.subset, videos, truth)
        return self._own.get(dataset)

    def checked(self, where: str, dataset: str, subset: str) -> None:
        """Raise UserError if an own dataset has no such subset; of others the annotations are not read for it."""
        if (own := self.own(dataset)) and subset not in (known := {row.subset for row in own.rows}):
            hint = f"write {same_subset(subset)!r}" if same_subset(subset) in known else nearest(subset, sorted(known))
            raise UserError(f"{where}: dataset {dataset!r} has no subset {subset!r}; {hint}")

    # features

    def clips(self, dataset: str, decoding: Decoding) -> Clips:
        """Frames and flow of a dataset."""
        dataset, flow = self.videos_of(dataset), self.suite.flow
        slug = f"{decoding.fps:g}fps-{decoding.crop}px"
        content = {"videos": self.content(dataset), "decoding": decoding, "version": decoding.version}
        frames = Recipe("decode", slug, content)
        spec = {"frames": frames.full, "flow": flow, "version": flow.version}
        shards = self.dataset(dataset).shards
        return Clips(self.home(dataset), dataset, shards, decoding, flow, frames, Recipe("flow", flow.algorithm, spec))

    def backbones(self) -> Backbones | None:
        """The streams that are pretrained here; none where published weights are used.

        A suite has one backbone, pretrained at the suite's own frame rate as the published I3D is, whatever rate an
        experiment's features have.
        """
        backbone = self.suite.backbone
        if backbone.rgb:
            return None
        dataset, subset = PRETRAIN_ON
        clips = self.clips(dataset, self.suite.decoding)
        how = self.suite.pretraining.model_copy(update={"flow_bound": self.suite.flow.bound})
        spec = {"flow": clips.flow_recipe.full, "subset": subset, "backbone": backbone, "how": how}
        recipe = Recipe("pretrain", f"i3d-w{backbone.width:g}", spec)
        folder = self.data / "weights" / recipe.name
        return Backbones(folder, recipe, clips, subset, backbone.width, backbone.seed, how)

    def features(self, dataset: str, changes: Mapping[str, Any] | None = None) -> FeatureSet:
        """Features of a dataset, with what an experiment changes about decoding."""
        suite = self.suite
        decoding = validated(Decoding, merged(suite.decoding.model_dump(), changes or {}), "experiment: decoding")
        clips, own = self.clips(dataset, decoding), self.backbones()
        if own:
            weights, identity = (own.file("rgb"), own.file("flow")), own.recipe.full
        else:
            published = (suite.backbone.rgb, suite.backbone.flow)
            weights, identity = tuple(w.file for w in published), [w.git_blob for w in published]
        spec = {"flow": clips.flow_recipe.full, "weights": identity, "features": suite.features}
        return FeatureSet(clips, suite.features, Recipe("extract", f"i3d-{decoding.fps:g}fps", spec), weights)

    def stills(self, dataset: str, subset: str, videos: int) -> Stills:
        """Frames of a few videos, for pictures."""
        dataset = self.videos_of(dataset)
        decoding = self.suite.decoding
        spec = {"videos": self.content(dataset), "subset": subset, "count": videos, "decoding": decoding}
        recipe = Recipe("stills", f"{subset}-{videos}", spec)
        return Stills(self.home(dataset), dataset, subset, videos, decoding, recipe)

    # runs

    def experiment(self, name: str) -> Experiment:
        if name not in self.experiments:
            raise UserError(f"experiment {name!r} is not declared; papers/*.yaml declare {', '.join(self.experiments)}")
        return self.experiments[name]

    def seeds(self, name: str) -> tuple[int, ...]:
        """Seeds of an experiment."""
        return self.experiment(name).seeds or self.config.seeds

    def run(self, name: str) -> Run:
        """The training runs of an experiment; experiments that differ only after training share them."""
        if name not in self._trained:
            self._trained[name] = self._make_run(name)
        return self._trained[name]

    def _make_run(self, name: str) -> Run:
        experiment = self.experiment(name)
        sizes = self.suite.methods.get(experiment.method)
        where = f"experiment {name}"
        kind = method_parameters(experiment.method)
        parameters = validated(
            kind, merged(sizes.parameters if sizes else {}, experiment.parameters), f"{where}: parameters"
        )
        training = validated(
            Training,
            merged(kind.schedule, sizes.training if sizes else {}, experiment.training),
            f"{where}: training",
        )
        parameters.check_training(training)
        self.checked(f"{where}: source", experiment.source.dataset, experiment.source.subset)
        source, features = experiment.source, self.features(experiment.source.dataset, experiment.decoding)
        init = self.run(experiment.init) if experiment.init else None
        excluded = self.excluded(source)
        spec = {
            "method": experiment.method,
            "parameters": parameters,
            "training": training,
            "source": {"dataset": source.dataset, "subset": source.subset},
            "labels": self.labels_content(source.dataset),
            "features": features.recipe.full,
            "init": init.recipe.full if init else None,
        } | ({"excluded": excluded.recipe.full} if excluded else {})
        recipe = Recipe("train", f"{experiment.method}-{source.dataset}", spec)
        folder = Path("results/runs") / self.config.suite / recipe.name
        return Run(
            folder,
            recipe,
            experiment.method,
            source.dataset,
            source.subset,
            features,
            parameters,
            training,
            init,
            excluded,
        )

    def excluded(self, source: Source) -> Excluded | None:
        """The classes that an experiment takes out of its source, if any."""
        if not source.exclude:
            return None
        spec = {
            "source": self.labels_content(source.dataset),
            "subset": source.subset,
            "target": self.labels_content(source.exclude),
            "how": self.suite.exclusion,
            "aliases": {**ALIASES, **self.suite.words.aliases},
        }
        recipe = Recipe("exclude", f"{source.dataset}-without-{source.exclude}", spec)
        return Excluded(
            Path("results/exclusions") / self.config.suite, source.dataset, source.subset, source.exclude, recipe
        )

    def localized(self, name: str, target: str) -> Localized:
        """The detections of an experiment on a target."""
        if (name, target) not in self._detected:
            self._detected[name, target] = self._make_localized(name, target)
        return self._detected[name, target]

    def _make_localized(self, name: str, target: str) -> Localized:
        experiment, run = self.experiment(name), self.run(name)
        if target not in experiment.targets:
            raise UserError(f"experiment {name}: has no target {target!r}; it names {', '.join(experiment.targets)}")
        here, where = experiment.for_target.get(target, {}), f"experiment {name}, target {target}"
        kind = method_parameters(experiment.method).localization
        defaults = self.suite.localization.model_dump(exclude_unset=True) if issubclass(kind, Localization) else {}
        cut = merged(experiment.proposals, here.get("proposals", {}))
        localization = validated(
            kind,
            merged(defaults, {"cut": cut} if cut else {}, experiment.localization, here.get("localization", {})),
            f"{where}: localization",
        )
        transfer = validated(LabelTransfer, merged(experiment.transfer, here.get("transfer", {})), f"{where}: transfer")
        self.checked(where, target, experiment.targets[target])
        crosses, cuts = target != experiment.source.dataset, getattr(localization, "proposals", False)
        if crosses:
            method_parameters(experiment.method).check_transfer(where)
        features = self.features(target, experiment.decoding)
        spec = {
            "localization": localization.model_dump(mode="json", exclude={"cut"}),  # which is nothing where it is off
            "proposals": localization.cut if cuts else None,
            "transfer": {"how": transfer, "words": self.words_identity} if crosses else None,
            "features": features.recipe.full,
            "labels": self.labels_content(target),
            "subset": experiment.targets[target],
            "evaluation": self.suite.evaluation,
        } | ({"stage": experiment.stage} if experiment.stage else {})
        return Localized(
            run,
            target,
            experiment.targets[target],
            features,
            Recipe("localize", f"{experiment.targets[target]}-{localization.slug}", spec),
            localization,
            transfer if crosses else None,
            experiment.stage,
        )

    @property
    def words(self) -> Path:
        """The word vector file."""
        if self.suite.words.file:
            return self.suite.words.file
        if not self.world:
            raise UserError(f"params.yaml: {self.config.suite}.words.file: name a word2vec file; this suite has none")
        return self.data / "labels" / f"words-{self.world.name}.bin"

    @property
    def words_identity(self) -> Any:
        return [self.words.name, self.suite.words.aliases]

    def hidden(self, experiment: str, target: str) -> bool:
        """Whether only a test server knows what an experiment should find there."""
        return self.experiment(experiment).targets[target] in self.dataset(target).hidden

    def targets(self, experiment: str) -> Iterator[str]:
        """The targets of an experiment that the active suite has."""
        return (t for t in self.experiment(experiment).targets if t in self.suite.datasets)
