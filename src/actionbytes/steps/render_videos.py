"""Render a dataset of the mini world, and mark that it is there."""

import json
import shutil
from pathlib import Path

from actionbytes.files import write_text
from actionbytes.recipes import Recipe


def render_videos(*, recipe: Recipe, dataset: str, marker: Path, labels: Path, parts: Path) -> None:
    """Write videos, list and annotations of a dataset into the marker's folder, and the marker last.

    Videos of another world are deleted first: nothing of them may be taken for this world's.

    Args:
        recipe: The world's.
        dataset: Which of its datasets.
        marker: File that says that all is there and of this world.
        labels: Copy of the annotations to write.
        parts: Copy of the annotations of parts of actions to write.
    """
    from actionbytes.mini.render import render_dataset

    for old in marker.parent.glob("world-*.json"):
        old.unlink()
        shutil.rmtree(marker.parent / "videos", ignore_errors=True)
    render_dataset(recipe.spec["world"], dataset, marker.parent)
    for name, copy in (("annotations", labels), ("sub_actions", parts)):
        write_text(copy, (marker.parent / f"{name}.json").read_text(encoding="utf-8"))
    write_text(marker, json.dumps(recipe.full, indent=1, sort_keys=True) + "\n")
