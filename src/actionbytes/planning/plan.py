"""The plan: which results there are, which artifacts each shows, and what lies at a path.

The Snakefile asks it for inputs, the scripts get their parameters from it.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from actionbytes.errors import UserError
from actionbytes.files import write_text
from actionbytes.papers.declared import Figure, Paper, Submission, read_papers
from actionbytes.planning.artifacts import Backbones, Clips, Excluded, FeatureSet, Localized, Run, Stills
from actionbytes.planning.making import Making, NotThere
from actionbytes.planning.params import read_config
from actionbytes.recipes import VERSIONS, digest

TIERS = {
    "A": "features, split and protocol as published",
    "B": "features or videos differ from the published ones; compare differences between rows, not levels",
    "C": "a synthetic world that checks code and methods; not comparable with the published numbers beside it",
}

KEYS = Path("results/.keys")  # what DVC's stages depend on, and marks of what is stale

Found = TypeVar("Found")
Cell = tuple[int, str, str, int]  # number of a row or point, experiment, dataset, seed


class Plan(Making):
    """Everything the active suite shows: tables, figures, submissions, and all that is behind them."""

    @classmethod
    def read(cls, root: Path = Path()) -> "Plan":
        """The plan of the project in `root`."""
        return cls(read_config(root / "params.yaml"), read_papers(root / "papers"), root)

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
            "version": VERSIONS["render_table"],
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
        drawn = [self.picture(name) for name, owner in self.figures().items() if owner.paper == paper]
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
        drawn = {"figure": figure, "facts": self.facts(paper), "version": VERSIONS["render_figure"]}
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
        rendered = self.world and not self.own(dataset)
        return [labels, labels.with_suffix(".sub_actions.json")] if rendered else [labels]

    def drawn_from(self, name: str) -> list[Path]:
        """The files that a figure reads."""
        drawn = self.drawing(name)
        stills = [drawn["stills"].file] if "stills" in drawn else []
        files = [path for kind in ("metrics", "models", "detections", "features") for path in drawn.get(kind, [])]
        return stills + files

    # freshness

    def key(self, name: str) -> str:
        """Digest of all that decides what a table or figure shows; its provenance repeats it."""
        declared = self.declaration(name) if name in self.tables() else self.drawing(name)
        return digest({key: value.file if isinstance(value, Stills) else value for key, value in declared.items()}, 64)

    def mark_if_stale(self, name: str) -> list[Path]:
        """A new file for the inputs of a table or figure that was made from another key; nothing if it is fresh.

        Neither times nor Snakemake's checksums of inputs tell: a result may have come from DVC or git since. The file
        holds the time, so that no two are the same.
        """
        made = self.picture(name) if name in self.figures() else Path("results") / f"{name}.csv"
        if _key_of(self.root / made.with_suffix(".provenance.json")) == self.key(name):
            return []
        mark = KEYS / name / "stale"  # a folder for each: Snakemake lists a folder once, while it reads the targets
        write_text(self.root / mark, f"{time.time_ns()}\n")
        result = self.root / made
        if result.exists():  # perhaps from a machine whose clock is ahead
            newer = max(time.time_ns(), result.stat().st_mtime_ns + 10**9)
            os.utime(self.root / mark, ns=(newer, newer))
        return [mark]

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
        drawn = self._there(self.drawing, ((name,) for name in self.figures()))
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
        return [(clips, self.backbones()) for clips in self._clips.values()]

    @cached_property
    def _localized(self) -> dict[tuple[str, str, str], Localized]:
        everything = self._there(self.localized, ((e, t) for e in self.experiments for t in self.targets(e)))
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
        own = self.backbones()
        return {own.recipe.name: own} if own else {}

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


def _key_of(provenance: Path) -> str | None:
    """The key that a result was made from; None where nothing says so."""
    try:
        return json.loads(provenance.read_text(encoding="utf-8"))["key"]
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
