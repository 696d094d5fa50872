"""The plan: which artifact is made from what, and where it lies. Parameters and papers in, paths and recipes out.

The Snakefile asks it for inputs, the scripts get their parameters from it. It opens no video and no feature file; own
videos it hashes, once, since their content is part of every name behind them.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from actionbytes.artifacts import Backbones, Clips, FeatureSet, Localized, Run
from actionbytes.config import Config, DatasetParameters, Experiment, Suite, read_config
from actionbytes.data.annotations import nearest, same_subset
from actionbytes.data.own import OwnData, own_data
from actionbytes.errors import UserError
from actionbytes.localization.localize import Localization
from actionbytes.methods.parameters import LabelTransfer, Proposals
from actionbytes.methods.registry import method_parameters
from actionbytes.parameters import validated
from actionbytes.recipes import STAGES, Recipe, file_digest, plain, write_text
from actionbytes.reporting.papers import Paper, read_papers
from actionbytes.training.parameters import Training
from actionbytes.video.decode import Decoding

PRETRAIN_ON = ("kinetics400", "training")
TIERS = {
    "A": "features, split and protocol as published",
    "B": "features or videos differ from the published ones; compare differences between rows, not levels",
    "C": "a synthetic world that checks code and methods; not comparable with the published numbers beside it",
}

Found = TypeVar("Found")


class NotThere(UserError):
    """A dataset that this suite or machine does not have; what rests on it cannot be planned, all else can."""


class Plan:
    """Everything the active suite can make."""

    def __init__(self, config: Config, papers: Mapping[str, Paper], root: Path = Path()) -> None:
        self.config, self.papers, self.root = config, papers, root
        self.suite: Suite = config.active
        self.data = Path("data") / config.suite
        self._own: dict[str, OwnData] = {}
        self.experiments: dict[str, Experiment] = {}
        for paper in papers.values():
            for name, values in paper.experiments.items():
                if name in self.experiments:
                    raise UserError(f"papers/{paper.paper}.yaml: experiments.{name}: a second experiment of that name")
                where = f"papers/{paper.paper}.yaml: experiments.{name}"
                self.experiments[name] = validated(Experiment, values, where)
        for method, sizes in self.suite.methods.items():  # early, with the file's own keys
            where = f"params.yaml: {config.suite}.methods.{method}"
            validated(method_parameters(method), sizes.parameters, f"{where}.parameters")
            validated(Training, sizes.training, f"{where}.training")

    @classmethod
    def read(cls, root: Path = Path()) -> "Plan":
        """The plan of the project in `root`."""
        return cls(read_config(root / "params.yaml"), read_papers(root / "papers"), root)

    # datasets

    def home(self, dataset: str) -> Path:
        """Folder of a dataset: its annotations, video list, and (of its own or another's) features."""
        self.dataset(dataset)
        return self.data / dataset

    def dataset(self, name: str) -> DatasetParameters:
        """What params.yaml says about a dataset of the active suite."""
        if name not in self.suite.datasets:
            known = ", ".join(self.suite.datasets)
            raise NotThere(f"dataset {name!r} is not in suite {self.config.suite!r}; params.yaml declares {known}")
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

    def content(self, dataset: str) -> str:
        """What decides the content of a dataset's videos: the world's recipe, or the list with their hashes."""
        if own := self.own(dataset):
            return f"own-{own.content}"
        if self.world:
            return f"{self.world.name}/{dataset}"
        path = self.root / self.home(dataset) / "videos.csv"
        if not path.exists():
            raise NotThere(
                f"{path}: no such file; put the videos into {path.parent / 'videos'} and the annotations into "
                f"{path.parent / 'annotations.json'}, then run `actionbytes index {path.parent}`"
            )
        return file_digest(path)

    def labels(self, dataset: str) -> str:
        """What decides a dataset's annotations: own ones may change while the videos, and so the features, stay."""
        own = self.own(dataset)
        return f"own-{own.labels}" if own else self.content(dataset)

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

    def backbones(self, decoding: Decoding) -> Backbones | None:
        """The streams that are pretrained here; none where published weights are used."""
        backbone = self.suite.backbone
        if backbone.rgb:
            return None
        dataset, subset = PRETRAIN_ON
        clips = self.clips(dataset, decoding)
        how = self.suite.pretraining.model_copy(update={"flow_bound": self.suite.flow.bound})
        spec = {"flow": clips.flow_recipe.full, "subset": subset, "backbone": backbone, "how": how}
        recipe = Recipe("pretrain", f"i3d-w{backbone.width:g}", spec)
        folder = self.data / "weights" / recipe.name
        return Backbones(folder, recipe, clips, subset, backbone.width, backbone.seed, how)

    def features(self, dataset: str, changes: Mapping[str, Any] | None = None) -> FeatureSet:
        """Features of a dataset, with what an experiment changes about decoding."""
        suite = self.suite
        decoding = validated(Decoding, merged(suite.decoding.model_dump(), changes or {}), "experiment: decoding")
        clips, own = self.clips(dataset, decoding), self.backbones(decoding)
        if own:
            weights, identity = (own.file("rgb"), own.file("flow")), own.recipe.full
        else:
            published = (suite.backbone.rgb, suite.backbone.flow)
            weights, identity = tuple(w.file for w in published), [w.git_blob for w in published]
        spec = {"flow": clips.flow_recipe.full, "weights": identity, "extraction": suite.features}
        return FeatureSet(clips, suite.features, Recipe("extract", f"i3d-{decoding.fps:g}fps", spec), weights)

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
        experiment = self.experiment(name)
        sizes = self.suite.methods.get(experiment.method)
        where = f"experiment {name}"
        kind = method_parameters(experiment.method)
        parameters = validated(
            kind, merged(sizes.parameters if sizes else {}, experiment.parameters), f"{where}: parameters"
        )
        training = validated(
            Training, merged(sizes.training if sizes else {}, experiment.training), f"{where}: training"
        )
        self.checked(f"{where}: source", experiment.source.dataset, experiment.source.subset)
        source, features = experiment.source, self.features(experiment.source.dataset, experiment.decoding)
        init = self.run(experiment.init) if experiment.init else None
        spec = {
            "method": experiment.method,
            "parameters": parameters,
            "training": training,
            "source": source,
            "labels": self.labels(source.dataset),
            "features": features.recipe.full,
            "init": init.recipe.full if init else None,
        }
        recipe = Recipe("train", f"{experiment.method}-{source.dataset}", spec)
        folder = Path("results/runs") / self.config.suite / recipe.name
        return Run(
            folder, recipe, experiment.method, source.dataset, source.subset, features, parameters, training, init
        )

    def localized(self, name: str, target: str) -> Localized:
        """The detections of an experiment on a target."""
        experiment, run = self.experiment(name), self.run(name)
        if target not in experiment.targets:
            raise UserError(f"experiment {name}: has no target {target!r}; it names {', '.join(experiment.targets)}")
        here, where = experiment.for_target.get(target, {}), f"experiment {name}, target {target}"
        defaults = self.suite.localization.model_dump(exclude_unset=True)
        localization = validated(
            Localization,
            merged(defaults, experiment.localization, here.get("localization", {})),
            f"{where}: localization",
        )
        proposals = validated(Proposals, merged(experiment.proposals, here.get("proposals", {})), f"{where}: proposals")
        transfer = validated(LabelTransfer, merged(experiment.transfer, here.get("transfer", {})), f"{where}: transfer")
        self.checked(where, target, experiment.targets[target])
        crosses = target != experiment.source.dataset
        features = self.features(target, experiment.decoding)
        spec = {
            "localization": localization,
            "proposals": proposals if localization.proposals else None,
            "transfer": {"how": transfer, "words": self.words_identity} if crosses else None,
            "features": features.recipe.full,
            "labels": self.labels(target),
            "subset": experiment.targets[target],
            "evaluation": self.suite.evaluation,
        }
        slug = f"{experiment.targets[target]}-{'proposals' if localization.proposals else 'threshold'}"
        return Localized(
            run,
            target,
            experiment.targets[target],
            features,
            Recipe("localize", slug, spec),
            localization,
            proposals if localization.proposals else None,
            transfer if crosses else None,
        )

    @property
    def words(self) -> Path:
        """The word vector file."""
        if self.suite.words.file:
            return self.suite.words.file
        if not self.world:
            raise UserError(f"params.yaml: {self.config.suite}.words.file: name a word2vec file; this suite has none")
        return self.data / f"words-{self.world.name}.bin"

    @property
    def words_identity(self) -> Any:
        return [self.words.name, self.suite.words.aliases]

    # tables

    def tables(self) -> dict[str, Paper]:
        """Table name -> paper, for every table with at least one row that is run here."""
        found = {}
        for paper in self.papers.values():
            for name, table in paper.tables.items():
                rows = [row.experiment for row in table.rows if row.experiment]
                for experiment in rows:
                    self.experiment(experiment)
                if rows:
                    found[name] = paper
        return found

    def cells(self, table: str) -> list[tuple[int, str, str, int]]:
        """(row number, experiment, dataset, seed) of everything a table shows."""
        found = []
        declared = self.tables()[table].tables[table]
        for number, row in enumerate(declared.rows):
            if row.experiment:
                targets = set(self._targets(row.experiment))
                datasets = [c.dataset for c in declared.columns if c.dataset in targets]
                for dataset in dict.fromkeys(datasets):
                    found += [(number, row.experiment, dataset, seed) for seed in self.seeds(row.experiment)]
        return found

    def metrics(self, table: str) -> list[Path]:
        """The metrics files that a table is rendered from, in the order of `cells`."""
        return [self.localized(e, d).folder(s) / "metrics.json" for _, e, d, s in self.cells(table)]

    def declaration(self, name: str) -> dict[str, Any]:
        """All that `render_table` shows: the table, which metrics belong to which cell, and what a reader must know."""
        paper = self.tables()[name]
        facts = {"paper": f"{paper.name}, {paper.venue}", "suite": self.config.suite, "tier": self.suite.tier}
        return {
            "table": paper.tables[name],
            "cells": self.cells(name),
            "facts": facts | {"meaning": TIERS[self.suite.tier]},
            "features": f"i3d-w{self.suite.backbone.width:g}-{self.suite.decoding.fps:g}fps",
        }

    def key(self, name: str) -> Path:
        """The file that is newer than a table if the table no longer shows what is declared."""
        return Path("results/.keys") / f"{name}.json"

    def write_key(self, name: str) -> None:
        """Write a table's key if its content differs from what is there; nothing if a dataset of it is missing."""
        try:
            declared = self.declaration(name) | {"metrics": self.metrics(name), "version": STAGES["render_table"]}
        except NotThere:
            return
        text = json.dumps(plain(declared), indent=1, sort_keys=True) + "\n"
        path = self.root / self.key(name)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)

    # what lies at a path, for Snakemake's wildcards

    def find_frames(self, dataset: str, recipe: str) -> Clips:
        return self._found(self._clips, (dataset, recipe))

    def find_flow(self, dataset: str, recipe: str) -> Clips:
        return self._found(self._clips, (dataset, recipe))

    def find_weights(self, recipe: str) -> Backbones:
        return self._found(self._backbones, recipe)

    def find_features(self, dataset: str, recipe: str) -> FeatureSet:
        return self._found(self._features, (dataset, recipe))

    def find_run(self, recipe: str) -> Run:
        return self._found(self._runs, recipe)

    def find_localized(self, run: str, target: str, recipe: str) -> Localized:
        return self._found(self._localized, (run, target, recipe))

    def words_for(self, run: str, target: str, recipe: str) -> list[Path]:
        """The word vectors, where labels have to be transferred."""
        return [self.words] if self.find_localized(run, target, recipe).transfer else []

    @staticmethod
    def _found(known: Mapping[Any, Found], key: Any) -> Found:
        if key not in known:
            raise UserError(f"{key}: no current recipe makes this; see params.yaml and papers/*.yaml")
        return known[key]

    @cached_property
    def _localized(self) -> dict[tuple[str, str, str], Localized]:
        everything = self._there(self.localized, ((e, t) for e in self.experiments for t in self._targets(e)))
        return {(x.run.recipe.name, x.target, x.recipe.name): x for x in everything}

    @cached_property
    def _runs(self) -> dict[str, Run]:
        return {x.recipe.name: x for x in self._there(self.run, ((e,) for e in self.experiments))}

    @cached_property
    def _features(self) -> dict[tuple[str, str], FeatureSet]:
        used = [x.features for x in (*self._localized.values(), *self._runs.values())]
        return {(x.clips.dataset, x.recipe.name): x for x in used}

    @cached_property
    def _backbones(self) -> dict[str, Backbones]:
        found = (self.backbones(x.clips.decoding) for x in self._features.values())
        return {x.recipe.name: x for x in found if x}

    @cached_property
    def _clips(self) -> dict[tuple[str, str], Clips]:
        found = [x.clips for x in (*self._features.values(), *self._backbones.values())]
        return {(x.dataset, r.name): x for x in found for r in (x.frames_recipe, x.flow_recipe)}

    @staticmethod
    def _there(find: Callable[..., Found], each: Iterable[tuple[str, ...]]) -> Iterator[Found]:
        """What can be planned with the datasets that are there."""
        for arguments in each:
            with suppress(NotThere):
                yield find(*arguments)

    def _targets(self, experiment: str) -> Iterator[str]:
        return (t for t in self.experiment(experiment).targets if t in self.suite.datasets)


def merged(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """Dictionaries laid over one another, the later ones on top, level by level."""
    result: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
            result[key] = merged(result[key], value) if both else value
    return result
