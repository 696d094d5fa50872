"""`actionbytes import-features`: `.npy` folders and W-TALC-style object arrays to shards."""

import math
from pathlib import Path

import click

from actionbytes.commands.options import FILE, FOLDER
from actionbytes.progress import on_terminal


@click.command("import-features")
@click.argument("source", type=FILE)
@click.option("--annotations", required=True, type=FILE, help="ActivityNet JSON: which videos, subsets, durations.")
@click.option("--out", required=True, type=FOLDER, help="Folder for the shards, one per subset.")
@click.option("--fps", default=25.0, show_default=True, help="Frames per second the features were made at.")
@click.option("--span", type=int, help="Frames that one snippet saw; default: --chunk.")
@click.option("--hop", type=int, help="Frames from the start of one snippet to that of the next; default: --chunk.")
@click.option("--chunk", default=16, show_default=True, help="Span and hop where snippets lie side by side.")
@click.option("--order", help="Streams side by side in joint arrays; default: rgb,flow, unless that would be a guess.")
@click.option("--names", type=FILE, help="Text file, one video per line (or .npy): the order of an object array.")
@click.option("--strict", is_flag=True, help="A video that does not fit is an error, not set aside.")
def import_features(
    source: Path,
    annotations: Path,
    out: Path,
    fps: float,
    span: int | None,
    hop: int | None,
    chunk: int,
    order: str | None,
    names: Path | None,
    strict: bool,
) -> None:
    """Import features from SOURCE: a folder (rgb/ and flow/, or joint arrays) or one W-TALC-style object array.

    The span and hop decide when in the video a snippet is, so they must be those that the features were made with:
    --chunk 16 for I3D as most published it, --span 16 --hop 8 where snippets overlap by half.

    Without --names an object array is taken to be in the order of the annotations.
    """
    from actionbytes.data.annotations import read_annotations
    from actionbytes.errors import UserError
    from actionbytes.features.importing import import_videos, read_listed_names
    from actionbytes.features.store import stored_columns

    streams = tuple(order.split(",")) if order is not None else None
    if streams is not None and sorted(streams) not in (["flow"], ["rgb"], ["flow", "rgb"]):
        raise UserError(f"--order {order}: write rgb,flow or flow,rgb (or one stream alone)")
    span, hop = chunk if span is None else span, chunk if hop is None else hop
    if not 0 < fps < math.inf or span <= 0 or hop <= 0:
        raise UserError("--fps, --span, --hop and --chunk must be positive numbers")
    listed = read_listed_names(names) if names else None
    statuses = import_videos(
        source,
        read_annotations(annotations),
        out,
        fps=fps,
        span=span,
        hop=hop,
        order=streams,
        names=listed,
        strict=strict,
        progress=on_terminal(),
    )
    aside = [status for status in statuses if status.status != "ok"]
    columns = ", ".join(f"{stream}: {count} columns" for stream, count in stored_columns(out).items())
    print(f"{out}: {len(statuses) - len(aside)} videos imported, {len(aside)} set aside; {columns}")
    for status in aside[:5]:
        print(f"  {status.reason}")
