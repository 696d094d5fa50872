"""`actionbytes index`: list the videos of a dataset folder with their hashes, so that recipes can name them."""

from pathlib import Path

import click

from actionbytes.commands.options import FOLDER
from actionbytes.commands.outputs import LISTING, check_output
from actionbytes.progress import on_terminal


@click.command()
@click.argument("folder", type=FOLDER)
def index(folder: Path) -> None:
    """List FOLDER/videos against FOLDER/annotations.json (ActivityNet format) in FOLDER/videos.csv.

    A file belongs to the annotated video whose id is its name without the suffix (an ActivityNet file may have "v_"
    before it). A video without a file is listed all the same, and set aside when features are made.
    """
    from actionbytes.data.annotations import read_annotations
    from actionbytes.data.manifests import write_manifest

    check_output("FOLDER", folder / "videos.csv", LISTING)
    videos = read_annotations(folder / "annotations.json")
    missing = write_manifest(folder, videos, on_terminal())
    print(f"{folder / 'videos.csv'}: {len(videos) - len(missing)} of {len(videos)} videos have a file")
    if missing:
        print(f"without one: {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}")
