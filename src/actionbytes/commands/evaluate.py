"""`actionbytes evaluate`: mAP of detections under one protocol, or under all of them beside each other."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import click
from click.core import ParameterSource

from actionbytes.commands.inputs import load
from actionbytes.commands.options import group_options, input_options, table
from actionbytes.commands.outputs import METRICS, check_output
from actionbytes.data.annotations import Video
from actionbytes.errors import UserError
from actionbytes.evaluation.detection import DetectionMetrics, evaluate_all, parse_tiou
from actionbytes.evaluation.parameters import AR_AN, Evaluation, without_effect
from actionbytes.evaluation.protocols import PROTOCOLS
from actionbytes.evaluation.recall import TIOU, RecallMetrics, recall_metrics
from actionbytes.evaluation.truth import oddities
from actionbytes.files import read_lines, write_text
from actionbytes.parameters import validated


@click.command()
@input_options
@click.option(
    "--protocol",
    type=click.Choice([*PROTOCOLS, "all", AR_AN]),
    default="activitynet",
    show_default=True,
    help="Whose rules; docs/protocols.md puts them side by side. ar-an: recall of proposals, labels ignored.",
)
@click.option(
    "--tiou",
    help="Thresholds, as in 0.1:0.9:0.1, 0.3,0.5 or linspace:0.1:0.9:9 (the floats of NumPy's linspace).  "
    "[default: 0.1:0.9:0.1; ar-an linspace:0.5:0.95:10]",
)
@click.option("--per-class", is_flag=True, help="Print the AP of every class too.")
@click.option("--out", type=click.Path(path_type=Path), multiple=True, help="Write a .json or a .csv; may be repeated.")
@click.option(
    "--videos-from",
    type=click.Path(path_type=Path),
    help="File with the names of the videos that were processed, one a line; mAP on all videos is printed too.",
)
@click.option(
    "--reversed",
    "reversed_segments",
    type=click.Choice(["refuse", "drop", "swap", "count"]),
    default="refuse",
    show_default=True,
    help="Detections that end before they start: an error, left out, start and end exchanged (as the THUMOS14 kit "
    "does), or counted as false positives (as ActivityNet's code does).",
)
@group_options(Evaluation)
@click.pass_context
def evaluate(
    context: click.Context,
    /,
    det: Path,
    gt: Path,
    subset: str | None,
    ignore_unknown: bool,
    drop_invalid: bool,
    class_numbers: Literal["position", "challenge"] | None,
    protocol: str,
    tiou: str | None,
    per_class: bool,
    out: tuple[Path, ...],
    videos_from: Path | None,
    reversed_segments: Literal["refuse", "drop", "swap", "count"],
    **options: Any,
) -> None:
    """Compute mAP of detections DET (ActivityNet JSON, THUMOS text) against truth GT (ActivityNet JSON, THUMOS folder).

    Files may be gzipped. Options that change the truth or a protocol are off, and are printed when they are on. An
    option that has no effect under the chosen protocol is an error.
    """
    for path in out:
        check_output("--out", path, METRICS, (det, gt, videos_from))
    _refuse_without_effect(context, protocol)
    evaluation = validated(Evaluation, options, "evaluate")
    given = context.get_parameter_source("unknown_videos") is ParameterSource.COMMANDLINE
    if ignore_unknown and given and evaluation.unknown_videos == "refuse":
        raise UserError("--unknown-videos refuse contradicts --ignore-unknown: give one of them")
    unknown_videos = "leave-out" if ignore_unknown else evaluation.unknown_videos
    detections, videos, classes = load(det, gt, subset, unknown_videos, drop_invalid, class_numbers, reversed_segments)
    set_aside = videos.keys() - _names(videos_from, videos) if videos_from else set()
    result: Mapping[str, Any]
    if protocol == AR_AN:
        thresholds = parse_tiou(tiou) if tiou else TIOU
        recall = recall_metrics(detections, videos, set_aside, thresholds, evaluation, ignore_unknown)
        result, lines, rows = {protocol: recall}, _recall_lines(recall), list(_recall_rows(recall))
    else:
        mean_ap = evaluate_all(
            detections,
            videos,
            parse_tiou(tiou or "0.1:0.9:0.1"),
            set_aside=set_aside,
            classes=classes,
            protocols=tuple(PROTOCOLS) if protocol == "all" else (protocol,),
            ignore_unknown=ignore_unknown,
            **options,
        )
        result, lines, rows = mean_ap, _lines(mean_ap, per_class), list(_rows(mean_ap))
    click.echo("\n".join(lines))
    listed = sum(len(video.instances) for video in videos.values())
    for oddity, n in oddities(videos).items():
        click.echo(f"truth as it is in the file: {n} of {listed} instances {oddity}")
    for path in out:
        content = result if protocol == "all" else result[protocol]
        text = json.dumps(content, indent=1, allow_nan=False) + "\n" if path.suffix == ".json" else csv_text(rows)
        write_text(path, text)


def _refuse_without_effect(context: click.Context, protocol: str) -> None:
    """Raise UserError for an option that was given and changes nothing under the protocol."""
    names = tuple(PROTOCOLS) if protocol == "all" else (protocol,)
    for parameter in context.command.params:
        option = parameter.name or ""
        if context.get_parameter_source(option) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[option]
        idle = option == "per_class" and protocol == AR_AN
        if idle or all(without_effect(option, value, name) for name in names):
            given = f"--{'no-' if value is False else ''}{option.replace('_', '-')}"
            if not isinstance(value, bool):
                given += f" {value:g}" if isinstance(value, float) else f" {value}"
            effective = [name for name in (*PROTOCOLS, AR_AN) if not without_effect(option, value, name)]
            effective = [name for name in effective if not (option == "per_class" and name == AR_AN)]
            raise UserError(
                f"{given}: has no effect under the protocol {protocol}, only under {', '.join(effective)}; leave it out"
            )


def _names(path: Path, videos: Mapping[str, Video]) -> set[str]:
    names = set(read_lines(path))
    if not names & videos.keys():
        raise UserError(f"{path}: names no video of this subset")
    return names


def _recall_lines(metrics: RecallMetrics) -> list[str]:
    """What is printed of AR-AN."""
    at = metrics["recall_at"]
    head = ["AR-AN (%)", *(f"AR@{n}" for n in at), "AUC"]
    return [
        *table([head, ["", *(f"{value:.2f}" for value in at.values()), f"{metrics['auc']:.2f}"]]),
        f"options: {_changed(metrics['options'])}",
        *(f"  {change}: {n}" for change, n in metrics["instances"]["changed"].items()),
        *(f"left out: {n} detections, {reason}" for reason, n in metrics["detections"]["excluded"].items()),
    ]


def _recall_rows(metrics: RecallMetrics) -> Iterator[Sequence[Any]]:
    """The curve as rows of a CSV file."""
    yield "average_number", "average_recall_percent"
    yield from zip(metrics["average_number"], metrics["average_recall"], strict=True)


def _lines(result: Mapping[str, DetectionMetrics], per_class: bool) -> list[str]:
    """What is printed: the table first, then everything that a reader must know to trust it."""
    first = next(iter(result.values()))
    videos, instances = first["videos"], first["instances"]
    thresholds = _threshold_names(first["tiou"])
    rows = [["mAP (%) at tIoU", *thresholds, "average"]]
    for name, metrics in result.items():
        rows.append([name, *_cells(metrics["map"]), f"{metrics['average']:.2f}"])
        if "map_full_truth" in metrics:
            full = [*_cells(metrics["map_full_truth"]), f"{metrics['average_full_truth']:.2f}"]
            rows.append([f"{name}, all {videos['listed']} videos", *full])
    lines = table(rows)
    if per_class:
        for name, metrics in result.items():
            head = [f"{name}: AP (%)", *thresholds, "instances", "detections"]
            counts = metrics["instances"]["per_class"], metrics["detections"]["per_class"]
            body = [[c, *_cells(ap), *(str(n[c]) for n in counts)] for c, ap in metrics["per_class"].items()]
            lines += ["", *table([head, *body])]
    lines += ["", f"videos: {videos['evaluated']}/{videos['listed']} ({videos['with_instances']} with an instance)"]
    lines += [f"instances: {instances['total']}, detections: {first['detections']['given']}"]
    lines += [f"options: {_changed(first['options'])}"]
    lines += [f"  {change}: {n}" for change, n in instances["changed"].items()]
    for name, metrics in result.items():
        for reason, n in metrics["detections"]["excluded"].items():
            lines.append(f"left out ({name}): {n} detections, {reason}")
        missing = metrics["classes_without_detections"]
        if missing:
            all_zero = metrics["rule"]["missing_class"] == "zero_all"
            effect = "its rule makes the whole mAP 0" if all_zero else "their AP is 0"
            lines.append(f"no detections ({name}): {_some(missing)}; {effect}")
    return lines


def _changed(options: Mapping[str, Any]) -> str:
    """The options that are not at their defaults, in words."""
    defaults = Evaluation().model_dump()
    changed = [f"{key} = {value}" for key, value in options.items() if value != defaults[key]]
    return ", ".join(changed) or "none"


def _threshold_names(tiou: Sequence[float]) -> list[str]:
    """Thresholds as short as they can be told apart."""
    short = [f"{t:g}" for t in tiou]
    return short if len(set(short)) == len(short) else [repr(t) for t in tiou]


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _cells(values: Iterable[float]) -> list[str]:
    return [f"{value:.2f}" for value in values]


def _rows(result: Mapping[str, DetectionMetrics]) -> Iterator[Sequence[Any]]:
    """AP of every protocol, class and threshold as rows of a CSV file, the means last."""
    yield "protocol", "class", "tiou", "ap_percent", "instances", "detections"
    for name, metrics in result.items():
        instances, detections = metrics["instances"], metrics["detections"]
        for label, ap in metrics["per_class"].items():
            for t, value in zip(metrics["tiou"], ap, strict=True):
                yield name, label, t, value, instances["per_class"][label], detections["per_class"][label]
        for means, label in (
            (metrics["map"], "mean"),
            (metrics.get("map_full_truth", []), "mean, all listed videos"),
        ):
            for t, value in zip(metrics["tiou"], means, strict=False):
                yield name, label, t, value, instances["total"], detections["scored"]


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV; numbers with every digit."""
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
