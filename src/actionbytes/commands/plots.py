"""`actionbytes plots`: DVC's plot pages as one file that needs no network."""

import html
import subprocess
import sys
import tempfile
from pathlib import Path

import click

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>body {{ font-family: sans-serif; margin: 1em; overflow-x: auto }} table {{ border-spacing: 15px }}</style>
{scripts}
</head>
<body>
{{plot_divs}}
</body>
</html>
"""


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("revisions", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), default="dvc_plots", show_default=True, help="Folder.")
def plots(revisions: tuple[str, ...], out: Path) -> None:
    """Write OUT/index.html: tables and training curves as `dvc plots` draws them, of REVISIONS side by side if given.

    Plain `dvc plots show` makes the same page, but it loads Vega from a CDN; this one carries Vega in itself.
    """
    from actionbytes.errors import UserError

    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "page.html"
        scripts = "\n".join(f"<script>{code}</script>" for code in vega())
        template.write_text(PAGE.format(title=html.escape(f"Plots of {Path.cwd().name}"), scripts=scripts))
        action = ["diff", *revisions] if revisions else ["show"]
        command = [sys.executable, "-m", "dvc", "plots", *action, "--html-template", str(template), "--out", str(out)]
        if subprocess.run(command).returncode:
            raise UserError("dvc could not draw the plots; its message is above")


def vega() -> list[str]:
    """The sources of Vega, Vega-Lite and Vega-Embed, as Snakemake carries them for its reports."""
    from actionbytes.errors import UserError

    try:
        import snakemake.assets
    except ImportError:
        raise UserError("snakemake is not installed: pip install 'actionbytes[workflow]'") from None
    data = Path(snakemake.assets.__file__).parent / "data"
    files = [data / name / f"{name}.js" for name in ("vega", "vega-lite", "vega-embed")]
    if missing := [path for path in files if not path.exists()]:
        raise UserError(f"{missing[0]}: this Snakemake does not carry it; use `dvc plots show` with a network")
    return [path.read_text(encoding="utf-8").replace("</script", "<\\/script") for path in files]
