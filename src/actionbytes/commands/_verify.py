"""`actionbytes features --verify`: a sample of stored features made again from the videos, and how well they agree."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actionbytes.features.extract import MadeWith


def verify(
    stored: Path, videos: Sequence[Path], making: Callable[[dict | None], "MadeWith"], device: str, threads: int, n: int
) -> None:
    """Print the cosine of stored and new features of `n` videos, per video and in all; exit status 1 if they differ.

    videos: files or folders; none: those that the `videos.csv` of the features' dataset lists. making: from what the
    features say of themselves (nothing, if they are `.npy` or imported) to how to make them again.
    """
    from actionbytes.commands._options import bar
    from actionbytes.commands.compare_features import made_with_of, report
    from actionbytes.errors import UserError
    from actionbytes.features.compare import compare, fit_of
    from actionbytes.features.extract import file_features
    from actionbytes.features.importing import stored_features, stored_names
    from actionbytes.video.decode import BrokenVideo

    names = stored_names(stored)
    files = named_files(videos) if videos else listed_files(stored)
    both = sorted(names & files.keys())
    if not both:
        raise UserError(
            f"{stored}: none of its {len(names)} videos is among the files; name the videos or their folder"
        )
    sample = both[:: max(1, len(both) // n)][:n] if n else both
    made_with = making(made_with_of(stored))
    streams, old, new = made_with.streams(device), dict(stored_features(stored, sample)), {}
    for name in bar(sample):
        try:
            new[name] = file_features(files[name], made_with, streams, threads)[0].streams
        except BrokenVideo as error:
            print(f"{name}: has stored features but cannot be used now: {error}")
            continue
        for stream in sorted(old[name].keys() & new[name].keys(), reverse=True):
            a, b = old[name][stream], new[name][stream]
            if a.shape != b.shape:
                print(f"{name} {stream}: stored {a.shape}, made again {b.shape}")
            else:
                fit = fit_of(a, b)
                print(f"{name} {stream}: mean cosine {fit.mean:.5f}, least {fit.least:.5f}, {len(a)} snippets")
    if not new:
        raise UserError("no video of the sample could be used")
    print(f"A: made again, B: stored; {len(new)} of {len(names)} videos")
    fps = made_with.decoding.fps
    findings, fits = compare(new, old, made_with.extraction.chunk / fps, fps)
    report(findings, fits)
    if any(finding.kind not in ("same", "close") for finding in findings) or len(new) < len(sample):
        sys.exit(1)


def named_files(arguments: Sequence[Path]) -> dict[str, Path]:
    """Video files by the ids that they may go by: file name, with its folders joined by `_` (clips), without `v_`."""
    from actionbytes.commands.features import video_files

    files: dict[str, Path] = {}
    for argument in arguments:
        for path in video_files((argument,), same_names=True):
            below = path.relative_to(argument) if argument.is_dir() else Path(path.name)
            files |= {path.stem.removeprefix("v_"): path, path.stem: path, "_".join(below.with_suffix("").parts): path}
    return files


def listed_files(stored: Path) -> dict[str, Path]:
    """The videos of the dataset in whose folder the features lie (data/<suite>/<dataset>/features/<recipe>/)."""
    from actionbytes.data.manifests import read_manifest
    from actionbytes.errors import UserError

    home = (stored.parent if stored.is_file() else stored).resolve().parent.parent
    listing = home / "videos.csv"
    if not listing.is_file():
        raise UserError(f"{stored}: lies in no dataset's folder with a videos.csv; name the videos or their folder")
    paths = {entry.video: home / entry.file for entry in read_manifest(listing)}
    return {video: path for video, path in paths.items() if path.is_file()}
