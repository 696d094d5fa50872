"""Figures as declared: one class for each kind of figure that is drawn here.

A new kind is a class in this file, named in `AnyFigure`, and a file of its name in `reporting/figures/` that draws it.
"""

from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from actionbytes.papers.tables import Column, Protocol
from actionbytes.parameters import Parameters

Reads = Literal["metrics", "detections", "models", "rounds", "features", "stills", "truth"]


class Point(Parameters):
    """One place on the horizontal axis of a curve, or one row of a picture."""

    x: int | float | str = Field(description="a number, or a name where places are only in order")
    experiment: str = Field(description="what is shown there")


class Figure(Parameters):
    """What every printed figure has."""

    number: str = Field(description="as printed, such as Figure 3")
    caption: str = Field(description="the paper's, or in short")
    shows: str | None = Field(None, description="what it shows, in words, where no number is printed")


class PrintedFigure(Figure):
    """A figure of a paper that is only named, not drawn here."""

    kind: Literal["printed"] = Field("printed", description="not drawn here")


class DrawnFigure(Figure, ABC):
    """A figure that is drawn here, from what the experiments of its points have made."""

    kind: str = Field(description="how it is drawn")
    points: list[Point] = Field(min_length=1, description="what it is drawn from, in order")

    @property
    @abstractmethod
    def reads(self) -> frozenset[Reads]:
        """What drawing needs; the plan finds the files."""

    @property
    @abstractmethod
    def datasets(self) -> list[str]:
        """Datasets whose results or videos it shows."""

    @property
    def seeds_shown(self) -> int | None:
        """How many seeds of each experiment it shows; None: all."""
        return 1


class Curve(DrawnFigure):
    """A metric over a parameter: points of experiments, one line for each dataset and tIoU."""

    kind: Literal["curve"] = Field(description="a metric over a parameter")
    columns: list[Column] = Field(min_length=1, description="datasets and tIoU, a line each")
    x_label: str = Field("", description="what the places are")
    protocol: Protocol = Field("wtalc", description="evaluation protocol of the metric")
    metric: str = Field("mAP", description="what is drawn, as in a table")
    loss: bool = Field(False, description="a second panel with the clustering loss of each mining round")

    @property
    def reads(self) -> frozenset[Reads]:
        """Metrics, and the log of mining rounds where the loss is drawn."""
        return frozenset({"metrics", "rounds"} if self.loss else {"metrics"})

    @property
    def datasets(self) -> list[str]:
        """Those of the columns."""
        return [column.dataset for column in self.columns]

    @property
    def seeds_shown(self) -> int | None:
        """All: a curve shows mean and spread."""
        return None


class Picture(DrawnFigure):
    """A picture over the frames of a few videos."""

    dataset: str = Field(description="whose videos")
    videos: int = Field(3, ge=1, le=20, description="how many, picked by a hash of their ids")

    @property
    def datasets(self) -> list[str]:
        """The one of the videos."""
        return [self.dataset]


class Qualitative(Picture):
    """Truth and detections of several experiments over frames."""

    kind: Literal["qualitative"] = Field(description="truth and detections over frames")

    @property
    def reads(self) -> frozenset[Reads]:
        """Detections, truth and frames."""
        return frozenset({"detections", "stills", "truth"})


class Attention(Picture):
    """What a model attends to, and the activations of the classes in view."""

    kind: Literal["attention"] = Field(description="attention and activations over frames")

    @property
    def reads(self) -> frozenset[Reads]:
        """A model, the features of the videos, truth and frames."""
        return frozenset({"models", "features", "stills", "truth"})


class ActionBytesFigure(Picture):
    """Where the latent of a video changes, and the ActionBytes between the changes."""

    kind: Literal["actionbytes"] = Field(description="changes of the latent and ActionBytes over frames")

    @property
    def reads(self) -> frozenset[Reads]:
        """A model, the features of the videos, truth and frames."""
        return frozenset({"models", "features", "stills", "truth"})


def _kind(value: Any) -> str:
    return str(value.get("kind", "printed") if isinstance(value, dict) else value.kind)


AnyFigure = Annotated[
    Annotated[PrintedFigure, Tag("printed")]
    | Annotated[Curve, Tag("curve")]
    | Annotated[Qualitative, Tag("qualitative")]
    | Annotated[Attention, Tag("attention")]
    | Annotated[ActionBytesFigure, Tag("actionbytes")],
    Discriminator(_kind),
]
