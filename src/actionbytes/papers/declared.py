"""Papers as data: every table, figure and published number, declared in `papers/<paper>.yaml`.

A table's name is its target, `results/<name>.csv`. A row is an experiment (what reproduces it), a quoted result, or
both; `published` holds what the paper prints, aligned with the cells of its columns, null where it prints nothing.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, FiniteFloat

from actionbytes.errors import UserError
from actionbytes.parameters import Parameters, read_yaml, validated

Protocol = Literal["wtalc", "activitynet", "thumos14", "accuracy", "unstated"]
Cell = float | str  # a tIoU, "average", or the name of a part ("rgb")
ACTIVITYNET_TIOU = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]


class Column(Parameters):
    """A group of cells: one dataset and metric at several tIoU, or in several parts (streams)."""

    dataset: str
    tiou: list[FiniteFloat | Literal["average"]] = Field([], description='as printed; "average" for the mean')
    parts: list[str] = Field([], description="instead of tiou: what the cells are, such as [rgb, flow, fusion]")
    metric: str | None = Field(None, description="where it is not the table's")
    setting: str | None = Field(None, description="what sets results apart on this dataset, such as a class split")
    key: str | None = Field(None, description="name in `published` where one dataset has several columns")
    average_over: list[FiniteFloat] = Field(ACTIVITYNET_TIOU, min_length=1, description='what "average" is the mean of')

    @property
    def name(self) -> str:
        """The key in `published`."""
        return self.key or self.dataset

    @property
    def cells(self) -> list[Cell]:
        """What the values of a row stand for, in printed order."""
        return [*self.tiou, *self.parts]


class Row(Parameters):
    """One line of a table."""

    method: str = Field(description="as printed")
    experiment: str | None = Field(None, description="what reproduces the row; without it the row is only quoted")
    source: str | None = Field(None, description="the work that the row stands for, one key in all papers")
    supervision: Literal["full", "weak", "trimmed", "transfer"] | None = None
    features: str | None = None
    setting: str | None = Field(None, description="where it is not the column's")
    protocol: Protocol | None = Field(None, description="where it is known not to be the table's")
    rerun: str | None = Field(None, description="who ran the source's method again; without it the row is a quotation")
    unverified: bool = Field(False, description="not checked against the document itself")
    components: list[str] = Field([], description="ablations: what is switched on")
    note: str | None = None
    published: dict[str, list[FiniteFloat | int | None]] = Field({}, description="column's name -> a value a cell")


class Table(Parameters):
    """A printed table."""

    number: str
    caption: str
    protocol: Protocol
    metric: str
    setting: str | None = None
    columns: list[Column] = Field(min_length=1)
    rows: list[Row] = Field(min_length=1)
    note: str | None = None

    def values(self, row: Row) -> Iterator[tuple[Column, Cell, float]]:
        """The printed values of `row` with their column and cell."""
        for column in self.columns:
            for cell, value in zip(column.cells, row.published.get(column.name, []), strict=False):
                if value is not None:
                    yield column, cell, value

    def row(self, method: str) -> Row | None:
        """The first row printed as `method`."""
        return next((row for row in self.rows if row.method == method), None)


class Claim(Parameters):
    """A number that the text states; with `table` it can be checked: a cell of `row`, less that of `minus`."""

    where: str
    says: str
    value: FiniteFloat
    table: str | None = None
    column: str | None = Field(None, description="name of the column")
    cell: float | str | None = None
    row: str | None = None
    minus: str | None = None


class Count(Parameters):
    """How many videos (or clips, instances, classes) the paper says a dataset has, or that it used of it."""

    dataset: str
    subset: str
    of: str = "videos"
    value: int
    kind: Literal["stated", "used"] = Field("stated", description="used: what its authors could get, so it may differ")
    where: str = "text"


class Slip(Parameters):
    """A contradiction inside a paper that no rule computes: what stands where, and what it goes against."""

    where: str
    prints: str
    against: str


class Point(Parameters):
    """One place on the horizontal axis of a curve, or one row of a qualitative picture."""

    x: int | float | str = Field(description="a number, or a name where places are only in order")
    experiment: str


class Figure(Parameters):
    """A printed figure; `shows` says in words what a curve or bar shows where no number is printed.

    kind, where it is drawn here: `curve`, mAP of `points` in `columns`; `bytes`, ActionBytes over the frames of some
    videos; `qualitative`, truth and detections of `points` over frames; `attention`, what a model attends to.
    """

    number: str
    caption: str
    shows: str | None = None
    kind: Literal["curve", "bytes", "qualitative", "attention"] | None = None
    points: list[Point] = Field([], description="what it is drawn from, in order")
    x_label: str = Field("", description="curve: what the places are")
    columns: list[Column] = Field([], description="curve: datasets and tIoU, a line each")
    protocol: Protocol = Field("wtalc", description="curve: of the mAP")
    loss: bool = Field(False, description="curve over stages: a second panel with the clustering loss of each")
    dataset: str | None = Field(None, description="pictures: whose videos")
    videos: int = Field(3, ge=1, le=20, description="pictures: how many, picked by a hash of their ids")

    @property
    def title(self) -> str:
        return f"{self.number}. {self.caption}"


class Submission(Parameters):
    """Detections for a test server, in the format of the ActivityNet challenge."""

    experiment: str
    dataset: str
    seed: int = Field(0, description="whose detections are sent")
    details: str = Field(description="what data beside the challenge's was used, as the format wants it")


class Paper(Parameters):
    """One file of `papers/`."""

    paper: str = Field(description="the file's name")
    name: str = Field(description="of the method, as the paper writes it")
    title: str
    venue: str
    experiments: dict[str, dict[str, Any]] = Field({}, description="what rows and figures run")
    tables: dict[str, Table] = Field({}, description="by target under results/")
    elsewhere: dict[str, Table] = Field({}, description="not in the paper: reproductions, originals; not rendered")
    figures: dict[str, Figure] = Field({}, description="by target under results/figures/")
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
            printed = {(column.name, cell): value for column, cell, value in table.values(row)} if row else {}
            if (claim.column, claim.cell) not in printed:
                return None
            total += sign * printed[claim.column, claim.cell]
        return total


def read_papers(folder: Path) -> dict[str, Paper]:
    """All `*.yaml` of `folder` by their key `paper`, which must be the file's name.

    Raises UserError in one line with file and key: nothing there, not YAML, a wrong or unknown key, values that do not
    fit their columns, claims that point nowhere, a target declared by two papers.
    """
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise UserError(f"{folder}: no papers (*.yaml) there; name the folder with --papers")
    papers: dict[str, Paper] = {}
    owner: dict[str, Path] = {}
    for file in files:
        content = read_yaml(file)
        if not isinstance(content, dict):
            raise UserError(f"{file}: must hold keys such as paper, title and tables")
        paper = validated(Paper, content, str(file))
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


def _misfits(paper: Paper) -> Iterator[str]:
    """What does not fit together in one file, each as `key: problem`."""
    for group, tables in (("tables", paper.tables), ("elsewhere", paper.elsewhere)):
        for name, table in tables.items():
            width = {column.name: len(column.cells) for column in table.columns}
            if len(width) < len(table.columns):
                yield f"{group}.{name}.columns: two have one name; give each its own key"
            for number, column in enumerate(table.columns):
                if bool(column.tiou) == bool(column.parts):
                    yield f"{group}.{name}.columns.{number}: give either tiou or parts"
            for row in table.rows:
                key = f"{group}.{name}.rows ({row.method}).published"
                for column_name, values in row.published.items():
                    if column_name not in width:
                        yield f"{key}: no column {column_name}; columns here: {', '.join(width)}"
                    elif len(values) != width[column_name]:
                        yield f"{key}.{column_name}: {len(values)} values for {width[column_name]} cells"
    for name, figure in paper.figures.items():
        needs = {"curve": ("points", "columns"), "bytes": ("points", "dataset")}.get(figure.kind or "", ())
        needs = needs or (("points", "dataset") if figure.kind else ())
        for key in needs:
            if not getattr(figure, key):
                yield f"figures.{name}: a figure of kind {figure.kind} needs {key}"
    for number, claim in enumerate(paper.claims):
        if claim.table is not None and claim.table not in paper.tables:
            yield f"claims.{number}.table: no table {claim.table}; tables here: {', '.join(paper.tables)}"
        elif claim.table is not None and (claim.row is None or paper.claimed(claim) is None):
            yield f"claims.{number}: {claim.table} prints nothing at this column, cell, row and minus"
