"""Papers as data: every table, figure and published number, declared in `papers/<paper>.yaml`.

A table's name is its target, `results/<name>.csv`. A row is an experiment (what reproduces it), a quoted result, or
both; `published` holds what the paper prints, aligned with the cells of its columns, null where it prints nothing.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, FiniteFloat

from actionbytes.errors import UserError
from actionbytes.papers.experiments import Experiment
from actionbytes.papers.figures import AnyFigure
from actionbytes.papers.likeness import resolved
from actionbytes.papers.tables import Cell, Table
from actionbytes.parameters import Parameters, read_yaml, validated


class Claim(Parameters):
    """A number that the text states; with `table` it can be checked: a cell of `row`, less that of `minus`."""

    where: str = Field(description="place in the paper")
    says: str = Field(description="the statement, in words")
    value: FiniteFloat = Field(description="the number stated")
    table: str | None = Field(None, description="the table that it speaks of")
    column: str | None = Field(None, description="name of the column")
    cell: float | str | None = Field(None, description="tIoU, average or part")
    row: str | None = Field(None, description="method of the row")
    minus: str | None = Field(None, description="method of the row that is taken off it")


class Count(Parameters):
    """How many videos (or clips, instances, classes) the paper says a dataset has, or that it used of it."""

    dataset: str = Field(description="as everywhere in papers/")
    subset: str = Field(description="of the dataset")
    of: str = Field("videos", description="what is counted")
    value: int = Field(description="how many")
    kind: Literal["stated", "used"] = Field("stated", description="used: what its authors could get, so it may differ")
    where: str = Field("text", description="place in the paper")


class Slip(Parameters):
    """A contradiction inside a paper that no rule computes: what is printed, and what it contradicts."""

    where: str = Field(description="place in the paper")
    prints: str = Field(description="what is printed there")
    against: str = Field(description="what it contradicts")


class Submission(Parameters):
    """Detections for a test server, in the format of the ActivityNet challenge."""

    experiment: str = Field(description="whose detections")
    dataset: str = Field(description="on which of its targets")
    seed: int = Field(0, description="whose detections are sent")
    details: str = Field(description="what data beside the challenge's was used, as the format wants it")


class Paper(Parameters):
    """One file of `papers/`."""

    paper: str = Field(description="the file's name")
    name: str = Field(description="of the method, as the paper writes it")
    title: str = Field(description="of the paper")
    venue: str = Field(description="where and when it appeared")
    experiments: dict[str, Experiment] = Field({}, description="what rows and figures run")
    tables: dict[str, Table] = Field({}, description="by target under results/")
    elsewhere: dict[str, Table] = Field({}, description="not in the paper: reproductions, originals; not rendered")
    figures: dict[str, AnyFigure] = Field({}, description="by target under results/figures/")
    submissions: dict[str, Submission] = Field({}, description="by target under results/, JSON")
    claims: list[Claim] = Field([], description="numbers of the text")
    counts: list[Count] = Field([], description="sizes of datasets")
    slips: list[Slip] = Field([], description="contradictions that no rule computes")
    notes: list[str] = Field([], description="open points, in words")

    def claimed(self, claim: Claim) -> float | None:
        """What the table gives for `claim`; None where it prints nothing there."""
        table, total = self.tables[claim.table or ""], 0.0
        for method, sign in ((claim.row, 1), (claim.minus, -1)):
            if method is None:
                continue
            row = table.row(method)
            printed: dict[tuple[str | None, Cell | None], float] = (
                {(column.name, cell): value for column, cell, value in table.values(row)} if row else {}
            )
            if (claim.column, claim.cell) not in printed:
                return None
            total += sign * printed[claim.column, claim.cell]
        return total


def read_papers(folder: Path) -> dict[str, Paper]:
    """All `*.yaml` of `folder` by their key `paper`, which must be the file's name; hidden files are none of them.

    An experiment may be `like` one of another paper.

    Raises:
        UserError: In one line with file and key: nothing there, not YAML, a wrong or unknown key, a `like` that leads
            nowhere, values that do not fit their columns, claims that point nowhere, a target or an experiment that
            two papers declare.
    """
    files = sorted(path for path in folder.glob("*.yaml") if not path.name.startswith("."))
    if not files:
        raise UserError(f"{folder}: no papers (*.yaml) there; name the folder with --papers")
    contents: dict[Path, dict[str, Any]] = {}
    for file in files:
        content = read_yaml(file)
        if not isinstance(content, dict):
            raise UserError(f"{file}: must hold keys such as paper, title and tables")
        contents[file] = content
    papers: dict[str, Paper] = {}
    owner: dict[str, Path] = {}
    for file, content in _without_likeness(contents).items():
        paper = validated(Paper, content, str(file))
        for target in [*paper.tables, *paper.figures]:
            if not re.fullmatch(r"\w+", target) or target.lower() == "readme":
                raise UserError(f"{file}: {target!r} cannot name a table or a figure (letters, digits, _; not README)")
        for problem in _misfits(paper):
            raise UserError(f"{file}: {problem}")
        if paper.paper != file.stem:
            raise UserError(f"{file}: paper is {paper.paper!r} but the file is named {file.name}")
        for target in [*paper.tables, *paper.figures]:
            if target in owner:
                raise UserError(f"{file}: {target} is already declared in {owner[target]}")
            owner[target] = file
        papers[paper.paper] = paper
    return papers


def _without_likeness(contents: Mapping[Path, dict[str, Any]]) -> dict[Path, dict[str, Any]]:
    """The files' contents with every experiment in full."""
    home: dict[str, Path] = {}
    declared: dict[str, Any] = {}
    for file, content in contents.items():
        experiments = content.get("experiments")
        for name, values in (experiments if isinstance(experiments, dict) else {}).items():
            if name in home:
                raise UserError(f"{file}: experiments.{name}: a second experiment of that name; see {home[name]}")
            home[name], declared[name] = file, values
    complete = resolved(declared, lambda name: f"{home[name]}: experiments.{name}")
    return {
        file: content | {"experiments": {name: complete[name] for name in complete if home[name] == file}}
        if isinstance(content.get("experiments"), dict)
        else content
        for file, content in contents.items()
    }


