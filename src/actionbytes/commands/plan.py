"""`actionbytes plan`: what the current parameters name, written down for DVC."""

from pathlib import Path

import click

from actionbytes.commands.options import FOLDER


@click.command()
@click.option("--root", type=FOLDER, default=".", show_default=True, help="Folder of the project.")
@click.option("--dvc", is_flag=True, help="Write dvc.yaml too: after a table, figure or dataset has come or gone.")
def plan(root: Path, dvc: bool) -> None:
    """Write `results/.keys/stage-*.json`: the names of all that params.yaml and papers/*.yaml ask for (dvc.yaml)."""
    from actionbytes.files import write_text
    from actionbytes.planning.inventory import stage_files, write_stage_keys
    from actionbytes.planning.pipeline import dvc_yaml
    from actionbytes.planning.plan import Plan

    current = Plan.read(root)
    if dvc:
        write_text(root / "dvc.yaml", dvc_yaml(current))
    changed, files = write_stage_keys(current), stage_files(current)
    tables = len(current.results.tables)
    sizes = f"{len(files.features)} files of features, {len(files.runs)} of runs, {tables} tables"
    print(f"suite {current.config.suite}: {sizes}; {'changed' if changed else 'as before'}")
