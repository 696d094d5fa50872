"""`actionbytes explain`: where a table's cells come from, in words."""

from pathlib import Path

import click


@click.command()
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--row", help="One row, as its method is printed; default: all.")
@click.option("--column", help="One dataset; default: all.")
def explain(table: Path, row: str | None, column: str | None) -> None:
    """Tell where the numbers of TABLE (results/<name>.csv) come from.

    Runs, seeds, features, weights, videos used and set aside, commit, versions, and what the jobs behind it took.
    """
    from actionbytes.planning.plan import Plan
    from actionbytes.reporting.explanation import costs, explain_cell, read_provenance, sources, table_lines

    made = read_provenance(table)
    lines = table_lines(table)
    click.echo(f"# {table}: {made['paper']}; suite {made['suite']}, tier {made['tier']}: {made['meaning']}")
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    machine = made["machine"]
    click.echo(f"rendered from commit {made['commit']} on {machine['processor']}, {machine['cores']} cores\n{versions}")
    plan = Plan.read()
    name = table.stem
    if plan.config.suite != made["suite"]:
        click.echo(f"params.yaml now says suite {plan.config.suite}; this is what the table was rendered from")
    elif name not in plan.tables() or made.get("key") != plan.key(name):
        click.echo("STALE: params.yaml and papers/ now say something else; render it again, or see what differs with")
        click.echo(f"`actionbytes recipe diff`: snakemake {table} --cores all")
    for (method, dataset), entries in sources(made, row, column).items():
        mine = [line for line in lines if (line["method"], line["dataset"]) == (method, dataset) and line["mean"]]
        click.echo("\n" + "\n".join(explain_cell(method, dataset, entries, mine, Path())))
    found = costs(made)
    click.echo("\n## What all jobs behind this table took, by rule (Snakemake's benchmarks)")
    if not found:
        click.echo("  no records here (logs/benchmarks; `dvc pull` brings those of who made it)")
        return
    click.echo(f"  {'rule':20} {'jobs':>6} {'wall s':>10} {'core s':>10} {'peak MiB':>10}")
    for rule, cost in found.items():
        click.echo(f"  {rule:20} {cost.jobs:6} {cost.wall_s:10.1f} {cost.core_s:10.1f} {cost.peak_mib:10.0f}")
    total = sum(cost.core_s for cost in found.values())
    click.echo(f"  {'all':20} {sum(cost.jobs for cost in found.values()):6} {'':10} {total:10.1f}")
