"""A frame now and then of a few videos, picked by a hash of their ids, so that nobody chose them."""

import hashlib
from pathlib import Path

from actionbytes.data.manifests import read_manifest
from actionbytes.steps.job import job
from actionbytes.video.stills import EVERY, pick_stills, write_stills

with job(snakemake):
    stills = snakemake.params.stills
    entries = [entry for entry in read_manifest(stills.home / "videos.csv") if entry.subset == stills.subset]
    entries.sort(key=lambda entry: hashlib.sha256(entry.video.encode()).digest())
    videos = ((entry.video, stills.home / entry.file) for entry in entries)
    found = pick_stills(videos, stills.videos, stills.decoding)
    write_stills(Path(snakemake.output[0]), found, EVERY / stills.decoding.fps)
