"""Figures from the files that the workflow has made.

A kind of figure is a class of `papers/figures.py` and a file of its name here, with a function `draw`.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from actionbytes.reporting.inputs import FigureInputs


def draw(inputs: FigureInputs, png: Path, pdf: Path, table: Path) -> list[dict[str, Any]]:
    """Draw a figure.

    Args:
        inputs: What it shows.
        png: The picture to look at.
        pdf: The picture to print.
        table: The numbers in it, CSV.

    Returns:
        Which runs it shows, for its provenance.
    """
    module = import_module(f"actionbytes.reporting.figures.{inputs.figure.kind}")
    runs: list[dict[str, Any]] = module.draw(inputs, [png, pdf], table)
    return runs
