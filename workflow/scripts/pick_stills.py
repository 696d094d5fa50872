"""A frame now and then of a few videos, picked by a hash of their ids, so that nobody chose them."""

from pathlib import Path

from actionbytes.data.manifests import entries_of_subset, read_manifest
from actionbytes.steps.job import job
from actionbytes.steps.pick_stills import pick_stills

with job(snakemake):
    stills = snakemake.params.stills
    entries = entries_of_subset(read_manifest(stills.home / "videos.csv"), stills.subset)
    pick_stills(
        entries=entries,
        located=snakemake.params.dataset.located,
        home=stills.home,
        count=stills.videos,
        decoding=stills.decoding,
        out=Path(snakemake.output[0]),
    )
