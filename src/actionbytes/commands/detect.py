"""`actionbytes detect`: own videos to detections and a timeline picture."""

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from actionbytes.commands.inputs import chosen_settings
from actionbytes.commands.options import FILE, FOLDER, chosen_device, device, settings
from actionbytes.commands.outputs import DETECTIONS, PICTURE, check_output
from actionbytes.progress import on_terminal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from actionbytes.methods.base import Detected


@click.command()
@click.argument("videos", nargs=-1, required=True, type=FILE)
@click.option("--run", required=True, type=FOLDER, help="A trained run.")
@click.option("--out", type=FILE, help="Detections: .json, .json.gz or THUMOS .txt.")
@click.option("--plot", type=FILE, help="Timeline picture; with several videos, <name>_<video>.png.")
@click.option("--annotations", type=FILE, help="Truth to draw into the picture, where it is known.")
@click.option(
    "--proposals/--no-proposals",
    default=None,
    help="Short for --set localization.proposals=...: add ActionBytes. By default where the run's method can.",
)
@click.option("--weights-rgb", type=FILE, help="Where the run's I3D weights are now.")
@click.option("--weights-flow", type=FILE, help="Where the run's flow weights are now.")
@device
@settings
def detect(
    videos: tuple[Path, ...],
    run: Path,
    out: Path | None,
    plot: Path | None,
    annotations: Path | None,
    proposals: bool | None,
    weights_rgb: Path | None,
    weights_flow: Path | None,
    device: str,
    settings: tuple[str, ...],
) -> None:
    """Detect a run's actions in own VIDEOS (files or folders). A broken video is named and left out.

    The features of each finished video are kept in the folder .<name of OUT>.videos until OUT is written: after Ctrl-C
    or a kill the same command goes on from there.

    --set changes localization.*, for example --set localization.class_rule=zero.
    """
    from actionbytes.commands.inputs import video_files
    from actionbytes.data.annotations import read_annotations
    from actionbytes.data.detections import Detections
    from actionbytes.errors import UserError
    from actionbytes.features.keeping import Outcome, Unfinished, digest_or_none, kept_features
    from actionbytes.features.made_with import making_of
    from actionbytes.reporting.figures.timeline import Timeline, draw_timeline
    from actionbytes.steps.detect import Localizer, save_detections

    if plot and not plot.suffix:
        plot = plot.with_name(f"{plot.name}.png")
    paths = video_files(videos)
    pictures = dict.fromkeys(paths, plot) if plot else {}
    if plot and len(paths) > 1:
        pictures = {path: plot.with_name(f"{plot.stem}_{path.stem}{plot.suffix}") for path in paths}
    inputs = (*paths, annotations, weights_rgb, weights_flow, run / "config.yaml", run / "model.safetensors")
    if out:
        check_output("--out", out, DETECTIONS, inputs)
    for picture in pictures.values():
        check_output("--plot", picture, PICTURE, (*inputs, out))
    usual = {"class_rule": "mean", "proposals": True}
    localization, _ = chosen_settings(run, settings, usual, proposals)
    truth = read_annotations(annotations) if annotations else {}
    localizer = Localizer.of(run, localization)
    made_with = making_of(run, weights_rgb, weights_flow)
    rows: list[tuple[str, str, float, float, float]] = []
    timelines: dict[Path, Timeline] = {}

    def show(outcome: Outcome) -> None:
        path, status, features = outcome.path, outcome.status, outcome.features
        if features is None:
            click.echo(f"set aside: {status.reason}", err=True)
            return
        if status.status != "ok":
            click.echo(f"{path}: {status.status}, what decodes is used: {status.reason}", err=True)
        video = localizer(features.joint(localizer.streams), features.hop_s, features.duration)
        rows.extend((path.stem, *row) for row in video.rows)
        best = max(video.rows, key=lambda row: row[3], default=None)
        summary = f"best {best[0]} {best[1]:.1f}-{best[2]:.1f} s" if best else "nothing"
        click.echo(f"{path.name}: {features.duration:.1f} s, {len(video.rows)} detections, {summary}")
        instances = truth[path.stem].instances if path.stem in truth else None
        curves = activation_curves(video.detected, len(localizer.classes))
        timelines[path] = Timeline(
            path.stem, features.duration, features.hop_s, localizer.classes, curves, video.rows, instances
        )

    unfinished = Unfinished(out) if out else None
    with unfinished.held() if unfinished else nullcontext():
        digests = [digest_or_none(path) if unfinished else "" for path in paths]
        on, threads = chosen_device(device), os.cpu_count() or 1
        for outcome in kept_features(paths, digests, made_with, on, threads, unfinished, on_terminal()):
            show(outcome)
        if not timelines:
            raise UserError("no video could be used")
        if out and unfinished:
            save_detections(out, Detections.from_rows(rows))
            click.echo(f"{out}: {len(rows)} detections in {len(timelines)}/{len(paths)} videos")
            unfinished.discard(path.stem for path in paths)
    for path, picture in pictures.items():
        if path in timelines:
            draw_timeline(timelines[path], picture)


def activation_curves(detected: "Detected", classes: int) -> "NDArray[np.float32]":
    """Class activations (T, C) for a picture; (0, C) for a method that has none."""
    import numpy as np

    return np.zeros((0, classes), np.float32) if detected.activations is None else detected.activations
