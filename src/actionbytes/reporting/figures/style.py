"""How pictures look: one palette that colour-blind readers can tell apart, readable at column width, PNG and PDF."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from actionbytes.files import whole

# Okabe and Ito's palette, without its black and yellow (too close to text and paper)
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
HATCHES = ("", "//", "..", "xx", "\\\\")  # beyond six things, a hatch tells them apart as well
TRUTH = "#444444"
GREY = "#999999"

STYLE: Any = {  # a dictionary; Matplotlib declares its keys one by one
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "text.parse_math": False,  # names of videos and classes may hold a dollar sign
    "svg.hashsalt": "actionbytes",
    "pdf.fonttype": 42,
}


def colour(i: int) -> str:
    """The colour of the thing with number `i`."""
    return COLOURS[i % len(COLOURS)]


def hatch(i: int) -> str:
    """The hatch of the thing with number `i`: none for the first six."""
    return HATCHES[i // len(COLOURS) % len(HATCHES)]


def save(figure: Figure, path: Path) -> None:
    """Write a figure (PNG, PDF or SVG by its suffix), without the date, whole or not at all."""
    undated = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}.get(path.suffix.lower())
    with whole(path) as partial:
        figure.savefig(partial, format=path.suffix[1:].lower(), metadata=undated)
    plt.close(figure)
