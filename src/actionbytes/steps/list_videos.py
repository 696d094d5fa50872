"""List what became of the videos of a subset."""

from collections.abc import Sequence
from pathlib import Path

from actionbytes.data.manifests import Status
from actionbytes.files import write_rows


def list_videos(*, shards: Sequence[Path], out: Path) -> None:
    """Write one CSV line per video of some feature shards: used, damaged, or set aside with the reason.

    Args:
        shards: Feature shards.
        out: The CSV, sorted by video.
    """
    from actionbytes.features.store import open_shard, read_statuses

    statuses: list[Status] = []
    for path in shards:
        with open_shard(path) as shard:
            statuses += read_statuses(shard)
    statuses.sort(key=lambda status: status.video)
    write_rows(out, statuses, Status)
