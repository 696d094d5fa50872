"""Results: tables, figures and submissions, what each is made from, and whether it is fresh."""

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from actionbytes.errors import UserError
from actionbytes.files import write_text
from actionbytes.papers.declared import Paper, Submission
from actionbytes.papers.figures import DrawnFigure, Picture
from actionbytes.planning.artifacts import DetectionSet, RunSet, Stills
from actionbytes.planning.datasets import Datasets
from actionbytes.planning.extraction import Extraction
from actionbytes.planning.params import Config
from actionbytes.planning.runs import Runs
from actionbytes.recipes import VERSIONS, digest
from actionbytes.reporting.inputs import Facts, FigureInputs, Shown, TableInputs

TIERS = {
    "A": "features, split and protocol as published",
    "B": "features or videos differ from the published ones; compare differences between rows, not levels",
    "C": "a synthetic world that checks code and methods; not comparable with the published numbers beside it",
}
RESULTS, FIGURES = Path("results"), Path("results/figures")
KEYS = RESULTS / ".keys"  # what DVC's stages depend on, and marks of what is stale


class Results:
    """The tables, figures and submissions that the active suite makes.

    Args:
        config: params.yaml.
        papers: What papers/ declares.
        datasets: The suite's datasets.
        extraction: Their features.
        runs: Runs and detections of the experiments.
        root: Folder of the project.

    Raises:
        UserError: A row or a point names an experiment that is not declared.
    """

    def __init__(
        self,
        config: Config,
        papers: Mapping[str, Paper],
        datasets: Datasets,
        extraction: Extraction,
        runs: Runs,
        root: Path,
    ) -> None:
        self.config, self.papers, self.root = config, papers, root
        self.datasets, self.extraction, self.runs = datasets, extraction, runs
        self.tables: dict[str, Paper] = {}
        self.figures: dict[str, Paper] = {}
        for paper in papers.values():
            for name, table in paper.tables.items():
                experiments = [experiment for row in table.rows for experiment in row.experiments]
                if self._declared(experiments):
                    self.tables[name] = paper
            for name, figure in paper.figures.items():
                if isinstance(figure, DrawnFigure) and self._declared(point.experiment for point in figure.points):
                    self.figures[name] = paper
        self._figure_inputs: dict[str, FigureInputs] = {}

    def _declared(self, experiments: Iterable[str]) -> bool:
        """Whether there is an experiment; raises UserError for one that is not declared."""
        return bool([self.runs.experiment(name) for name in experiments])

    def figure(self, name: str) -> DrawnFigure:
        """A figure that is drawn here, as declared."""
        figure = self.figures[name].figures[name]
        assert isinstance(figure, DrawnFigure)
        return figure

    def of_paper(self, paper: str) -> list[Path]:
        """Everything that is made of a paper here."""
        tables = [RESULTS / f"{name}.csv" for name, owner in self.tables.items() if owner.paper == paper]
        drawn = [self.picture(name) for name, owner in self.figures.items() if owner.paper == paper]
        sent = self.papers[paper].submissions.keys() & self.submissions().keys()
        return tables + drawn + [RESULTS / f"{name}.json" for name in sorted(sent)]

    def facts(self, paper: Paper) -> Facts:
        """What is said below every result of a paper."""
        tier = self.config.active.tier
        return Facts(paper=f"{paper.name}, {paper.venue}", suite=self.config.suite, tier=tier, meaning=TIERS[tier])

    # what a result shows

    def shown(self, result: str) -> list[Shown]:
        """Everything whose metrics or detections a table or figure shows."""
        return self._shown_by_figure(self.figure(result)) if result in self.figures else self._shown_by_table(result)

    def _shown_by_table(self, name: str) -> list[Shown]:
        table = self.tables[name].tables[name]
        shown = []
        for number, row in enumerate(table.rows):
            for column in table.columns:
                experiment = row.experiment_of(column)
                if experiment is None or column.dataset not in set(self.runs.targets(experiment)):
                    continue
                if not self.runs.truth_is_hidden(experiment, column.dataset):
                    seeds = self.runs.seeds(experiment)
                    shown += [Shown(number, column.name, experiment, column.dataset, seed) for seed in seeds]
        return shown

    def _shown_by_figure(self, figure: DrawnFigure) -> list[Shown]:
        return [
            Shown(number, dataset, point.experiment, dataset, seed)
            for number, point in enumerate(figure.points)
            for dataset in dict.fromkeys(figure.datasets)
            if dataset in set(self.runs.targets(point.experiment))
            for seed in self.runs.seeds(point.experiment)[: figure.seeds_shown]
        ]

    def detections_of(self, entry: Shown) -> DetectionSet:
        """The detections behind an entry of a result."""
        return self.runs.detections(entry.experiment, entry.dataset)

    def experiments_behind(self, result: str) -> list[str]:
        """Every experiment whose run a result needs, found without opening a file."""
        points = [point.experiment for point in self.figure(result).points] if result in self.figures else []
        shown = [entry.experiment for entry in self.shown(result)]
        return list(dict.fromkeys(name for first in (*shown, *points) for name in self.runs.behind(first)))

    # tables

    def metrics(self, table: str) -> list[Path]:
        """The files of metrics that a table is rendered from, each once."""
        return list(dict.fromkeys(self.detections_of(entry).metrics(entry.seed) for entry in self.shown(table)))

    def table_inputs(self, name: str) -> TableInputs:
        """All that a table shows."""
        paper, shown = self.tables[name], self.shown(name)
        detections = [self.detections_of(entry) for entry in shown]
        features = {
            (entry.place, entry.column): self.extraction.in_words(self.runs.experiment(entry.experiment).features)
            for entry in shown
        }
        return TableInputs(
            table=paper.tables[name],
            facts=self.facts(paper),
            shown=shown,
            metrics=[each.metrics(entry.seed) for each, entry in zip(detections, shown, strict=True)],
            runs=[each.run.folder for each in detections],
            logs=[each.run.log(entry.seed) for each, entry in zip(detections, shown, strict=True)],
            features=features,
            version=VERSIONS["render_table"],
        )

    # figures

    def picture(self, figure: str) -> Path:
        """Where a figure is."""
        return FIGURES / f"{figure}.png"

    def figure_inputs(self, name: str) -> FigureInputs:
        """All that a figure shows: of the files those that its kind reads."""
        if name not in self._figure_inputs:
            self._figure_inputs[name] = self._make_figure_inputs(name)
        return self._figure_inputs[name]

    def _make_figure_inputs(self, name: str) -> FigureInputs:
        paper, figure = self.figures[name], self.figure(name)
        shown, reads = self._shown_by_figure(figure), figure.reads
        files: dict[str, Any] = {}
        if "metrics" in reads:
            files["metrics"] = [self.detections_of(entry).metrics(entry.seed) for entry in shown]
        if "detections" in reads:
            files["detections"] = [self.detections_of(entry).detections(entry.seed) for entry in shown]
        if reads & {"models", "rounds"}:
            runs = self._runs_of(figure, shown)
            files["models"] = [run.model(seed) for run, seed in runs]
            files["rounds"] = [run.rounds(seed) for run, seed in runs] if "rounds" in reads else []
        if isinstance(figure, Picture):
            files |= self._of_videos(figure)
        version = VERSIONS["render_figure"]
        return FigureInputs(figure=figure, facts=self.facts(paper), shown=shown, version=version, **files)

    def _runs_of(self, figure: DrawnFigure, shown: Iterable[Shown]) -> list[tuple[RunSet, int]]:
        """The runs that a figure shows, each once; a picture may show videos that are no target of its first point."""
        pairs = [(entry.experiment, entry.seed) for entry in shown]
        if isinstance(figure, Picture):
            first = figure.points[0].experiment
            pairs = [(first, self.runs.seeds(first)[0])]
        by_model = {self.runs.run(name).model(seed): (self.runs.run(name), seed) for name, seed in pairs}
        return list(by_model.values())

    def stills(self, name: str) -> Stills | None:
        """The frames that a picture shows; None for what shows no videos."""
        figure = self.figure(name)
        if not isinstance(figure, Picture):
            return None
        return self.extraction.stills(figure.dataset, self._subset_of(figure), figure.videos)

    def _subset_of(self, figure: Picture) -> str:
        """The subset whose videos a picture shows: the first point's target or, of what it learned from, its source."""
        experiment = figure.points[0].experiment
        if target := self.runs.experiment(experiment).targets.get(figure.dataset):
            return target.subset
        for source in self.runs.sources(experiment).values():
            if source.dataset == figure.dataset:
                return source.subset
        raise UserError(f"experiment {experiment}: has no videos of {figure.dataset}, which {figure.number} shows")

    def _of_videos(self, figure: Picture) -> dict[str, Any]:
        """The files of a picture's videos that it reads."""
        first, subset = self.runs.experiment(figure.points[0].experiment), self._subset_of(figure)
        files: dict[str, Any] = {
            "seed": self.runs.seeds(figure.points[0].experiment)[0],
            "localization": self.runs.localization(figure.points[0].experiment),
        }
        if "features" in figure.reads:
            files["features"] = self.extraction.features(figure.dataset, first.features).files(subset)
        if "stills" in figure.reads:
            files["stills"] = self.extraction.stills(figure.dataset, subset, figure.videos).file
        if "truth" in figure.reads:
            files["truth"] = self.datasets[figure.dataset].truth
        return files

    # submissions

    def submissions(self) -> dict[str, Submission]:
        """What is submitted to a test server, by name, for every experiment with that target here."""
        declared = {name: entry for paper in self.papers.values() for name, entry in paper.submissions.items()}
        return {name: x for name, x in declared.items() if x.dataset in set(self.runs.targets(x.experiment))}

    def submitted(self, name: str) -> DetectionSet:
        """The detections that a submission is made of."""
        submission = self.submissions()[name]
        return self.runs.detections(submission.experiment, submission.dataset)

    # freshness

    def key(self, name: str) -> str:
        """Digest of all that decides what a table or figure shows; its provenance repeats it."""
        inputs = self.table_inputs(name) if name in self.tables else self.figure_inputs(name)
        content = {field.name: getattr(inputs, field.name) for field in fields(inputs)}
        if isinstance(inputs, TableInputs):  # JSON has no pairs as keys
            content["features"] = sorted([*place, words] for place, words in inputs.features.items())
        return digest(content, 64)

    def mark_if_stale(self, name: str) -> list[Path]:
        """Mark a table or figure that was made from another key than today's.

        Neither times nor Snakemake's checksums of inputs tell: a result may have come from DVC or git since.

        Returns:
            The mark, a new file that Snakemake takes as an input; nothing where the result is fresh. The file holds the
            time, so that no two are the same.
        """
        file = self.picture(name) if name in self.figures else RESULTS / f"{name}.csv"
        if _key_in(self.root / file.with_suffix(".provenance.json")) == self.key(name):
            return []
        mark = KEYS / name / "stale"  # a folder for each: Snakemake lists a folder once, while it reads the targets
        write_text(self.root / mark, f"{time.time_ns()}\n")
        result = self.root / file
        if result.exists():  # perhaps from a machine whose clock is ahead
            newer = max(time.time_ns(), result.stat().st_mtime_ns + 10**9)
            os.utime(self.root / mark, ns=(newer, newer))
        return [mark]


def _key_in(provenance: Path) -> str | None:
    """The key that a result was made from; None where nothing says so."""
    try:
        key: str = json.loads(provenance.read_text(encoding="utf-8"))["key"]
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
    return key
