"""`actionbytes reproduce`: make a table again elsewhere and compare, as a check of determinism."""

import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import click

from actionbytes.commands.options import FOLDER


@click.command()
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "source",
    type=click.Choice(["features", "videos"]),
    default="features",
    show_default=True,
    help="What is taken as it is: the features, or only the videos (suite mini: not even these).",
)
@click.option("--cores", type=click.IntRange(1), default=1, show_default=True, help="Cores for the workflow.")
@click.option("--scratch", type=FOLDER, help="Where to make it; kept. Default: a temporary folder, deleted.")
def reproduce(table: Path, source: str, cores: int, scratch: Path | None) -> None:
    """Make TABLE (results/<name>.csv) again in a scratch folder, and compare all that it needs byte by byte.

    Exit status 0 if everything is identical, 1 if not; then it says what differs and by how much.
    """
    from actionbytes.errors import UserError
    from actionbytes.planning.plan import Plan
    from actionbytes.planning.reproduction import compare, make, prepare
    from actionbytes.reporting.explanation import read_provenance

    plan, name, features = Plan.read(), table.stem, source == "features"
    if name not in plan.results.tables:
        raise UserError(f"{table}: papers/*.yaml declare no such table; there are {', '.join(plan.results.tables)}")
    if read_provenance(table).get("key") != plan.results.key(name):
        raise UserError(f"{table} shows something else than params.yaml and papers/ say now; render it first")
    if scratch and scratch.exists() and any(scratch.iterdir()):
        raise UserError(f"--scratch {scratch}: is not empty")
    folder = scratch or Path(tempfile.mkdtemp(prefix="actionbytes-"))
    try:
        prepare(plan, name, folder, features)
        click.echo(f"making {table} from {source} in {folder}, {cores} cores", err=True)
        make(name, folder.resolve(), cores)
        comparisons = list(compare(plan, name, folder, features))
    except UserError:
        scratch = scratch or folder  # its log says why
        raise
    finally:
        if not scratch:
            shutil.rmtree(folder)
    files = Counter(comparison.path.name for comparison in comparisons)
    identical = Counter(comparison.path.name for comparison in comparisons if comparison.identical)
    for file, count in files.items():
        click.echo(f"{identical[file]:4} of {count:4} identical  {file}")
    for comparison in comparisons:
        if not comparison.identical:
            click.echo(f"differs  {comparison.path}: {comparison.difference}")
    if sum(identical.values()) < len(comparisons):
        sys.exit(1)
    click.echo(f"identical: {table} and all {len(comparisons)} files that it needs, made again from {source}")
