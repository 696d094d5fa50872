"""`actionbytes plan`: what the current parameters name, written down for DVC."""

from pathlib import Path

import click


@click.command()
@click.option("--root", type=click.Path(path_type=Path), default=".", show_default=True, help="Folder of the project.")
def plan(root: Path) -> None:
    """Write `results/.keys/stage-*.json`: the names of all that params.yaml and papers/*.yaml ask for (dvc.yaml)."""
    from actionbytes.planning.inventory import wanted, write_stage_keys
    from actionbytes.planning.plan import Plan

    current = Plan.read(root)
    changed, files = write_stage_keys(current), wanted(current)
    sizes = f"{len(files.features)} files of features, {len(files.runs)} of runs, {len(current.tables())} tables"
    print(f"suite {current.config.suite}: {sizes}; {'changed' if changed else 'as before'}")
