"""List what became of each video of a subset: used, damaged, or set aside with the reason."""

from pathlib import Path

from actionbytes.steps.job import job
from actionbytes.steps.list_videos import list_videos

with job(snakemake):
    list_videos(shards=[Path(path) for path in snakemake.input], out=Path(snakemake.output[0]))
