"""What a table or a figure is made from: the plan says it, the scripts hand it over, rendering reads it.

Light on purpose: planning imports this, and must not wait for Matplotlib or HDF5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypedDict

from actionbytes.localization.thresholds import SegmentRules
from actionbytes.papers.figures import DrawnFigure
from actionbytes.papers.tables import Table


class Facts(TypedDict):
    """What is said below every result: paper and venue, suite, tier, and what the tier means."""

    paper: str
    suite: str
    tier: str
    meaning: str


class Shown(NamedTuple):
    """One run on one dataset in one place of a result.

    place: number of the table's row or of the figure's point; column: name of the column, in a picture the dataset.
    """

    place: int
    column: str
    experiment: str
    dataset: str
    seed: int


@dataclass(frozen=True)
class TableInputs:
    """All that a table shows.

    Attributes:
        table: As declared.
        facts: What is said below it.
        shown: What its cells show.
        metrics: File of metrics of each entry of `shown`.
        runs: Folder of the training runs of each entry.
        logs: Losses of the training run of each entry, CSV.
        features: (row, column) -> features in words, where something was run.
        version: Of the code that renders.
    """

    table: Table
    facts: Facts
    shown: Sequence[Shown]
    metrics: Sequence[Path]
    runs: Sequence[Path]
    logs: Sequence[Path]
    features: Mapping[tuple[int, str], str]
    version: int


@dataclass(frozen=True)
class FigureInputs:
    """All that a figure shows; of the files those that its kind reads, the others are empty.

    Attributes:
        figure: As declared.
        facts: What is said with it.
        shown: What its points show.
        version: Of the code that draws.
        metrics: File of metrics of each entry of `shown`.
        detections: File of detections of each entry of `shown`.
        models: Weights of each run that is shown, once.
        rounds: Log of the mining rounds of each of these runs, CSV; absent for methods without rounds.
        features: Feature shards of the videos that are shown.
        stills: Frames of these videos.
        truth: Their annotations and, in the mini world, the parts of actions.
        seed: The seed that a picture shows.
        localization: How the first point's method turns predictions into segments, in pictures.
    """

    figure: DrawnFigure
    facts: Facts
    shown: Sequence[Shown]
    version: int
    metrics: Sequence[Path] = ()
    detections: Sequence[Path] = ()
    models: Sequence[Path] = ()
    rounds: Sequence[Path] = ()
    features: Sequence[Path] = ()
    stills: Path | None = None
    truth: Sequence[Path] = ()
    seed: int = 0
    localization: SegmentRules | None = None

    @property
    def files(self) -> list[Path]:
        """What it is drawn from and what must be there, but for `truth`."""
        stills = [self.stills] if self.stills else []
        return [*stills, *dict.fromkeys((*self.metrics, *self.models, *self.detections, *self.features))]
