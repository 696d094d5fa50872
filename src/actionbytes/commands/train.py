"""`actionbytes train`: a method, features and annotations to a run."""

from pathlib import Path
from typing import Literal

import click

from actionbytes.commands.options import FILE, FOLDER, settings
from actionbytes.commands.outputs import check_output
from actionbytes.errors import UserError
from actionbytes.methods.parameters import MethodParameters
from actionbytes.methods.registry import known, method_parameters
from actionbytes.parameters import validated, with_overrides
from actionbytes.progress import on_terminal
from actionbytes.training.parameters import Training


def methods_help() -> str:
    """What methods there are, for --help."""
    lines = []
    for name in known():
        group = method_parameters(name)
        usual = " ".join(f"training.{key}={value}" for key, value in group.schedule.items())
        lines.append(f"{name}: {group.summary}" + (f" By default {usual}." if usual else ""))
    return "\b\nMethods:\n" + "\n".join(f"  {line}" for line in lines)


@click.command(epilog=methods_help())
@click.argument("method")
@click.option("--features", type=FILE, help="Folder of feature shards, or one shard.")
@click.option("--annotations", type=FILE, help="ActivityNet JSON or a folder of THUMOS text files.")
@click.option("--subset", help="Subset to learn from, such as validation.")
@click.option(
    "--source",
    "sources",
    type=(str, click.Path(path_type=Path), click.Path(path_type=Path), str),
    multiple=True,
    metavar="NAME FEATURES ANNOTATIONS SUBSET",
    help="A source, for methods that learn from several; once for each.",
)
@click.option(
    "--supervision",
    type=click.Choice(["labels", "segments"]),
    default="labels",
    show_default=True,
    help="What to learn from: which classes a video shows, or also when.",
)
@click.option("--out", required=True, type=FOLDER, help="Folder of the run.")
@click.option(
    "--init",
    multiple=True,
    metavar="[NAME=]RUN",
    help="Run to start from (actionbytes: a wtalc run, trained first if absent); NAME where there are several.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of everything random.")
@settings
def train(
    method: str,
    features: Path | None,
    annotations: Path | None,
    subset: str | None,
    sources: tuple[tuple[str, Path, Path, str], ...],
    supervision: Literal["labels", "segments"],
    out: Path,
    init: tuple[str, ...],
    seed: int,
    settings: tuple[str, ...],
) -> None:
    """Train METHOD on the videos of a subset. A killed run goes on where it was.

    Parameters of the method are set as --set latent_dim=512, those of training as --set training.iterations=1000.
    """
    from actionbytes.steps.train import train as train_step
    from actionbytes.training.sources import SourceFiles

    check_output("--out", out)
    group = method_parameters(method)
    values = with_overrides({}, settings)
    changes = values.pop("training", {})
    if not isinstance(changes, dict):
        raise UserError(f"--set training={changes}: is a group; write --set training.<parameter>=<value>")
    training = validated(Training, {**group.schedule, **changes}, "--set training")
    parameters = validated(group, values, "--set")
    if not sources:
        if not (features and annotations and subset):
            raise UserError("name --features, --annotations and --subset, or each --source of a method with several")
        if len(group.sources) > 1:
            raise UserError(f"{method} learns from several sources: give --source for {', '.join(group.sources)}")
        sources = ((group.sources[0], features, annotations, subset),)
    elif features or annotations or subset:
        raise UserError("--source says all of a source: leave out --features, --annotations and --subset")
    files = {name: SourceFiles(shards, truth, part, supervision) for name, shards, truth, part in sources}
    starts = named_runs(method, group, init)
    progress = on_terminal("step")
    seen = train_step(method, parameters, training, files, seed=seed, out=out, starts=starts, progress=progress)
    videos, snippets = (sum(map(len, parts)) for parts in zip(*((x.names, x.rows) for x in seen.values()), strict=True))
    set_aside = sum(len(x.set_aside or {}) for x in seen.values())
    aside = f"; {set_aside} videos set aside" if set_aside else ""
    print(f"{out}: trained {method} on {videos} videos, {snippets} snippets{aside}")


def named_runs(method: str, group: type[MethodParameters], options: tuple[str, ...]) -> dict[str, Path]:
    """The runs that `--init [NAME=]RUN` names, by the names of `MethodParameters.starts_from`.

    Raises:
        UserError: If a name is missing, where it is needed, or there twice.
    """
    runs: dict[str, Path] = {}
    for option in options:
        name, equals, folder = option.partition("=")
        if not equals or name not in group.starts_from:
            if len(group.starts_from) != 1:
                names = ", ".join(group.starts_from)
                choices = f"write NAME=RUN with one of {names}" if names else f"{method} starts from no other run"
                raise UserError(f"--init {option}: {choices}")
            name, folder = next(iter(group.starts_from)), option
        if name in runs:
            raise UserError(f"--init {option}: the run {name!r} is named twice")
        runs[name] = Path(folder)
    return runs
