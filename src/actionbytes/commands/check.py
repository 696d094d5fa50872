"""`actionbytes check`: whether what DVC has fetched is what it says."""

import sys
from pathlib import Path

import click

from actionbytes.commands.options import FOLDER


@click.command()
@click.option("--root", type=FOLDER, default=".", show_default=True, help="Folder of the project.")
def check(root: Path) -> None:
    """Check DVC's lists of files against their names, and that no path in them leaves its folder.

    To be run between `dvc fetch` and `dvc checkout`: DVC itself believes a list that a remote hands it. Exit status 1
    if something is wrong.
    """
    from actionbytes.planning.pulled import cache_folder, check_pulled

    checked = check_pulled(root, cache_folder(root))
    for problem in checked.problems:
        click.echo(problem)
    if checked.problems:
        click.echo(
            "do not check out what a wrong list names: delete it here and in the remote (docs/caches.md)", err=True
        )
        sys.exit(1)
    click.echo(f"{checked.lists} lists of {checked.files} files are what their names say")