def _misfits(paper: Paper) -> Iterator[str]:
    """What does not fit together in one file, each as `key: problem`."""
    for group, tables in (("tables", paper.tables), ("elsewhere", paper.elsewhere)):
        for name, table in tables.items():
            yield from _misfits_of(table, f"{group}.{name}")
    for number, claim in enumerate(paper.claims):
        if claim.table is not None and claim.table not in paper.tables:
            yield f"claims.{number}.table: no table {claim.table}; tables here: {', '.join(paper.tables)}"
        elif claim.table is not None and (claim.row is None or paper.claimed(claim) is None):
            yield f"claims.{number}: {claim.table} prints nothing at this column, cell, row and minus"


def _misfits_of(table: Table, place: str) -> Iterator[str]:
    width = {column.name: len(column.cells) for column in table.columns}
    if len(width) < len(table.columns):
        yield f"{place}.columns: two have one name; give each its own key"
    for number, column in enumerate(table.columns):
        if bool(column.tiou) == bool(column.parts):
            yield f"{place}.columns.{number}: give either tiou or parts"
    for row in table.rows:
        by_column = row.experiment if isinstance(row.experiment, dict) else {}
        for name in by_column:
            if name not in width:
                yield f"{place}.rows ({row.method}).experiment: no column {name}; columns here: {', '.join(width)}"
        key = f"{place}.rows ({row.method}).published"
        for name, values in row.published.items():
            if name not in width:
                yield f"{key}: no column {name}; columns here: {', '.join(width)}"
            elif len(values) != width[name]:
                yield f"{key}.{name}: {len(values)} values for {width[name]} cells"
