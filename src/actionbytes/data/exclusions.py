"""Zero-shot by rule: which source classes name the same action as a target class, and so must not be learned from.

ActionBytes takes 18 Kinetics classes out for THUMOS14 and 72 for ActivityNet1.2, and publishes no list. The rule here:
words of both names without endings and fillers, shared over all of them, rare words counting more (a Jaccard index
weighted by inverse document frequency); the best source class of each target goes out when it reaches `least`. On the
real class lists, with the five reviewed entries of SAME_ACTION, it gives 18 and 73.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import Field

from actionbytes.data.words import ALIASES, words_of
from actionbytes.files import read_csv, write_csv
from actionbytes.parameters import Parameters

FILLERS = frozenset(words_of("a an and doing for in not of on or playing some the to using with"))
ENDINGS = ("ing", "es", "s", "ed", "er")
# Reviewed: names of one action that share no telling word, or whose words point elsewhere.
SAME_ACTION: Mapping[str, str] = {
    "BaseballPitch": "throwing baseball",
    "CricketBowling": "cricket",
    "Diving": "springboard diving",
    "GolfSwing": "golf driving",
    "SoccerPenalty": "shooting goal soccer",
}


class Exclusion(Parameters):
    """How classes are matched by name."""

    least: float = Field(
        0.3, gt=0, le=1, description="similarity from which a source class goes out [R] methods.md 5.4"
    )
    same_action: dict[str, str] = Field(
        dict(SAME_ACTION), description="target class -> words to match instead, after review"
    )


@dataclass(frozen=True)
class Match:
    """A target class, the source class that is nearest by name ("" for none), and whether that is taken out."""

    target: str
    source: str
    similarity: float
    excluded: bool


def matches(
    targets: Sequence[str], sources: Sequence[str], how: Exclusion, aliases: Mapping[str, str] = ALIASES
) -> list[Match]:
    """The nearest source class of every target class, by name; ties go to the earlier source class."""
    names = {**aliases, **how.same_action}
    bags = [_stems(source, names) for source in sources]
    count = Counter(stem for bag in bags for stem in bag)

    def weight(stems: set[str]) -> float:
        return sum(math.log((1 + len(sources)) / max(1, count[stem])) for stem in sorted(stems))

    found = []
    for target in targets:
        wanted = _stems(target, names)
        scores = [weight(wanted & bag) / weight(wanted | bag) if wanted & bag else 0.0 for bag in bags]
        best = max(range(len(scores)), key=scores.__getitem__, default=None)
        if best is None or scores[best] == 0:
            found.append(Match(target, "", 0.0, False))
        else:
            found.append(Match(target, sources[best], round(scores[best], 4), scores[best] >= how.least))
    return found


def write_matches(path: Path, found: Sequence[Match]) -> None:
    """Write the list as CSV, one line a target class; `excluded` is yes or no."""
    rows = [{**asdict(match), "excluded": "yes" if match.excluded else "no"} for match in found]
    write_csv(path, rows, ["target", "source", "similarity", "excluded"])


def read_excluded(path: Path) -> list[str]:
    """The source classes that such a list takes out, sorted, each once."""
    rows = read_csv(path, ("source", "excluded"))
    return sorted({row["source"] for row in rows if row["excluded"] == "yes"})


def _stems(label: str, names: Mapping[str, str]) -> set[str]:
    phrase = names.get(label, label)
    stems = {_stem(part) for word in words_of(phrase) for part in words_of(names.get(word, word))}
    return {stem for stem in stems if stem not in FILLERS} or stems


def _stem(word: str) -> str:
    """The word without a common ending, a doubled last letter and a mute e: throwing, throws -> throw."""
    if word in FILLERS:
        return word
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word.rstrip("e")
