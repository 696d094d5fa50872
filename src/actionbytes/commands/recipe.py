"""`actionbytes recipe show|diff|prune`: what made an artifact, how two differ, and which are no longer in use."""

import sys
from pathlib import Path
from typing import Any

import click

from actionbytes.commands.options import FOLDER


@click.group()
def recipe() -> None:
    """What made an artifact, how two differ, and which are no longer in use."""


@recipe.command()
@click.argument("artifact")
def show(artifact: str) -> None:
    """Tell in words what makes ARTIFACT: the path of an artifact, an experiment, or a table under results/."""
    from actionbytes.reporting.recipe_words import describe

    for title, full in _recipes(artifact).items():
        click.echo("\n".join([f"# {title}", *describe(full), ""]))


@recipe.command()
@click.argument("left")
@click.argument("right")
def diff(left: str, right: str) -> None:
    """Say in keys how the recipes of LEFT and RIGHT (artifacts or experiments) differ; status 1 if they do."""
    from actionbytes.errors import UserError
    from actionbytes.reporting.recipe_words import differences

    sides = []
    for artifact in (left, right):
        recipes = _recipes(artifact)
        if len(recipes) > 1:
            raise UserError(f"{artifact} has {len(recipes)} recipes; name one of its experiments or an artifact's path")
        sides.append(next(iter(recipes.values())))
    differing = list(differences(sides[0], sides[1]))
    for key, first, second in differing:
        click.echo(f"{key}: {first} -> {second}")
    if differing:
        sys.exit(1)
    click.echo("the same recipe")


@recipe.command()
@click.option("--yes", is_flag=True, help="Delete them; without it they are only listed.")
@click.option("--root", type=FOLDER, default=".", show_default=True, help="Folder of the project.")
def prune(yes: bool, root: Path) -> None:
    """List the artifacts of the active suite that no experiment uses, and with --yes delete them.

    Only what the workflow has made under a recipe's name is ever touched: no videos, no lists, no tables, no other
    suite, no folder of yours with such a name. Frames and flow that an interrupted run has left go where the features
    made from them are there.
    """
    from actionbytes.planning.inventory import delete, unnamed
    from actionbytes.planning.plan import Plan

    plan = Plan.read(root)
    sizes = unnamed(plan)
    for path, size in sizes.items():
        click.echo(f"{size / 2**20:10.1f} MiB  {path}")
    total = f"{len(sizes)} artifacts, {sum(sizes.values()) / 2**20:.1f} MiB, that no current recipe names or needs"
    if yes and sizes:
        delete(plan, sizes)
        click.echo(f"deleted {total}; what DVC recorded of them comes back with `dvc checkout`")
    else:
        click.echo(f"{total}; --yes deletes them" if sizes else "every artifact is named by a current recipe")


def _recipes(artifact: str) -> dict[str, dict[str, Any]]:
    """Title -> recipe of an artifact's path, an experiment's run, or everything that a table shows."""
    from actionbytes.planning.plan import Plan
    from actionbytes.reporting.recipe_words import read_recipe

    path = Path(artifact)
    table = path.stem if path.suffix in (".csv", ".md", ".tex") else path.name
    if path.exists() and path.parent != Path("results"):
        return {artifact: read_recipe(path.resolve())}
    plan = Plan.read()
    if artifact in plan.runs.experiments:
        return {f"experiment {artifact}": plan.runs.run(artifact).recipe.full}
    if table in plan.results.tables:
        shown = plan.results.shown(table)
        runs = {f"experiment {entry.experiment}, its runs": plan.runs.run(entry.experiment) for entry in shown}
        detections = {
            f"experiment {entry.experiment} on {entry.dataset}": plan.results.detections_of(entry) for entry in shown
        }
        return {title: each.recipe.full for title, each in (runs | detections).items()}
    return {artifact: read_recipe(path.resolve())}
