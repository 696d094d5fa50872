"""The plan: which artifact is made from what, and where it lies. Parameters and papers in, paths and recipes out.

The Snakefile asks it for inputs, the scripts get their parameters from it. It opens no video and no feature file.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from actionbytes.artifacts import Backbones, Clips, Excluded, FeatureSet, Localized, Run, Stills
from actionbytes.config import Config, DatasetParameters, Suite, read_config
from actionbytes.data.words import ALIASES
from actionbytes.errors import UserError
from actionbytes.localization.localize import Localization
from actionbytes.methods.parameters import LabelTransfer, Proposals
from actionbytes.methods.registry import method_parameters
from actionbytes.parameters import Parameters, merged, validated
from actionbytes.recipes import STAGES, Recipe, file_digest, plain, write_text
from actionbytes.reporting.papers import Figure, Paper, Submission, read_papers
from actionbytes.training.parameters import Training
from actionbytes.video.decode import Decoding

PRETRAIN_ON = ("kinetics400", "training")
TIERS = {
    "A": "features, split and protocol as published",
    "B": "features or videos differ from the published ones; compare differences between rows, not levels",
    "C": "a synthetic world that checks code and methods; not comparable with the published numbers beside it",
}

Found = TypeVar("Found")
Cell = tuple[int, str, str, int]  # number of a row or point, experiment, dataset, seed


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


class Plan:
    """Everything the active suite can make."""

    def __init__(self, config: Config, papers: Mapping[str, Paper], root: Path = Path()) -> None:
        self.config, self.papers, self.root = config, papers, root
        self.suite: Suite = config.active
        self.data = Path("data") / config.suite
        self.experiments: dict[str, Experiment] = {}
        self._digests: dict[Path, str] = {}
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
            raise UserError(f"dataset {name!r} is not in suite {self.config.suite!r}; params.yaml declares {known}")
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
        if self.world:
            return self.home(dataset) / f"{self.world.name}.json"
        return self.home(dataset) / "videos.csv"

    def labels(self, dataset: str) -> Path:
        """The annotations that learning and evaluation read: of one recipe, and of use without the videos."""
        if self.world:
            return self.data / "labels" / self.world.name / f"{dataset}.json"
        return self.home(dataset) / "annotations.json"

    def labels_content(self, dataset: str) -> str:
        """What decides the labels of a dataset's videos."""
        if self.world:
            return self.content(dataset)
        path = self.root / self.labels(dataset)
        return self._digest(path, f"put the annotations there, then run `actionbytes index {path.parent}`")

    def content(self, dataset: str) -> str:
        """What decides the content of a dataset's videos: the world's recipe, or the list with their hashes."""
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
                raise UserError(f"{path}: no such file; {remedy}")
            self._digests[path] = file_digest(path)
        return self._digests[path]

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
        spec = {"flow": clips.flow_recipe.full, "weights": identity, "extraction": suite.features}
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
        experiment, run = self.experiment(name), self.run(name)
        if target not in experiment.targets:
            raise UserError(f"experiment {name}: has no target {target!r}; it names {', '.join(experiment.targets)}")
        here, where = experiment.for_target.get(target, {}), f"experiment {name}, target {target}"
        kind = method_parameters(experiment.method).localization
        defaults = self.suite.localization.model_dump(exclude_unset=True) if kind is Localization else {}
        localization = validated(
            kind,
            merged(defaults, experiment.localization, here.get("localization", {})),
            f"{where}: localization",
        )
        proposals = validated(Proposals, merged(experiment.proposals, here.get("proposals", {})), f"{where}: proposals")
        transfer = validated(LabelTransfer, merged(experiment.transfer, here.get("transfer", {})), f"{where}: transfer")
        crosses, cuts = target != experiment.source.dataset, getattr(localization, "proposals", False)
        if crosses:
            method_parameters(experiment.method).check_transfer(where)
        features = self.features(target, experiment.decoding)
        spec = {
            "localization": localization,
            "proposals": proposals if cuts else None,
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
            proposals if cuts else None,
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

    def cells(self, result: str) -> list[Cell]:
        """Everything whose metrics or detections a table or figure shows."""
        if result in self.figures():
            return self._drawn_cells(self.figures()[result].figures[result])
        found = []
        declared = self.tables()[result].tables[result]
        for number, row in enumerate(declared.rows):
            if row.experiment:
                targets = {t for t in self.targets(row.experiment) if not self.hidden(row.experiment, t)}
                datasets = [c.dataset for c in declared.columns if c.dataset in targets]
                for dataset in dict.fromkeys(datasets):
                    found += [(number, row.experiment, dataset, seed) for seed in self.seeds(row.experiment)]
        return found

    def metrics(self, table: str) -> list[Path]:
        """The metrics files that a table is rendered from, in the order of `cells`."""
        return self._metrics(self.cells(table))

    def _metrics(self, cells: Iterable[Cell]) -> list[Path]:
        return [self.localized(e, d).folder(s) / "metrics.json" for _, e, d, s in cells]

    def facts(self, paper: Paper) -> dict[str, str]:
        """What a reader of any result must know."""
        facts = {"paper": f"{paper.name}, {paper.venue}", "suite": self.config.suite, "tier": self.suite.tier}
        return facts | {"meaning": TIERS[self.suite.tier]}

    def declaration(self, name: str) -> dict[str, Any]:
        """All that `render_table` shows: the table, which metrics belong to which cell, and what a reader must know."""
        paper, cells = self.tables()[name], self.cells(name)
        return {
            "table": paper.tables[name],
            "cells": cells,
            "metrics": self._metrics(cells),
            "facts": self.facts(paper),
            "features": {number: self.features_of(experiment) for number, experiment, *_ in cells},
            "version": STAGES["render_table"],
        }

    def features_of(self, experiment: str) -> str:
        """What a table says about the features of a row."""
        fps = self.run(experiment).features.clips.decoding.fps
        return f"i3d-w{self.suite.backbone.width:g}-{fps:g}fps"

    def submissions(self) -> dict[str, Submission]:
        """Name -> what is submitted to a test server, for every experiment with that target here."""
        declared = {name: entry for paper in self.papers.values() for name, entry in paper.submissions.items()}
        return {name: x for name, x in declared.items() if x.dataset in set(self.targets(x.experiment))}

    def submitted(self, name: str) -> Localized:
        """The detections that a submission is made of."""
        return self.localized(self.submissions()[name].experiment, self.submissions()[name].dataset)

    def results(self, paper: str) -> list[Path]:
        """Everything that is made of a paper here."""
        tables = [Path("results") / f"{name}.csv" for name, owner in self.tables().items() if owner.paper == paper]
        sent = self.papers[paper].submissions.keys() & self.submissions().keys()
        drawn = [
            Path("results/figures") / f"{name}.png" for name, owner in self.figures().items() if owner.paper == paper
        ]
        return tables + drawn + [Path("results") / f"{name}.json" for name in sorted(sent)]

    # figures

    def figures(self) -> dict[str, Paper]:
        """Figure name -> paper, for every figure that is drawn here."""
        found = {}
        for paper in self.papers.values():
            for name, figure in paper.figures.items():
                for point in figure.points:
                    self.experiment(point.experiment)
                if figure.kind:
                    found[name] = paper
        return found

    def picture(self, figure: str) -> Path:
        """Where a figure is."""
        return Path("results/figures") / f"{figure}.png"

    def drawing(self, name: str) -> dict[str, Any]:
        """All that `render_figure` draws, and the files that it reads, by kind of figure."""
        paper = self.figures()[name]
        figure = paper.figures[name]
        drawn = {"figure": figure, "facts": self.facts(paper), "version": STAGES["render_figure"]}
        cells = self._drawn_cells(figure)
        if figure.kind == "curve":
            models = [self.run(e).model(s) for _, e, _, s in cells] if figure.loss else []
            return drawn | {"cells": cells, "metrics": self._metrics(cells), "models": list(dict.fromkeys(models))}
        experiment = self.experiment(figure.points[0].experiment)
        subset = experiment.targets.get(figure.dataset) or experiment.source.subset
        stills = self.stills(figure.dataset, subset, figure.videos)
        seed = self.seeds(figure.points[0].experiment)[0]
        drawn |= {"stills": stills, "truth": self.truth(figure.dataset), "seed": seed}
        if figure.kind == "qualitative":
            found = [self.localized(e, d).folder(s) / "detections.json" for _, e, d, s in cells]
            return drawn | {"detections": found}
        run = self.run(figure.points[0].experiment)
        features = self.features(figure.dataset, experiment.decoding)
        return drawn | {
            "models": [run.model(seed)],
            "features": features.files(subset),
            "cutting": experiment.proposals,
        }

    def _drawn_cells(self, figure: Figure) -> list[Cell]:
        datasets = [column.dataset for column in figure.columns] if figure.kind == "curve" else [figure.dataset]
        return [
            (number, point.experiment, dataset, seed)
            for number, point in enumerate(figure.points)
            for dataset in datasets
            if dataset in set(self.targets(point.experiment))
            for seed in self.seeds(point.experiment)[: None if figure.kind == "curve" else 1]
        ]

    def truth(self, dataset: str) -> list[Path]:
        """A dataset's annotations and, in the mini world, what is shown when."""
        labels = self.labels(dataset)
        return [labels, labels.with_suffix(".sub_actions.json")] if self.world else [labels]

    def drawn_from(self, name: str) -> list[Path]:
        """The files that a figure reads."""
        drawn = self.drawing(name)
        stills = [drawn["stills"].file] if "stills" in drawn else []
        files = [path for kind in ("metrics", "models", "detections", "features") for path in drawn.get(kind, [])]
        return stills + files

    # keys

    def key(self, name: str) -> Path:
        """The file that is newer than a table or figure that no longer shows what is declared."""
        return Path("results/.keys") / f"{name}.json"

    def key_content(self, name: str) -> dict[str, Any]:
        """What decides what a table or figure shows."""
        declared = self.declaration(name) if name in self.tables() else self.drawing(name)
        return plain({key: value.file if isinstance(value, Stills) else value for key, value in declared.items()})

    def write_key(self, name: str) -> None:
        """Write a result's key if its content differs from what is there."""
        text = json.dumps(self.key_content(name), indent=1, sort_keys=True) + "\n"
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

    def find_stills(self, dataset: str, recipe: str) -> Stills:
        drawn = (self.drawing(name) for name in self.figures())
        found = {(x["stills"].dataset, x["stills"].recipe.name): x["stills"] for x in drawn if "stills" in x}
        return self._found(found, (dataset, recipe))

    def find_excluded(self, recipe: str) -> Excluded:
        return self._found({x.excluded.recipe.name: x.excluded for x in self._runs.values() if x.excluded}, recipe)

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

    def makings(self) -> list[tuple[Clips, Backbones | None]]:
        """Frames and flow of everything that is named, and the streams pretrained for them."""
        return [(clips, self.backbones(clips.decoding)) for clips in self._clips.values()]

    @cached_property
    def _localized(self) -> dict[tuple[str, str, str], Localized]:
        everything = (self.localized(e, t) for e in self.experiments for t in self.targets(e))
        return {(x.run.recipe.name, x.target, x.recipe.name): x for x in everything}

    @cached_property
    def _runs(self) -> dict[str, Run]:
        return {x.recipe.name: x for x in map(self.run, self.experiments)}

    @cached_property
    def _features(self) -> dict[tuple[str, str], FeatureSet]:
        used = [x.features for x in (*self._localized.values(), *self._runs.values())]
        return {(x.clips.dataset, x.recipe.name): x for x in used}

    @cached_property
    def _backbones(self) -> dict[str, Backbones]:
        own = self.backbones()
        return {own.recipe.name: own} if own else {}

    @cached_property
    def _clips(self) -> dict[tuple[str, str], Clips]:
        found = [x.clips for x in (*self._features.values(), *self._backbones.values())]
        return {(x.dataset, r.name): x for x in found for r in (x.frames_recipe, x.flow_recipe)}

    def hidden(self, experiment: str, target: str) -> bool:
        """Whether only a test server knows what an experiment should find there."""
        return self.experiment(experiment).targets[target] in self.dataset(target).hidden

    def targets(self, experiment: str) -> Iterator[str]:
        """The targets of an experiment that the active suite has."""
        return (t for t in self.experiment(experiment).targets if t in self.suite.datasets)
