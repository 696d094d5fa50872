"""Options and output that several commands share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from actionbytes.errors import UserError
from actionbytes.features.compare import Finding, Fit
from actionbytes.parameters import Parameters, sentence

Command = TypeVar("Command", bound=Callable[..., Any])

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(path_type=Path)

settings = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set a parameter, such as training.lr=0.0001."
)
features_dir = click.option("--features", required=True, type=FILE, help="Folder of feature shards, or one shard.")
device = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")


def chosen_device(name: str) -> str:
    """`name`, or for "auto" the best device of the machine; a UserError if there is no such device."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError):
        raise UserError(f"--device {name}: there is no such device; use --device auto or cpu") from None
    return name


def input_options(command: Command) -> Command:
    """Add DET, GT and the options that say how to read them, for `evaluate` and `analyze`."""
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


def group_options(group: type[Parameters]) -> Callable[[Command], Command]:
    """Add an option for each field of a parameter group, with its name, default and description."""

    def decorate(command: Command) -> Command:
        for name, field in reversed(group.model_fields.items()):
            flag = f"--{name.replace('_', '-')}"
            shown: dict[str, Any] = {
                "default": field.default,
                "show_default": True,
                "help": sentence(field.description),
            }
            if field.annotation is bool:
                option = click.option(f"{flag}/--no-{flag[2:]}", **shown)
            else:
                choices = get_args(field.annotation)
                option = click.option(flag, type=click.Choice(choices) if choices else field.annotation, **shown)
            command = option(command)
        return command

    return decorate


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table of text: the first column aligned to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]


def report(findings: "list[Finding]", fits: "list[Fit]") -> None:
    """Print how well the streams of two sets of features agree, then the findings."""
    for fit in fits:
        name = fit.a if fit.a == fit.b else f"{fit.a} of A, {fit.b} of B"
        cosines = f"mean cosine {fit.mean:.5f}, least {fit.least:.5f}, centred {fit.centred:.5f}"
        print(f"{name}: {cosines}, {fit.snippets} snippets")
    for finding in findings:
        print(f"{finding.kind}: {finding.says}")
