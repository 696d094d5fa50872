"""Figures of the papers from the files that the workflow has made: what `render_figure` calls, by kind of figure."""

from collections.abc import Callable, Sequence
from pathlib import Path

from actionbytes.reporting.figures.actionbytes import actionbytes
from actionbytes.reporting.figures.attention import attention
from actionbytes.reporting.figures.curve import curve
from actionbytes.reporting.figures.material import Drawing, Sources
from actionbytes.reporting.figures.qualitative import qualitative


def draw(drawing: Drawing, png: Path, pdf: Path, table: Path) -> Sources:
    """Draw a figure as PNG and PDF, write the numbers in it as CSV; returns what it was drawn from."""
    return KINDS[drawing["figure"].kind](drawing, [png, pdf], table)


KINDS: dict[str, Callable[[Drawing, Sequence[Path], Path], Sources]] = {
    "curve": curve,
    "bytes": actionbytes,
    "qualitative": qualitative,
    "attention": attention,
}
