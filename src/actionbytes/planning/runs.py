"""Experiments to training runs and detections: what each is made from, and where it is."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from actionbytes.data.annotations import same_subset
from actionbytes.data.splits import read_split
from actionbytes.data.words import ALIASES
from actionbytes.errors import UserError
from actionbytes.localization.thresholds import SegmentRules
from actionbytes.localization.transfer import LabelTransfer
from actionbytes.methods.parameters import MethodParameters
from actionbytes.methods.registry import method_parameters
from actionbytes.papers.experiments import Experiment, Source, TargetChanges
from actionbytes.parameters import merged, validated
from actionbytes.planning.artifacts import DetectionSet, Exclusions, RunSet, SourceSet
from actionbytes.planning.datasets import Datasets, world_of
from actionbytes.planning.extraction import Extraction
from actionbytes.planning.params import Config, MethodSizes
from actionbytes.recipes import Recipe
from actionbytes.training.parameters import Training

SPLITS = Path("papers/splits")


class Runs:
    """What the experiments of all papers make in the active suite.

    Parameters and experiments do not change in its life, so what an experiment makes is worked out once.

    Args:
        config: params.yaml.
        datasets: The suite's datasets.
        extraction: Their features.
        experiments: All experiments, by name.
        root: Folder of the project.
    """

    def __init__(
        self,
        config: Config,
        datasets: Datasets,
        extraction: Extraction,
        experiments: Mapping[str, Experiment],
        root: Path,
    ) -> None:
        self.config, self.suite = config, config.active
        self.datasets, self.extraction = datasets, extraction
        self.experiments, self.root = experiments, root
        self._runs: dict[str, RunSet] = {}
        self._detections: dict[tuple[str, str], DetectionSet] = {}
        self._splits: dict[str, tuple[str, ...]] = {}
        for method, sizes in self.suite.methods.items():  # early, with the file's own keys
            self._check_sizes(method, sizes)

    def _check_sizes(self, method: str, sizes: MethodSizes) -> None:
        place, group = f"params.yaml: {self.config.suite}.methods.{method}", method_parameters(method)
        validated(group, sizes.parameters, f"{place}.parameters")
        validated(Training, merged(group.schedule, sizes.training), f"{place}.training")
        validated(group.localization, sizes.localization, f"{place}.localization")

    def experiment(self, name: str) -> Experiment:
        """A declared experiment; UserError where there is none of that name."""
        if name not in self.experiments:
            raise UserError(f"experiment {name!r} is not declared; papers/*.yaml declare {', '.join(self.experiments)}")
        return self.experiments[name]

    def seeds(self, name: str) -> tuple[int, ...]:
        """Seeds of an experiment."""
        return self.experiment(name).seeds or self.config.seeds

    def targets(self, name: str) -> Iterator[str]:
        """The targets of an experiment that the active suite has."""
        return (target for target in self.experiment(name).targets if target in self.datasets)

    def truth_is_hidden(self, name: str, target: str) -> bool:
        """Whether only a test server knows what an experiment should find in a target."""
        hidden = map(same_subset, self.datasets[target].declared.hidden)
        return same_subset(self.experiment(name).targets[target].subset) in hidden

    def starts(self, name: str) -> dict[str, str]:
        """Experiments that an experiment starts from, by its method's names for them."""
        experiment = self.experiment(name)
        names = tuple(method_parameters(experiment.method).starts_from)
        if experiment.init is None:
            return {}
        if isinstance(experiment.init, str):
            if len(names) != 1:
                takes = f"one experiment for each of {', '.join(names)}" if names else "no other run"
                raise UserError(f"experiment {name}: init: {experiment.method} starts from {takes}")
            return {names[0]: experiment.init}
        for start in experiment.init:
            if start not in names:
                has = ", ".join(names) or "nothing"
                raise UserError(
                    f"experiment {name}: init: {experiment.method} does not start from {start!r}, but {has}"
                )
        return dict(experiment.init)

    def sources(self, name: str) -> dict[str, Source]:
        """What an experiment learns from, by its method's names of its sources and in its order."""
        experiment = self.experiment(name)
        names = method_parameters(experiment.method).sources
        given = {names[0]: experiment.source} if experiment.source else experiment.sources
        if set(given) != set(names):
            needs = f"the sources {', '.join(names)}" if len(names) > 1 else f"one source, {names[0]}"
            raise UserError(f"experiment {name}: {experiment.method} learns from {needs}; given: {', '.join(given)}")
        return {source: given[source] for source in names}

    def behind(self, name: str) -> Iterator[str]:
        """An experiment and those whose runs it starts from."""
        yield name
        for start in self.starts(name).values():
            yield from self.behind(start)

    # training

    def run(self, name: str) -> RunSet:
        """The training runs of an experiment; experiments that differ only after training share them."""
        if name not in self._runs:
            self._runs[name] = self._make_run(name)
        return self._runs[name]

    def _make_run(self, name: str) -> RunSet:
        experiment, place = self.experiment(name), f"experiment {name}"
        group, sizes = method_parameters(experiment.method), self._sizes(experiment.method)
        parameters = validated(group, merged(sizes.parameters, experiment.parameters), f"{place}: parameters")
        training = validated(
            Training, merged(group.schedule, sizes.training, experiment.training), f"{place}: training"
        )
        sources = {
            key: self._source(f"{place}: source", x, experiment.features) for key, x in self.sources(name).items()
        }
        starts = {key: self.run(start) for key, start in self.starts(name).items()}
        spec = {
            "method": experiment.method,
            "parameters": parameters,
            "training": training,
            "sources": {key: self._source_spec(source) for key, source in sources.items()},
            "starts": {key: start.recipe.full for key, start in starts.items()},
        }
        first = next(iter(sources.values()))
        recipe = Recipe("train", f"{experiment.method}-{first.source.dataset}", spec)
        return RunSet(
            folder=Path("results/runs") / self.config.suite / recipe.name,
            recipe=recipe,
            method=experiment.method,
            parameters=parameters,
            training=training,
            sources=sources,
            starts=starts,
        )

    def _sizes(self, method: str) -> MethodSizes:
        return self.suite.methods.get(method, MethodSizes())

    def _source(self, place: str, source: Source, kind: str) -> SourceSet:
        dataset = self.datasets[source.dataset]
        dataset.require_subset(place, source.subset)
        return SourceSet(
            source=source,
            features=self.extraction.features(source.dataset, kind),
            labels=dataset.labels,
            exclusions=self._exclusions(source),
            classes=self.split(source.classes),
        )

    def _source_spec(self, source: SourceSet) -> dict[str, Any]:
        declared = source.source
        return {
            "dataset": declared.dataset,
            "subset": declared.subset,
            "supervision": declared.supervision,
            "labels": self.datasets[declared.dataset].labels_fingerprint,
            "features": source.features.recipe.full,
            "excluded": source.exclusions.recipe.full if source.exclusions else None,
            "classes": _unordered(source.classes),
            "annotated": declared.annotated,
        }

    def _exclusions(self, source: Source) -> Exclusions | None:
        """The classes that an experiment takes out of a source, if any."""
        if not source.exclude:
            return None
        dataset, target = self.datasets[source.dataset], self.datasets[source.exclude]
        spec = {
            "source": dataset.labels_fingerprint,
            "subset": source.subset,
            "target": target.labels_fingerprint,
            "how": self.suite.exclusion,
            "aliases": {**ALIASES, **self.suite.words.aliases},
        }
        return Exclusions(
            folder=Path("results/exclusions") / self.config.suite,
            dataset=source.dataset,
            subset=source.subset,
            target=source.exclude,
            labels=dataset.labels,
            target_labels=target.labels,
            recipe=Recipe("exclude", f"{source.dataset}-without-{source.exclude}", spec),
        )

    def split(self, name: str | None) -> tuple[str, ...] | None:
        """The classes of a split, in its file's order; None for none."""
        if name is None:
            return None
        if name not in self._splits:
            self._splits[name] = read_split(self.root / SPLITS / f"{name}.yaml")
        return self._splits[name]

    # detections

    def detections(self, name: str, target: str) -> DetectionSet:
        """The detections of an experiment on a target."""
        if (name, target) not in self._detections:
            self._detections[name, target] = self._make_detections(name, target)
        return self._detections[name, target]

    def _make_detections(self, name: str, target: str) -> DetectionSet:
        experiment, run = self.experiment(name), self.run(name)
        if target not in experiment.targets:
            raise UserError(f"experiment {name}: has no target {target!r}; it names {', '.join(experiment.targets)}")
        place, searched = f"experiment {name}, target {target}", experiment.targets[target]
        dataset = self.datasets[target]
        dataset.require_subset(place, searched.subset)
        group, changes = method_parameters(experiment.method), experiment.for_target.get(target, TargetChanges())
        localization = validated(
            group.localization,
            merged(self._sizes(experiment.method).localization, experiment.localization, changes.localization),
            f"{place}: localization",
        )
        transfer = validated(LabelTransfer, merged(experiment.transfer, changes.transfer), f"{place}: transfer")
        transfers = self._needs_transfer(place, group, run, target)
        features = self.extraction.features(target, experiment.features)
        classes = self.split(searched.classes)
        spec = {
            "localization": localization,
            "transfer": {"how": transfer, "words": self.words_fingerprint} if transfers else None,
            "features": features.recipe.full,
            "labels": dataset.labels_fingerprint,
            "subset": searched.subset,
            "classes": _unordered(classes),
            "round": experiment.round,
            "evaluation": self.suite.evaluation,
        }
        return DetectionSet(
            run=run,
            target=target,
            subset=searched.subset,
            classes=classes,
            labels=dataset.labels,
            features=features,
            recipe=Recipe("localize", f"{searched.subset}-{localization.slug}", spec),
            localization=localization,
            transfer=transfer if transfers else None,
            round=experiment.round,
        )

    @staticmethod
    def _needs_transfer(place: str, group: type[MethodParameters], run: RunSet, target: str) -> bool:
        """Whether labels are carried over: where the run learns the classes of no source that is the target itself."""
        sources = group.classes_from or group.sources
        if target in {run.sources[source].source.dataset for source in sources}:
            return False
        group.check_transfer(place)
        return True

    def localization(self, name: str) -> SegmentRules:
        """How an experiment's method turns predictions into segments, whatever the target."""
        experiment = self.experiment(name)
        group, sizes = method_parameters(experiment.method), self._sizes(experiment.method)
        values = merged(sizes.localization, experiment.localization)
        return validated(group.localization, values, f"experiment {name}: localization")

    @property
    def words(self) -> Path:
        """The file of word vectors."""
        if self.suite.words.file:
            return self.suite.words.file
        world = world_of(self.suite)
        if not world:
            raise UserError(f"params.yaml: {self.config.suite}.words.file: name a word2vec file; this suite has none")
        return Path("data") / self.config.suite / "labels" / f"words-{world.name}.bin"

    @property
    def words_fingerprint(self) -> list[Any]:
        """What decides the vectors of class names."""
        return [self.words.name, self.suite.words.aliases]


def _unordered(classes: tuple[str, ...] | None) -> list[str] | None:
    """A class split as recipes have it: the order of its file decides nothing."""
    return None if classes is None else sorted(classes)


def lineage(run: RunSet) -> Iterator[RunSet]:
    """A run and those that it started from."""
    yield run
    for start in run.starts.values():
        yield from lineage(start)
