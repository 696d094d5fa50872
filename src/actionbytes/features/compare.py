"""Two extractions of the same videos, and in words what sets them apart, from the arrays alone.

What can be seen in them: snippets that are the same but come at other times (hop, span, offset), under another name
(streams swapped) or in other units (scaled, normalised, standardised); a number of snippets that means another frame
rate; and, where one stream agrees and the other does not, what its input was, since a wrong scale moves all snippets
the same way while swapped axes do not. docs/video.md tells where the limits come from.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from actionbytes.errors import UserError
from actionbytes.features.agreement import (
    Alignment,
    Fit,
    Pair,
    agreement_in_time,
    by_time,
    common_share,
    correlation,
    every,
    fit_of,
    pooled,
    shifted,
    side_by_side,
)

Streams = Mapping[str, np.ndarray]  # stream -> (T, D)
Matching = tuple[str, str]  # a stream of A and one of B that is taken for the same

SAME, CLOSE = 0.99999, 0.97  # mean cosine of snippets: equal but for rounding; another precision or a detail of flow
FITS, RELATED = 0.97, 0.15  # centred cosine: the same snippets; at least related ones
AXES, SCALE = 0.1, 0.15  # common share of a difference: at most the first, swapped axes; at least the second, scale
OFFSETS, FACTORS = range(-8, 9), (2, 3, 4, 8)
ENOUGH = 6  # snippets
RATES = (5, 8, 10, 12, 12.5, 15, 16, 20, 24, 25, 30, 50, 60)  # usual ones, in frames a second


@dataclass(frozen=True)
class Finding:
    """One difference.

    Attributes:
        kind: Its name: same, close, fps, hop, span, offset, streams, units, flow axes, ...
        says: It in a sentence.
    """

    kind: str
    says: str


def agree(findings: Sequence[Finding]) -> bool:
    """Whether the features are the same but for rounding or precision."""
    return all(finding.kind in ("same", "close") for finding in findings)


def settings_apart(a: Mapping | None, b: Mapping | None) -> list[str]:
    """Settings (nested, as `MadeWith` has them) in which two extractions differ; the path of weights is no setting."""
    flat_a, flat_b = dict(_flat(a or {})), dict(_flat(b or {}))
    shared = sorted(key for key in flat_a.keys() & flat_b.keys() if not key.endswith(".file"))
    return [f"{key}: {flat_a[key]} in A, {flat_b[key]} in B" for key in shared if flat_a[key] != flat_b[key]]


def compare(
    a: Mapping[str, Streams], b: Mapping[str, Streams], hop_s: float | None = None, fps: float | None = None
) -> tuple[list[Finding], list[Fit]]:
    """What sets B apart from A, and how well their streams agree once that is accounted for.

    Args:
        a: Video -> stream -> (T, D); videos that only one has are left out.
        b: The same.
        hop_s: Seconds from one snippet of A to the next, where they are known.
        fps: Frames a second of A, where they are known.

    Returns:
        The differences, and the agreement of each stream.

    Raises:
        UserError: A and B share no video, or hold arrays that are no features.
    """
    names = sorted(a.keys() & b.keys())
    if not names:
        raise UserError(f"A and B have no video in common (A has {_few(a)}, B has {_few(b)})")
    for name in names:
        for which, streams in (("A", a[name]), ("B", b[name])):
            if not streams or any(x.ndim != 2 or not len(x) or not np.isfinite(x).all() for x in streams.values()):
                raise UserError(f"{name}: what {which} has is not (snippets, dimensions) of finite numbers")
    streams_a, streams_b = list(a[names[0]]), list(b[names[0]])
    pairs = {
        (s, t): [(a[n][s], b[n][t]) for n in names if s in a[n] and t in b[n]] for s in streams_a for t in streams_b
    }
    comparable = {k: v for k, v in pairs.items() if v and len({x.shape[1] for pair in v for x in pair}) == 1}
    if not comparable:
        sizes = {s: a[names[0]][s].shape[1] for s in streams_a}, {s: b[names[0]][s].shape[1] for s in streams_b}
        says = f"A has {sizes[0]} dimensions, B has {sizes[1]}: another network, or streams joined differently"
        return [Finding("dimensions", says)], []
    matched = _matched(comparable, streams_a, streams_b)
    findings = []
    if any(s != t and t in streams_a for s, t in matched):
        says = "the streams are swapped: what A calls " + ", ".join(f"{s} B calls {t}" for s, t in matched if s != t)
        findings.append(Finding("streams", says))
    chosen = {pair: comparable[pair] for pair in matched}
    timing, align = _timing(chosen, hop_s, fps)
    findings += timing
    aligned = {pair: side_by_side(videos, align or by_time) for pair, videos in chosen.items()}
    fits = [fit_of(*aligned[pair], pair) for pair in matched]
    if align:
        findings += _values(fits, aligned)
    return findings or [Finding("same", "the same features, but for rounding")], fits


def _matched(
    pairs: Mapping[Matching, list[Pair]], streams_a: Sequence[str], streams_b: Sequence[str]
) -> list[Matching]:
    """Which stream of B is which of A: by name, unless another assignment fits clearly better."""
    fit = {pair: agreement_in_time(videos, by_time) for pair, videos in pairs.items()}
    named = [(s, s) for s in streams_a if (s, s) in fit]
    best = max(
        (list(zip(streams_a, order, strict=False)) for order in permutations(streams_b)),
        key=lambda pairing: sum(fit.get(pair, 0) for pair in pairing),
    )
    best = [pair for pair in best if pair in fit]
    gain = sum(fit[pair] for pair in best) - sum(fit[pair] for pair in named)
    return best if not named or gain > 0.3 else named


def _timing(
    chosen: Mapping[Matching, list[Pair]], hop_s: float | None, fps: float | None
) -> tuple[list[Finding], Alignment | None]:
    """What sets the times of B's snippets apart from A's, and which belong together; None: they show other frames."""
    videos = next(iter(chosen.values()))
    lengths = np.array([[len(x) for x in pair] for pair in videos], float)
    ways: dict[tuple[str, int], Alignment] = {("offset", k): shifted(k) for k in OFFSETS}
    b_is_denser = bool(lengths[:, 1].sum() > lengths[:, 0].sum())
    if lengths.sum(0).max() > 1.4 * lengths.sum(0).min():
        ways |= {("hop", k): every(k, b_is_denser) for k in FACTORS}
        ways |= {("span", k): pooled(k, b_is_denser) for k in FACTORS}
    fits: dict[tuple[str, int], float] = {}
    for key, align in ways.items():
        counts = np.array([[len(x) for x in align(*pair)] for pair in videos])
        explained = (np.abs(counts[:, 0] - counts[:, 1]) <= np.maximum(2, 0.1 * counts.max(1))).all()
        if explained and counts.min(1).sum() >= ENOUGH:  # a few snippets fit by chance
            fits[key] = max(agreement_in_time(v, align) for v in chosen.values())
    best = max(fits, key=lambda key: (round(fits[key], 4), key == ("offset", 0), -abs(key[1])), default=None)
    seconds = f" ({abs(best[1]) * hop_s:.2f} s)" if best and hop_s else ""
    if best and fits[best] >= FITS:
        kind, k = best
        if kind == "offset":
            later = "later" if k > 0 else "earlier"
            says = f"B starts {abs(k)} snippets{seconds} {later} in the video than A"
            return ([Finding("offset", says)] if k else []), ways[best]
        denser, other = ("B", "A") if b_is_denser else ("A", "B")
        if kind == "hop":
            says = f"{denser} has {k} snippets where {other} has one: the hop (stride) is {k} times shorter"
        else:
            says = f"a snippet of {other} is the mean of {k} of {denser}: the span is {k} times as long"
        return [Finding(kind, says)], ways[best]
    ratios = lengths[:, 1] / lengths[:, 0]
    spread, ratio = ratios.std(), lengths[:, 1].sum() / lengths[:, 0].sum()
    if spread > 0.05 and (np.abs(ratios - ratio) * lengths.min(1) > 2).any():
        says = f"B has {ratios.min():.2f} to {ratios.max():.2f} times A's snippets, by video: one of them was "
        return [Finding("rates", says + "extracted at each file's own frame rate")], None
    if (np.abs(lengths[:, 1] - lengths[:, 0]) > np.maximum(1, 0.02 * lengths[:, 0])).mean() > 0.5:
        says = f"B has {ratio:.3g} times A's snippets, and they show other frames: the frame rate differs"
        rate, words = fps or 25.0, "A's is {:g}, so B's is about {:.3g}" if fps else "as between {:g} and {:.3g}"
        sure = np.clip(len(videos) / lengths.sum(0).min(), 0.03, 0.1)  # a video's last snippet is there or not
        near = min((r for r in RATES if r != rate), key=lambda r: abs(r - rate * ratio))
        says += "; " + words.format(rate, near if abs(near - rate * ratio) < sure * near else rate * ratio)
        return [Finding("fps", says + " (or hop and span do)")], None
    shift = _part_of_a_snippet(chosen)
    if shift:
        seconds = f" ({abs(shift) * hop_s:.2f} s)" if hop_s else ""
        says = f"B's snippets begin about {abs(shift):.1f} of a snippet{seconds} {'later' if shift > 0 else 'earlier'}"
        return [Finding("offset", says + " than A's")], None
    return [], ways["offset", 0]


def _part_of_a_snippet(chosen: Mapping[Matching, list[Pair]]) -> float:
    """By what part of a snippet B is late in every stream; 0 where the streams do not agree about it."""
    parts = []
    for videos in chosen.values():
        before, now, after = (agreement_in_time(videos, shifted(k)) for k in (-1, 0, 1))
        neighbours = [(x[:-1], x[1:]) for x, _ in videos]  # of A, which would be as close without a shift
        alike = agreement_in_time(neighbours, shifted(0))
        late, early = after - alike * now, before - alike * now
        share = max(late, early) / max(now - alike * after, now - alike * before, 1e-9)
        parts.append((1 if late > early else -1) * max(0.0, share))
    agree = len({part > 0 for part in parts}) == 1 and min(map(abs, parts)) > 0.3
    return float(np.clip(np.mean([p / (1 + abs(p)) for p in parts]), -0.5, 0.5)) if agree else 0.0


def _values(fits: Sequence[Fit], aligned: Mapping[Matching, Pair]) -> Iterator[Finding]:
    """What sets the numbers apart, stream by stream, once times agree."""
    good = [fit for fit in fits if fit.mean >= CLOSE]
    for fit in fits:
        a, b = aligned[fit.a, fit.b]
        length_a, length_b = (np.linalg.norm(x.astype(np.float64), axis=1) for x in (a, b))
        if fit.mean >= CLOSE:
            ratio = length_b / np.where(length_a > 0, length_a, np.inf)
            even = [np.ptp(length) < 1e-2 * length.mean() for length in (length_a, length_b)]
            if even[0] != even[1]:
                says = f"{fit.a}: the snippets of {'A' if even[0] else 'B'} have one length each (L2-normalised)"
                yield Finding("units", says)
            elif abs(np.median(ratio) - 1) > 0.01 > np.std(ratio) / np.median(ratio):
                yield Finding("units", f"{fit.a}: B's numbers are {np.median(ratio):.3g} times A's")
            elif fit.mean < SAME:
                says = f"{fit.a}: close (mean cosine {fit.mean:.4f}): another precision, 8-bit flow, another OpenCV"
                yield Finding("close", says)
        elif (a.min() < 0) != (b.min() < 0) and correlation(a, b) > 0.9:  # after a ReLU nothing is negative
            yield Finding("units", f"{fit.a}: every dimension is shifted and scaled (standardised) in one of them")
        elif fit.centred < RELATED:
            far = " or its input is far off (axes, scale, normalisation);" if good else ""
            yield Finding("unrelated", f"{fit.a}:{far} {_unrelated(a, b)}")
        elif fit.a == "flow" and (good or len(fits) == 1):
            yield _flow(a, b)
        elif fit.a == "rgb" and (good or len(fits) == 1):
            yield _rgb(a, b)
        else:
            yield Finding(
                "pictures",
                f"{fit.a}: related, not the same (centred cosine {fit.centred:.2f}), and so in every stream: pictures "
                "were cropped, scaled or decoded differently, or the weights are others of the same kind",
            )


def _flow(a: np.ndarray, b: np.ndarray) -> Finding:
    share = common_share(a, b)
    if share < AXES:
        says = "each snippet differs in its own way and their mean stays: x and y are swapped, or a sign is"
        return Finding("flow axes", f"flow: {says} ({share:.0%} of the difference in common)")
    if share < SCALE:
        return Finding("flow input", "flow: x and y are swapped, or the scale differs; more videos would tell which")
    says = "all snippets differ in one way: the scale of the flow differs (its bound, 8 bit, computed before resizing)"
    return Finding("flow scale", f"flow: {says} ({share:.0%} of the difference in common)")


def _rgb(a: np.ndarray, b: np.ndarray) -> Finding:
    share = common_share(a, b)
    if share > 2 * SCALE:
        says = "all snippets differ in one way: pixels are normalised otherwise ([0, 1], [0, 255], less a mean)"
        return Finding("rgb values", f"rgb: {says} ({share:.0%} of the difference in common)")
    says = "rgb: the pictures differ while the flow does not: BGR against RGB, or the normalisation of pixels"
    return Finding("rgb pictures", says)


def _unrelated(a: np.ndarray, b: np.ndarray) -> str:
    """Whether what one of them finds alike is alike in the other, whatever the dimensions mean."""
    some = np.linspace(0, len(a) - 1, min(len(a), 400)).astype(int)
    upper = np.triu_indices(len(some), 1)
    with np.errstate(invalid="ignore"):  # of zeros, nothing is alike
        alike = [np.nan_to_num(np.corrcoef(x[some].astype(np.float64)))[upper] for x in (a, b)]
        structure = float(np.nan_to_num(np.corrcoef(*alike)[0, 1])) if len(some) > 2 else 0.0
    if structure > 0.3:
        return "other dimensions, though the same snippets are alike: other weights, or their order is another"
    return "nothing in common: other videos under these names, another network, or an input that is broken (all zero?)"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _few(names: Mapping) -> str:
    return ", ".join(sorted(names)[:2]) + (" ..." if len(names) > 2 else "") or "none"
