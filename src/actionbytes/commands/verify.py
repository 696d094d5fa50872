"""`actionbytes features --verify`: a sample of stored features made again from the videos, and how well they agree."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from actionbytes.commands.inputs import listed_files, named_files

if TYPE_CHECKING:
    from actionbytes.features.made_with import MadeWith


def verify(
    stored: Path, videos: Sequence[Path], making: Callable[[dict | None], "MadeWith"], device: str, threads: int, n: int
) -> None:
    """Print the cosine of stored and new features of `n` videos, per video and in all; exit status 1 if they differ.

    videos: files or folders; none: those that the `videos.csv` of the features' dataset lists. making: from what the
    features say of themselves (nothing, if they are `.npy` or imported) to how to make them again.
    """
    from actionbytes.commands.inputs import made_with_of
    from actionbytes.commands.options import bar, report
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
