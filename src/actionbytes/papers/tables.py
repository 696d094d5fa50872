"""Tables as declared: columns, rows, what is printed, and which experiment reproduces which cell."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, FiniteFloat

from actionbytes.parameters import Parameters

Protocol = Literal["wtalc", "activitynet", "thumos14", "3cnet", "co2net", "thumos14-11pt", "accuracy", "unstated"]
Cell = float | str  # a tIoU, "average", or the name of a part ("rgb")
ACTIVITYNET_TIOU = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]


class Column(Parameters):
    """A group of cells: one dataset and metric at several tIoU, or in several parts (streams)."""

    dataset: str = Field(description="what is tested on")
    tiou: list[FiniteFloat | Literal["average"]] = Field([], description='as printed; "average" for the mean')
    parts: list[str] = Field([], description="instead of tiou: what the cells are, such as [rgb, flow, fusion]")
    metric: str | None = Field(None, description="where it is not the table's")
    setting: str | None = Field(None, description="what sets results apart on this dataset, such as a class split")
    key: str | None = Field(None, description="name in `published` where one dataset has several columns")
    average_over: list[FiniteFloat] = Field(ACTIVITYNET_TIOU, min_length=1, description='what "average" is the mean of')

    @property
    def name(self) -> str:
        """The key in `published` and, where they differ by column, in a row's `experiment`."""
        return self.key or self.dataset

    @property
    def title(self) -> str:
        """The dataset and, where it has several columns, what sets this one apart."""
        return f"{self.dataset}, {self.setting or self.key}" if self.key else self.dataset

    @property
    def cells(self) -> list[Cell]:
        """What the values of a row stand for, in printed order."""
        return [*self.tiou, *self.parts]


class Row(Parameters):
    """One line of a table."""

    method: str = Field(description="as printed")
    experiment: str | dict[str, str] | None = Field(
        None,
        description="what reproduces the row: one experiment, or column's name -> experiment; without it the row is "
        "only quoted",
    )
    source: str | None = Field(None, description="the work that the row stands for, one key in all papers")
    supervision: Literal["full", "weak", "trimmed", "transfer"] | None = Field(None, description="what it learned from")
    features: str | None = Field(None, description="what the work's features are, such as i3d")
    setting: str | None = Field(None, description="where it is not the column's")
    protocol: Protocol | None = Field(None, description="where it is known not to be the table's")
    rerun: str | None = Field(None, description="who ran the source's method again; without it the row is a quotation")
    unverified: bool = Field(False, description="not checked against the document itself")
    components: list[str] = Field([], description="ablations: what is switched on")
    note: str | None = Field(None, description="what a reader of the row needs to know")
    published: dict[str, list[FiniteFloat | int | None]] = Field({}, description="column's name -> a value a cell")

    @property
    def experiments(self) -> list[str]:
        """Every experiment of the row, each once."""
        if self.experiment is None:
            return []
        names = [self.experiment] if isinstance(self.experiment, str) else self.experiment.values()
        return list(dict.fromkeys(names))

    def experiment_of(self, column: Column) -> str | None:
        """What reproduces the row in a column; None where it is only quoted there."""
        if isinstance(self.experiment, dict):
            return self.experiment.get(column.name)
        return self.experiment


class Table(Parameters):
    """A printed table."""

    number: str = Field(description="as printed, such as Table 1")
    caption: str = Field(description="the paper's, or in short")
    protocol: Protocol = Field(description="evaluation protocol")
    metric: str = Field(description="what the numbers are, such as mAP")
    setting: str | None = Field(None, description="what sets its results apart from others on these datasets")
    columns: list[Column] = Field(min_length=1, description="groups of cells, in printed order")
    rows: list[Row] = Field(min_length=1, description="lines, in printed order")
    note: str | None = Field(None, description="what a reader of the table needs to know")

    def values(self, row: Row) -> Iterator[tuple[Column, Cell, float]]:
        """The printed values of `row` with their column and cell."""
        for column in self.columns:
            for cell, value in zip(column.cells, row.published.get(column.name, []), strict=False):
                if value is not None:
                    yield column, cell, value

    def row(self, method: str) -> Row | None:
        """The first row printed as `method`."""
        return next((row for row in self.rows if row.method == method), None)
