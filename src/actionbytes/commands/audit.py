"""`actionbytes audit`: where the papers contradict each other or themselves."""

from pathlib import Path

import click

from actionbytes.commands.outputs import AUDIT, check_output


@click.command()
@click.option("--papers", type=click.Path(path_type=Path), default="papers", show_default=True, help="Folder of YAML.")
@click.option("--out", type=click.Path(path_type=Path), default="results/audit.csv", show_default=True, help="CSV.")
def audit(papers: Path, out: Path) -> None:
    """Print and write every contradiction found by rule in the papers' published numbers (docs/audit.md)."""
    from actionbytes.files import write_text
    from actionbytes.papers.audit import audit as find
    from actionbytes.papers.audit import to_csv, to_text
    from actionbytes.papers.declared import read_papers

    check_output("--out", out, AUDIT)
    declared = read_papers(papers)
    findings = find(declared)
    click.echo(to_text(findings), nl=bool(findings))
    write_text(out, to_csv(findings))
    click.echo(f"{len(findings)} findings in {len(declared)} papers, {out}")
