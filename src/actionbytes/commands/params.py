"""`actionbytes params`: every parameter with its default, what is allowed, its unit and meaning."""

from pathlib import Path

import click

from actionbytes.commands.options import FOLDER


@click.command()
@click.argument("word", default="")
@click.option(
    "--write", is_flag=True, help="Write docs/parameters.md and the JSON schemas in workflow/schemas/ instead."
)
@click.option("--root", type=FOLDER, default=".", show_default=True, help="With --write: folder of the project.")
def params(word: str, write: bool, root: Path) -> None:
    """Print every parameter of params.yaml, papers/*.yaml and the methods, or those whose path or name contains WORD.

    For example `actionbytes params stpn`, `actionbytes params decoding`, `actionbytes params lr`.
    """
    from actionbytes.errors import UserError
    from actionbytes.files import write_text
    from actionbytes.planning import reference

    if write:
        for path, text in reference.written().items():
            write_text(root / path, text)
            click.echo(f"wrote {root / path}")
        return
    chosen = reference.matching(word)
    if not chosen:
        raise UserError(f"{word}: no parameter and no group has this in its name; `actionbytes params` prints all")
    click.echo("\n\n".join("\n".join(reference.as_lines(section)) for section in chosen))
