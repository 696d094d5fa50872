"""`actionbytes features`: videos to I3D features."""

from pathlib import Path

import click

from actionbytes.commands.inputs import video_files
from actionbytes.commands.options import FILE, bar, chosen_device, device, settings


@click.command()
@click.argument("videos", nargs=-1, type=FILE)
@click.option("--out", type=FILE, help="One .h5 shard, or a folder for rgb/ and flow/ .npy files.")
@click.option("--verify", type=FILE, help="Stored features to make again from VIDEOS and compare, instead of --out.")
@click.option("--sample", default=3, show_default=True, help="With --verify: how many videos; 0: all.")
@click.option("--run", type=FILE, help="Make features like those that this run was trained on.")
@click.option("--weights-rgb", type=FILE, help="I3D weights, .pt (published) or .safetensors.")
@click.option("--weights-flow", type=FILE, help="I3D weights of the flow stream.")
@device
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), help="fp32 is exact, bf16 fast.")
@click.option("--threads", default=0, help="Frame pairs whose flow is computed at a time; 0: all cores.")
@click.option("--strict", is_flag=True, help="A broken video is an error, not set aside.")
@settings
def features(
    videos: tuple[Path, ...],
    out: Path | None,
    verify: Path | None,
    sample: int,
    run: Path | None,
    weights_rgb: Path | None,
    weights_flow: Path | None,
    device: str,
    precision: str | None,
    threads: int,
    strict: bool,
    settings: tuple[str, ...],
) -> None:
    """Extract two-stream I3D features of VIDEOS (files or folders), streaming.

    The recipe comes from --run, or is the field's (25 fps, short side 256, crop 224) with --weights-rgb and
    --weights-flow. --set changes decoding.*, flow.* and extraction.*, for example --set decoding.fps=10.

    --verify takes a shard, a folder of shards or of .npy, makes a sample of its videos again by the recipe that it
    records (or --run, or --weights-*), and reports the cosine to what is stored. Without VIDEOS the files are those of
    the dataset in whose folder the features lie. Exit status 1 where they differ.
    """
    import os

    from actionbytes.data.manifests import Status
    from actionbytes.errors import UserError
    from actionbytes.features.extract import stream_features
    from actionbytes.features.made_with import MadeWith, making_of
    from actionbytes.features.store import write_npy, write_shard
    from actionbytes.recipes import plain

    threads = threads or os.cpu_count() or 1
    if verify:
        from actionbytes.commands.verify import verify as verify_features

        def making(known: dict | None) -> MadeWith:
            return making_of(run, weights_rgb, weights_flow, settings, precision, known)

        verify_features(verify, videos, making, chosen_device(device), threads, sample)
        return
    if not videos or out is None:
        raise UserError("name VIDEOS and --out, or stored features with --verify (see actionbytes features --help)")
    paths = video_files(videos)
    made_with = making_of(run, weights_rgb, weights_flow, settings, precision)
    streams = made_with.streams(chosen_device(device))
    statuses: list[Status] = []

    def each():
        for path, made in zip(bar(paths), stream_features(paths, made_with, streams, threads), strict=True):
            if made.broken:
                if strict:
                    raise made.broken
                statuses.append(Status(path.stem, 0, "set aside", str(made.broken)))
                continue
            statuses.append(Status(path.stem, made.features.frames, made.reader.status, made.reader.reason))
            yield path.stem, made.features

    if out.suffix == ".h5":
        write_shard(out, each(), {"made_with": plain(made_with)}, statuses, plain(made_with))
    else:
        write_npy(out, each())
    for status in statuses:
        if status.status != "ok":
            print(f"{status.video}: {status.status}: {status.reason}")
    used = sum(status.status != "set aside" for status in statuses)
    if not used:
        raise UserError("no video could be used")
    print(f"{out}: {used}/{len(statuses)} videos")
