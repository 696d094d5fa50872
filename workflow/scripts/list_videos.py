"""List what became of each video of a subset: used, damaged, or set aside with the reason."""

from pathlib import Path

from actionbytes.data.manifests import Status
from actionbytes.features.store import open_shard, read_statuses
from actionbytes.files import write_rows
from actionbytes.steps.job import job

with job(snakemake):
    statuses = []
    for path in snakemake.input:
        with open_shard(Path(path)) as shard:
            statuses += read_statuses(shard)
    write_rows(Path(snakemake.output[0]), sorted(statuses, key=lambda status: status.video), Status)
