"""`actionbytes features`: videos to snippet features, or stored features made again and compared."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from actionbytes.commands.inputs import listed_files, made_with_of, named_files, video_files
from actionbytes.commands.options import FILE, chosen_device, device, report, settings
from actionbytes.commands.outputs import FEATURES, check_output
from actionbytes.errors import UserError
from actionbytes.progress import on_terminal

if TYPE_CHECKING:
    from actionbytes.features.made_with import MadeWith
    from actionbytes.features.verify import Verification


@click.command()
@click.argument("videos", nargs=-1, type=FILE)
@click.option("--out", type=FILE, help="One .h5 shard, or a folder for <stream>/<video>.npy files.")
@click.option("--verify", type=FILE, help="Stored features to make again from VIDEOS and compare, instead of --out.")
@click.option("--sample", default=3, show_default=True, help="With --verify: how many videos; 0: all.")
@click.option("--run", type=FILE, help="Make features like those that this run was trained on.")
@click.option("--weights-rgb", type=FILE, help="Weights of the rgb stream, .pt (published I3D) or .safetensors.")
@click.option("--weights-flow", type=FILE, help="Weights of the flow stream.")
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
    """Extract snippet features of VIDEOS (files or folders), streaming.

    The recipe comes from --run, or is the field's with --weights-rgb and --weights-flow: both streams of I3D, 25 fps,
    short side 256, crop 224, snippets of 16 frames. --set changes decoding.*, flow.* and features.*, for example --set
    decoding.fps=10, --set features.hop=8 or --set features.streams=[rgb].

    Each finished video is kept in the folder .<name of OUT>.videos until OUT is whole: after Ctrl-C, a kill or a full
    disk the same command goes on from there. An .h5 that is there already is never replaced.

    --verify takes a shard, a folder of shards or of .npy, makes a sample of its videos again by the recipe that it
    records (or --run, or --weights-*), and reports the cosine to what is stored. Without VIDEOS the files are those of
    the dataset in whose folder the features are. Exit status 1 where they differ.
    """
    from actionbytes.features.made_with import making_of

    threads, device = threads or os.cpu_count() or 1, chosen_device(device)
    if verify:
        from actionbytes.features.verify import verify as verify_features

        files = named_files(videos) if videos else listed_files(verify)
        made_with = making_of(run, weights_rgb, weights_flow, settings, precision, made_with_of(verify))
        _show(verify_features(verify, files, made_with, device, threads, sample, on_terminal()))
        return
    if not videos or out is None:
        raise UserError("name VIDEOS and --out, or stored features with --verify (see actionbytes features --help)")
    made_with = making_of(run, weights_rgb, weights_flow, settings, precision)
    check_output("--out", out, FEATURES if out.suffix == ".h5" else None, videos)
    _extract(video_files(videos), out, made_with, device, threads, strict)


def _extract(paths: list[Path], out: Path, made_with: "MadeWith", device: str, threads: int, strict: bool) -> None:
    """Write the features of video files, and print what became of those that are not whole."""
    from actionbytes.features.keeping import write_features

    statuses = write_features(paths, out, made_with, device, threads, strict, on_terminal())
    for status in statuses:
        if status.status != "ok":
            print(f"{status.video}: {status.status}: {status.reason}")
    used = sum(status.status != "set aside" for status in statuses)
    print(f"{out}: {used}/{len(statuses)} videos")


def _show(verification: "Verification") -> None:
    """Print how stored and new features agree, per video and in all; exit with status 1 where they do not."""
    for check in verification.checks:
        if check.broken:
            print(f"{check.name}: has stored features but cannot be used now: {check.broken}")
        for stream, (stored, again) in check.shapes.items():
            print(f"{check.name} {stream}: stored {stored}, made again {again}")
        for stream, fit in check.fits.items():
            print(f"{check.name} {stream}: mean cosine {fit.mean:.5f}, least {fit.least:.5f}, {fit.snippets} snippets")
    if not verification.used:
        raise UserError("no video of the sample could be used")
    print(f"A: made again, B: stored; {verification.used} of {verification.stored} videos")
    report(list(verification.findings), list(verification.fits))
    if not verification.same:
        sys.exit(1)
