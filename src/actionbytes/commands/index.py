"""`actionbytes index`: list the videos of a dataset folder with their hashes, so that recipes can name them."""

import csv
import io
from pathlib import Path

import click

from actionbytes.commands.options import FOLDER, bar


@click.command()
@click.argument("folder", type=FOLDER)
def index(folder: Path) -> None:
    """List FOLDER/videos against FOLDER/annotations.json (ActivityNet format) in FOLDER/videos.csv.

    A file belongs to the annotated video whose id is its name without the suffix (an ActivityNet file may have "v_"
    before it). A video without a file is listed all the same, and set aside when features are made.
    """
    from actionbytes.data.annotations import read_annotations
    from actionbytes.data.manifests import VIDEO_SUFFIXES
    from actionbytes.errors import UserError
    from actionbytes.files import file_digest, write_text

    videos = read_annotations(folder / "annotations.json")
    files = sorted(p for p in (folder / "videos").rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES)
    if not files:
        raise UserError(f"{folder / 'videos'}: holds no video files")
    by_stem = {path.stem: path for path in files}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["video", "subset", "file", "bytes", "sha256"])
    missing = []
    for name in bar(sorted(videos)):
        path = by_stem.get(name) or by_stem.get(f"v_{name}")
        if path is None:
            missing.append(name)
            writer.writerow([name, videos[name].subset, f"videos/{name}.mp4", 0, ""])
        else:
            size = path.stat().st_size
            writer.writerow([name, videos[name].subset, path.relative_to(folder), size, file_digest(path)])
    write_text(folder / "videos.csv", text.getvalue())
    print(f"{folder / 'videos.csv'}: {len(videos) - len(missing)} of {len(videos)} videos have a file")
    if missing:
        print(f"without one: {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}")
