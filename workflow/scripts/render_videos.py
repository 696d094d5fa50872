"""Render one dataset of the mini world; the output marks that its videos, list and annotations are of this recipe."""

import json
import shutil
from pathlib import Path

from actionbytes.files import write_text
from actionbytes.mini.render import render_dataset
from actionbytes.steps.job import job

with job(snakemake):
    marker, recipe = Path(snakemake.output.world), snakemake.params.recipe
    for old in marker.parent.glob("world-*.json"):  # videos of another world: nothing of them may be taken for ours
        old.unlink()
        shutil.rmtree(marker.parent / "videos", ignore_errors=True)
    render_dataset(recipe.spec["world"], snakemake.wildcards.dataset, marker.parent)
    for name, out in (("annotations", snakemake.output.labels), ("sub_actions", snakemake.output.parts)):
        write_text(Path(out), (marker.parent / f"{name}.json").read_text(encoding="utf-8"))
    write_text(marker, json.dumps(recipe.full, indent=1, sort_keys=True) + "\n")
