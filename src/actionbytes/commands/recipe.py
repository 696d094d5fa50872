"""`actionbytes recipe show|diff|prune`: what made an artifact, how two differ, and which nobody names any more."""

import sys
from pathlib import Path
from typing import Any

import click

from actionbytes.commands.options import FOLDER


@click.group()
def recipe() -> None:
    """What made an artifact, how two differ, and which no current recipe names."""


@recipe.command()
@click.argument("what")
def show(what: str) -> None:
    """Tell in words what makes WHAT: the path of an artifact, an experiment, or a table under results/."""
    from actionbytes.reporting.recipe_words import describe

    for title, full in _recipes(what).items():
        click.echo("\n".join([f"# {title}", *describe(full), ""]))


@recipe.command()
@click.argument("left")
@click.argument("right")
def diff(left: str, right: str) -> None:
    """Say in keys how the recipes of LEFT and RIGHT (artifacts or experiments) differ; status 1 if they do."""
    from actionbytes.errors import UserError
    from actionbytes.reporting.recipe_words import differences

    sides = []
    for what in (left, right):
        found = _recipes(what)
        if len(found) > 1:
            raise UserError(f"{what} has {len(found)} recipes; name one of its experiments or an artifact's path")
        sides.append(next(iter(found.values())))
    found = list(differences(*sides))
    for key, one, other in found:
        click.echo(f"{key}: {one} -> {other}")
    if found:
        sys.exit(1)
    click.echo("the same recipe")


@recipe.command()
@click.option("--yes", is_flag=True, help="Delete them; without it they are only listed.")
@click.option("--root", type=FOLDER, default=".", show_default=True, help="Folder of the project.")
def prune(yes: bool, root: Path) -> None:
    """List the artifacts of the active suite that no experiment names any more, and with --yes delete them.

    Only folders and files under a recipe's name are ever touched: no videos, no lists, no tables, no other suite.
    """
    from actionbytes.planning.inventory import delete, unnamed
    from actionbytes.planning.plan import Plan

    plan = Plan.read(root)
    found = unnamed(plan)
    for path, size in found.items():
        click.echo(f"{size / 2**20:10.1f} MiB  {path}")
    total = f"{len(found)} artifacts, {sum(found.values()) / 2**20:.1f} MiB, that no current recipe names"
    if yes and found:
        delete(plan, found)
        click.echo(f"deleted {total}; what DVC recorded of them comes back with `dvc checkout`")
    else:
        click.echo(f"{total}; --yes deletes them" if found else "every artifact is named by a current recipe")


def _recipes(what: str) -> dict[str, dict[str, Any]]:
    """Title -> recipe of an artifact's path, an experiment's run, or everything that a table shows."""
    from actionbytes.planning.plan import Plan
    from actionbytes.reporting.recipe_words import read_recipe

    path = Path(what)
    table = path.stem if path.suffix in (".csv", ".md", ".tex") else path.name
    if path.exists() and path.parent != Path("results"):
        return {what: read_recipe(path.resolve())}
    plan = Plan.read()
    if what in plan.experiments:
        return {f"experiment {what}": plan.run(what).recipe.full}
    if table in plan.tables():
        cells = {(e, d): plan.localized(e, d) for _, e, d, _ in plan.cells(table)}
        runs = {f"experiment {e}, its runs": what.run.recipe.full for (e, _), what in cells.items()}
        return runs | {f"experiment {e} on {d}": what.recipe.full for (e, d), what in cells.items()}
    return {what: read_recipe(path.resolve())}
