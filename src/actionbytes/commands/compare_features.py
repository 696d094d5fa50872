"""`actionbytes compare-features`: in words, what sets two extractions of the same videos apart."""

import sys
from pathlib import Path

import click

from actionbytes.commands.inputs import made_with_of
from actionbytes.commands.options import FILE, report


@click.command("compare-features")
@click.argument("a", type=FILE)
@click.argument("b", type=FILE)
@click.option("--videos", default=20, show_default=True, help="At most so many of the videos that both have; 0: all.")
def compare_features(a: Path, b: Path, videos: int) -> None:
    """Say what sets the features B apart from A: frame rate, hop, span, offset, stream order, flow, units.

    A and B are shards (.h5), folders of shards, or folders of .npy (rgb/ and flow/, or joint arrays, taken as rgb then
    flow). What differs in their recorded settings is listed first; the rest comes from the arrays alone, so it is the
    likeliest cause and not a proof: `actionbytes features --verify` is one. Exit status 1 where they differ.
    """
    from actionbytes.errors import UserError
    from actionbytes.features.compare import agree, compare, settings_apart
    from actionbytes.features.importing import stored_features, stored_names

    settings = [made_with_of(path) for path in (a, b)]
    both = sorted(stored_names(a) & stored_names(b))
    if not both:
        raise UserError(f"{a} and {b} have no video in common; videos go by the names of their files")
    chosen = both[:: max(1, len(both) // videos)][:videos] if videos else both
    features_a, features_b = (dict(stored_features(path, chosen)) for path in (a, b))
    rate = settings[0]["decoding"]["fps"] if settings[0] else None
    hop_s = settings[0]["features"]["hop"] / rate if settings[0] else None
    for line in settings_apart(*settings):
        print(f"recorded: {line}")
    findings, fits = compare(features_a, features_b, hop_s, rate)
    print(f"{len(chosen)} of {len(both)} videos that both have")
    report(findings, fits)
    if not agree(findings):
        sys.exit(1)
