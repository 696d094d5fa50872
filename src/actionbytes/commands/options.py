"""Options and progress that several commands share."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import get_args

import click
from tqdm import tqdm

from actionbytes.errors import UserError
from actionbytes.evaluation.parameters import Quirks
from actionbytes.features.compare import Finding, Fit

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(path_type=Path)

settings = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set a parameter, such as training.lr=0.0001."
)
features_dir = click.option("--features", required=True, type=FILE, help="Folder of feature shards, or one shard.")
device = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")


def bar(items: Sequence, what: str = "video") -> Iterable:
    """A progress bar on a terminal, a plain line every tenth elsewhere."""
    if sys.stderr.isatty():
        yield from tqdm(items, unit=what)
        return
    every = max(1, len(items) // 10)
    for done, item in enumerate(items, 1):
        yield item
        if done % every == 0 or done == len(items):
            print(f"{done}/{len(items)} {what}s", file=sys.stderr)


def steps(what: str = "step") -> Callable[[int, int, dict[str, float]], None]:
    """Progress of training: called with (done, total, losses)."""
    held: dict[str, tqdm | int] = {}

    def show(done: int, total: int, losses: dict[str, float]) -> None:
        if sys.stderr.isatty():
            line = held.setdefault("bar", tqdm(total=total, unit=what))
            line.set_postfix_str(f"loss {losses['total']:.4f}")
            line.update(done - line.n)
            if done == total:
                line.close()
        elif done * 10 // total > held.get("tenth", -1):
            held["tenth"] = done * 10 // total
            print(f"{what} {done}/{total}, loss {losses['total']:.4f}", file=sys.stderr)

    return show


def chosen_device(name: str) -> str:
    """`name`, or for "auto" the best there is; a device that is not there is a UserError."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError):
        raise UserError(f"--device {name}: there is no such device; use --device auto or cpu") from None
    return name


def input_options(command: Callable) -> Callable:
    """DET, GT and how they are read: what `evaluate` and `analyze` share."""
    for decorate in reversed(
        (
            click.argument("det", type=click.Path(path_type=Path)),
            click.argument("gt", type=click.Path(path_type=Path)),
            click.option("--subset", help="Subset of the truth, such as test; needed if there are several."),
            click.option("--ignore-unknown", is_flag=True, help="Leave out and count what the truth does not know."),
            click.option("--drop-invalid", is_flag=True, help="Leave out and count detections that are no segments."),
            click.option(
                "--class-numbers",
                type=click.Choice(["position", "challenge"]),
                help="THUMOS14 classes given as numbers: 1-20 in alphabetical order, or 7-97.",
            ),
        )
    ):
        command = decorate(command)
    return command


def group_options(group: type[Quirks]) -> Callable:
    """A command-line option for each field of a parameter group: same name, default and description."""

    def decorate(command: Callable) -> Callable:
        for name, field in reversed(group.model_fields.items()):
            flag, shown = f"--{name.replace('_', '-')}", {"default": field.default, "show_default": True}
            text = field.description[0].upper() + field.description[1:] + "."
            if field.annotation is bool:
                option = click.option(f"{flag}/--no-{flag[2:]}", help=text, **shown)
            else:
                kind = click.Choice(get_args(field.annotation)) if get_args(field.annotation) else field.annotation
                option = click.option(flag, type=kind, help=text, **shown)
            command = option(command)
        return command

    return decorate


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]


def report(findings: "list[Finding]", fits: "list[Fit]") -> None:
    """Print how well the streams agree, then what was found."""
    for fit in fits:
        name = fit.a if fit.a == fit.b else f"{fit.a} of A, {fit.b} of B"
        cosines = f"mean cosine {fit.mean:.5f}, least {fit.least:.5f}, centred {fit.centred:.5f}"
        print(f"{name}: {cosines}, {fit.snippets} snippets")
    for finding in findings:
        print(f"{finding.kind}: {finding.says}")
