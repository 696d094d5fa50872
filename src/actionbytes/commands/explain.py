"""`actionbytes explain`: where a table's cells come from, in words."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from actionbytes.papers.declared import Paper


@click.command()
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--row", help="One row, as its method is printed; default: all.")
@click.option("--column", help="One column, by its name or its dataset; default: all.")
def explain(table: Path, row: str | None, column: str | None) -> None:
    """Tell where the numbers of TABLE (results/<name>.csv) come from.

    Runs, seeds, features, weights, videos used and set aside, commit, versions, and what the jobs behind it took.
    """
    from actionbytes.planning.plan import Plan
    from actionbytes.reporting.explanation import costs, explain_cell, read_provenance, sources, table_lines

    provenance, lines = read_provenance(table), table_lines(table)
    facts = f"suite {provenance['suite']}, tier {provenance['tier']}: {provenance['meaning']}"
    click.echo(f"# {table}: {provenance['paper']}; {facts}")
    versions = ", ".join(f"{name} {version}" for name, version in provenance["versions"].items())
    machine = f"{provenance['machine']['processor']}, {provenance['machine']['cores']} cores"
    click.echo(f"rendered from commit {provenance['commit']} on {machine}\n{versions}")
    plan, name = Plan.read(), table.stem
    if plan.config.suite != provenance["suite"]:
        click.echo(f"params.yaml now says suite {plan.config.suite}; this is what the table was rendered from")
    elif name not in plan.results.tables or provenance.get("key") != plan.results.key(name):
        click.echo("STALE: params.yaml and papers/ now say something else; render it again, or see what differs with")
        click.echo(f"`actionbytes recipe diff`: snakemake {table} --cores all")
    for (method, column_name), entries in sources(provenance, row, column).items():
        title = _title(plan.papers, name, column_name)
        of_cell = [line for line in lines if (line["method"], line["dataset"]) == (method, title) and line["mean"]]
        click.echo("\n" + "\n".join(explain_cell(entries, of_cell, Path())))
    by_rule = costs(provenance)
    click.echo("\n## What all jobs that this table needed took, by rule (Snakemake's benchmarks)")
    if not by_rule:
        click.echo("  no records here (logs/benchmarks; `dvc pull` brings those of who made it)")
        return
    click.echo(f"  {'rule':20} {'jobs':>6} {'wall s':>10} {'core s':>10} {'peak MiB':>10}")
    for rule, cost in by_rule.items():
        click.echo(f"  {rule:20} {cost.jobs:6} {cost.wall_s:10.1f} {cost.core_s:10.1f} {cost.peak_mib:10.0f}")
    total = sum(cost.core_s for cost in by_rule.values())
    click.echo(f"  {'all':20} {sum(cost.jobs for cost in by_rule.values()):6} {'':10} {total:10.1f}")


def _title(papers: "Mapping[str, Paper]", name: str, column_name: str) -> str:
    """What a table's CSV calls a column."""
    for paper in papers.values():
        if table := paper.tables.get(name):
            return next((column.title for column in table.columns if column.name == column_name), column_name)
    return column_name
