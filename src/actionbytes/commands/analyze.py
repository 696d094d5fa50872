"""`actionbytes analyze`: where detections fail, as CSV and pictures."""

from pathlib import Path
from typing import Literal

import click

from actionbytes.commands.inputs import load
from actionbytes.commands.options import group_options, input_options, table
from actionbytes.commands.outputs import check_output
from actionbytes.errors import UserError
from actionbytes.evaluation.parameters import Quirks
from actionbytes.parameters import validated


@click.command()
@input_options
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the results.")
@click.option("--tiou", type=float, default=0.5, show_default=True, help="tIoU of a match.")
@click.option("--background", type=float, default=0.1, show_default=True, help="Below this tIoU it is background.")
@click.option("--lengths", help="Bounds of length groups in s, as in 0,30,60,120.  [default: fifths of the instances]")
@group_options(Quirks)
def analyze(
    det: Path,
    gt: Path,
    subset: str | None,
    ignore_unknown: bool,
    drop_invalid: bool,
    class_numbers: Literal["position", "challenge"] | None,
    out: Path,
    tiou: float,
    background: float,
    lengths: str | None,
    **quirks: str,
) -> None:
    """Error analysis of DET against GT under the ActivityNet rule.

    Kinds of false positives and what each costs, AP by length of the instances, AP per class, precision and recall.
    """
    import numpy as np

    from actionbytes.data.detections import select
    from actionbytes.evaluation.diagnosis import KINDS, diagnose
    from actionbytes.evaluation.truth import Truth, apply_quirks
    from actionbytes.reporting.analysis import write_analysis

    if not 0 < background <= tiou:
        raise UserError(f"--background {background:g}: must be above 0 and at most --tiou {tiou:g}")
    check_output("--out", out, inputs=(det, gt))
    edges = _edges(lengths) if lengths else None
    unknown: Literal["refuse", "leave-out"] = "leave-out" if ignore_unknown else "refuse"
    detections, videos, classes = load(det, gt, subset, unknown, drop_invalid, class_numbers)
    detections = select(detections, videos, classes, unknown, unknown)
    kept, changes = apply_quirks(videos, validated(Quirks, quirks, "analyze"))
    diagnosis = diagnose(detections, Truth.of(kept), tiou, background, length_edges=edges)
    paths = write_analysis(diagnosis, out)
    counts = np.bincount(diagnosis.kind, minlength=len(KINDS))
    head = ["kind", "detections", f"mAP gained without them at tIoU {tiou:g}"]
    gains = ["", *(f"+{100 * gain:.2f}" for gain in diagnosis.cost[1:])]
    click.echo("\n".join(table([head, *([k, str(n), g] for k, n, g in zip(KINDS, counts, gains, strict=True))])))
    click.echo(f"\nmAP {100 * diagnosis.ap.mean():.2f} %, {len(diagnosis.truth)} instances, {len(kept)} videos")
    for change, n in (changes | detections.excluded).items():
        click.echo(f"{change}: {n}")
    click.echo(f"written to {out}: {', '.join(path.name for path in paths)}")


def _edges(text: str) -> list[float]:
    """Bounds of groups of lengths as a user writes them, the last one infinite."""
    try:
        edges = [float(part) for part in text.split(",")]
    except ValueError:
        edges = []
    if len(edges) < 1 or sorted(set(edges)) != edges or not 0 <= edges[0] < float("inf"):
        raise UserError(f"--lengths {text!r}: write rising seconds, as in 0,30,60,120")
    return edges if edges[-1] == float("inf") else [*edges, float("inf")]
