"""Render one dataset of the mini world."""

from pathlib import Path

from actionbytes.steps.job import job
from actionbytes.steps.render_videos import render_videos

with job(snakemake):
    render_videos(
        recipe=snakemake.params.recipe,
        dataset=snakemake.wildcards.dataset,
        marker=Path(snakemake.output.world),
        labels=Path(snakemake.output.labels),
        parts=Path(snakemake.output.parts),
    )
