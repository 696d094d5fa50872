"""A sample of stored features made again from the videos, and how well the two agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from actionbytes.errors import UserError
from actionbytes.features.agreement import Fit, fit_of
from actionbytes.features.compare import Finding, agree, compare
from actionbytes.features.extract import file_features
from actionbytes.features.importing import stored_features, stored_names
from actionbytes.features.kinds import in_order
from actionbytes.features.made_with import MadeWith
from actionbytes.progress import Progress, each, silent
from actionbytes.video.decode import BrokenVideo


@dataclass(frozen=True)
class VideoCheck:
    """One video of the sample.

    Attributes:
        name: The video.
        broken: Why it could not be used now; empty where it could.
        fits: Agreement of stored and new features, of each stream with as many snippets.
        shapes: Shapes of stored and new features, of each stream where they differ.
    """

    name: str
    broken: str = ""
    fits: Mapping[str, Fit] = field(default_factory=dict)
    shapes: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Verification:
    """What came out.

    Attributes:
        stored: Number of videos that have stored features.
        checks: One for each video of the sample.
        findings: What sets the stored features apart from the new ones.
        fits: Agreement of each stream over all videos that could be used.
    """

    stored: int
    checks: Sequence[VideoCheck]
    findings: Sequence[Finding]
    fits: Sequence[Fit]

    @property
    def used(self) -> int:
        """Number of videos that could be used."""
        return sum(not check.broken for check in self.checks)

    @property
    def same(self) -> bool:
        """Whether every video could be used and the features agree."""
        return self.used == len(self.checks) and agree(self.findings)


def verify(
    stored: Path,
    files: Mapping[str, Path],
    made_with: MadeWith,
    device: str = "cpu",
    threads: int = 1,
    sample: int = 0,
    progress: Progress = silent,
) -> Verification:
    """Make stored features again and compare.

    Args:
        stored: A shard, a folder of shards, or a folder of `.npy`.
        files: Video -> file; the videos that have stored features are checked.
        made_with: How to make features.
        device: Torch's name of the device of the networks.
        threads: Pairs of frames whose flow is computed at a time.
        sample: Number of videos to check, evenly spread over their names; 0: all.
        progress: Called after each video of the sample.

    Raises:
        UserError: There are no stored features, or none of their videos is among the files.
    """
    names = stored_names(stored)
    both = sorted(names & files.keys())
    if not both:
        raise UserError(
            f"{stored}: none of its {len(names)} videos is among the files; name the videos or their folder"
        )
    chosen = both[:: max(1, len(both) // sample)][:sample] if sample else both
    networks, old = made_with.streams(device), dict(stored_features(stored, chosen))
    new: dict[str, Mapping[str, np.ndarray]] = {}
    checks = []
    for name in each(chosen, progress):
        try:
            new[name] = file_features(files[name], made_with, networks, threads, device)[0].streams
        except BrokenVideo as error:
            checks.append(VideoCheck(name, str(error)))
        else:
            checks.append(_check(name, old[name], new[name]))
    decoding = made_with.decoding
    findings, fits = compare(new, old, made_with.features.hop / decoding.fps, decoding.fps) if new else ([], [])
    return Verification(len(names), checks, findings, fits)


def _check(name: str, old: Mapping[str, np.ndarray], new: Mapping[str, np.ndarray]) -> VideoCheck:
    shared = in_order(old.keys() & new.keys())
    alike = [stream for stream in shared if old[stream].shape == new[stream].shape]
    return VideoCheck(
        name,
        fits={stream: fit_of(old[stream], new[stream], (stream, stream)) for stream in alike},
        shapes={stream: (old[stream].shape, new[stream].shape) for stream in shared if stream not in alike},
    )
