"""`actionbytes evaluate`: mAP of detections under one protocol, or under all of them beside each other."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from actionbytes.commands.inputs import load
from actionbytes.commands.options import group_options, input_options, table
from actionbytes.data.annotations import Video
from actionbytes.data.detections import select
from actionbytes.errors import UserError
from actionbytes.evaluation.detection import Evaluation, evaluate_all, parse_tiou
from actionbytes.evaluation.protocols import PROTOCOLS
from actionbytes.evaluation.recall import TIOU, RecallMetrics, recall_metrics
from actionbytes.evaluation.truth import Quirks, apply_quirks
from actionbytes.files import read_text, write_text


@click.command()
@input_options
@click.option(
    "--protocol",
    type=click.Choice([*PROTOCOLS, "all", "ar-an"]),
    default="activitynet",
    show_default=True,
    help="Whose rules; docs/protocols.md puts them side by side. ar-an: recall of proposals, labels ignored.",
)
@click.option("--tiou", help="Thresholds, as in 0.1:0.9:0.1 or 0.3,0.5.  [default: 0.1:0.9:0.1; ar-an 0.5:0.95:0.05]")
@click.option("--per-class", is_flag=True, help="Print the AP of every class too.")
@click.option("--out", type=click.Path(path_type=Path), multiple=True, help="Write a .json or a .csv; may be repeated.")
@click.option(
    "--videos-from",
    type=click.Path(path_type=Path),
    help="File with the names of the videos that were processed, one a line; mAP on all videos is printed too.",
)
@group_options(Evaluation)
def evaluate(
    det: Path,
    gt: Path,
    subset: str | None,
    ignore_unknown: bool,
    drop_invalid: bool,
    class_numbers: str | None,
    protocol: str,
    tiou: str | None,
    per_class: bool,
    out: tuple[Path, ...],
    videos_from: Path | None,
    **options: Any,
) -> None:
    """Compute mAP of detections DET (ActivityNet JSON, THUMOS text) against truth GT (ActivityNet JSON, THUMOS folder).

    Files may be gzipped. Options that change the truth or a protocol are off, and are printed when they are on.
    """
    for path in out:
        if path.suffix not in (".json", ".csv"):
            raise UserError(f"--out {path}: write a .json or a .csv file")
    detections, videos, classes = load(det, gt, subset, ignore_unknown, drop_invalid, class_numbers)
    set_aside = videos.keys() - _names(videos_from, videos) if videos_from else set()
    if protocol == "ar-an":
        proposals = select(detections, videos, None, ignore_unknown)
        changed_videos, _ = apply_quirks(videos, Quirks(**{name: options[name] for name in Quirks.model_fields}))
        metrics = recall_metrics(proposals, changed_videos, set_aside, parse_tiou(tiou) if tiou else TIOU)
        result = {protocol: metrics | {"options": options}}
        lines = _recall_lines(metrics)
    else:
        result = evaluate_all(
            detections,
            videos,
            parse_tiou(tiou or "0.1:0.9:0.1"),
            set_aside=set_aside,
            classes=classes,
            protocols=tuple(PROTOCOLS) if protocol == "all" else (protocol,),
            ignore_unknown=ignore_unknown,
            **options,
        )
        lines = _lines(result, per_class)
    click.echo("\n".join(lines))
    for path in out:
        rows = _recall_rows(result) if protocol == "ar-an" else _rows(result)
        content = result if protocol == "all" else result[protocol]
        text = json.dumps(content, indent=1, allow_nan=False) + "\n" if path.suffix == ".json" else csv_text(rows)
        write_text(path, text)


def _names(path: Path, videos: Mapping[str, Video]) -> set[str]:
    names = {line.strip() for line in read_text(path).splitlines() if line.strip()}
    if not names & videos.keys():
        raise UserError(f"{path}: names no video of this subset")
    return names


def _recall_lines(metrics: RecallMetrics) -> list[str]:
    at = metrics["recall_at"]
    head = ["AR-AN (%)", *(f"AR@{n}" for n in at), "AUC"]
    return [
        *table([head, ["", *(f"{value:.2f}" for value in at.values()), f"{metrics['auc']:.2f}"]]),
        *(f"left out: {n} detections, {reason}" for reason, n in metrics["detections"]["excluded"].items()),
    ]


def _recall_rows(result: dict[str, Any]) -> Iterator[Sequence]:
    yield "average_number", "average_recall_percent"
    for metrics in result.values():
        yield from zip(metrics["average_number"], metrics["average_recall"], strict=True)


def _lines(result: dict[str, dict[str, Any]], per_class: bool) -> list[str]:
    """What is printed: the table first, then everything that a reader must know to trust it."""
    one = next(iter(result.values()))
    videos, instances = one["videos"], one["instances"]
    rows = [["mAP (%) at tIoU", *(f"{t:g}" for t in one["tiou"]), "average"]]
    for name, metrics in result.items():
        rows.append([name, *_cells(metrics["map"]), f"{metrics['average']:.2f}"])
        if "map_full_truth" in metrics:
            full = [*_cells(metrics["map_full_truth"]), f"{metrics['average_full_truth']:.2f}"]
            rows.append([f"{name}, all {videos['listed']} videos", *full])
    lines = table(rows)
    if per_class:
        for name, metrics in result.items():
            head = [f"{name}: AP (%)", *(f"{t:g}" for t in one["tiou"]), "instances", "detections"]
            counts = metrics["instances"]["per_class"], metrics["detections"]["per_class"]
            body = [[c, *_cells(ap), *(str(n[c]) for n in counts)] for c, ap in metrics["per_class"].items()]
            lines += ["", *table([head, *body])]
    lines += ["", f"videos: {videos['evaluated']}/{videos['listed']} ({videos['with_instances']} with an instance)"]
    lines += [f"instances: {instances['total']}, detections: {one['detections']['given']}"]
    defaults = Evaluation().model_dump()
    changed = {key: value for key, value in one["options"].items() if value != defaults[key]}
    lines += [f"options: {', '.join(f'{key} = {value}' for key, value in changed.items()) or 'none'}"]
    lines += [f"  {what}: {n}" for what, n in instances["changed"].items()]
    for name, metrics in result.items():
        for reason, n in metrics["detections"]["excluded"].items():
            lines.append(f"left out ({name}): {n} detections, {reason}")
        missing = metrics["classes_without_detections"]
        if missing:
            all_zero = metrics["rule"]["missing_class"] == "zero_all"
            effect = "its rule makes the whole mAP 0" if all_zero else "their AP is 0"
            lines.append(f"no detections ({name}): {_some(missing)}; {effect}")
    return lines


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _cells(values: Iterable[float]) -> list[str]:
    return [f"{value:.2f}" for value in values]


def _rows(result: dict[str, dict[str, Any]]) -> Iterator[Sequence]:
    yield "protocol", "class", "tiou", "ap_percent", "instances", "detections"
    for name, metrics in result.items():
        instances, detections = metrics["instances"], metrics["detections"]
        for label, ap in metrics["per_class"].items():
            for t, value in zip(metrics["tiou"], ap, strict=True):
                yield name, label, t, value, instances["per_class"][label], detections["per_class"][label]
        for key, label in (("map", "mean"), ("map_full_truth", "mean, all listed videos")):
            for t, value in zip(metrics["tiou"], metrics.get(key, ()), strict=False):
                yield name, label, t, value, instances["total"], detections["scored"]


def csv_text(rows: Iterable[Sequence]) -> str:
    """Rows as CSV; numbers with every digit."""
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
