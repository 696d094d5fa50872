"""Word vectors of the mini world: words of actions that share motions and props lie closer (docs/mini-world.md)."""

import zlib
from pathlib import Path

import numpy as np

from actionbytes.data.words import words_of
from actionbytes.files import whole
from actionbytes.mini.world import ACTIONS, DATASETS, MiniWorld

MISSING = frozenset({"shotput", "snatch"})  # words that the vocabulary lacks, as real ones lack some
OTHERS = (
    "the of to in for with on from house river music paper winter number letter market engine garden window doctor "
    "history colour silver coffee planet bridge forest animal camera ticket village island mirror summer pencil"
)
ENDINGS = ("ing", "s", "ed")
SUB_ACTION_WORDS = {"run": "run", "jump": "jump", "throw": "throw", "body": "roll", "roll": "roll"}


def write_word_vectors(parameters: MiniWorld, path: Path) -> None:
    """Write a word2vec file, text if the name ends in `.txt`, else binary; same parameters, same bytes."""
    vectors = word_vectors(parameters)
    with whole(path) as partial, partial.open("wb") as file:
        file.write(f"{len(vectors)} {parameters.word_dimensions}\n".encode())
        for word, vector in vectors.items():
            if path.suffix == ".txt":
                file.write(f"{word} {' '.join(f'{value:.6f}' for value in vector)}\n".encode())
            else:
                file.write(word.encode() + b" " + vector.astype("<f4").tobytes() + b"\n")


def word_vectors(parameters: MiniWorld) -> dict[str, np.ndarray]:
    """Vectors (word_dimensions,) float32 of the words of all class names except MISSING, and of OTHERS.

    The vector of a word is the mean over the actions that it names in any dataset, endings aside. The vector of an
    action is the sum of those of its motions, of its prop and of one of its own. Noise is added, and a part that all
    words share, as in real word vectors.
    """
    meanings: dict[str, list[str]] = {}  # stem -> actions
    spelled: dict[str, None] = {}  # an ordered set of words
    for dataset in DATASETS.values():
        for label, action in dataset.labels.items():
            for word in words_of(label):
                spelled[word] = None
                meanings.setdefault(_stem(word), []).append(action)
        for label in dataset.parts:
            spelled.update(dict.fromkeys(words_of(label)))
    vectors = {}
    for word in [*(word for word in spelled if word not in MISSING), *OTHERS.split()]:
        parts = [_meaning_of_action(parameters, action) for action in sorted(set(meanings.get(_stem(word), [])))]
        if _stem(word) in SUB_ACTION_WORDS:
            parts.append(1.5 * _draw(parameters, "motion", SUB_ACTION_WORDS[_stem(word)]))
        meaning = np.mean(parts, axis=0) if parts else _draw(parameters, "other", word)
        meaning = meaning / np.linalg.norm(meaning)
        vector = meaning + 0.4 * _draw(parameters, "common") + parameters.word_noise * _draw(parameters, "noise", word)
        vectors[word] = vector.astype(np.float32)
    return vectors


def _meaning_of_action(parameters: MiniWorld, name: str) -> np.ndarray:
    action = ACTIONS[name]
    walk = sorted(set(action.walk))
    meaning = sum(_draw(parameters, "motion", motion) for motion in walk) * (3 / len(walk)) ** 0.5
    if action.prop:
        meaning = meaning + 0.8 * _draw(parameters, "prop", action.prop)
    return meaning + 1.2 * _draw(parameters, "action", name)


def _draw(parameters: MiniWorld, *names: str) -> np.ndarray:
    """A random direction of length about 1 for a name."""
    seed = (parameters.seed, *(zlib.crc32(name.encode()) for name in ("words", *names)))
    return np.random.default_rng(seed).normal(0, parameters.word_dimensions**-0.5, parameters.word_dimensions)


def _stem(word: str) -> str:
    """The word without a common ending: throwing -> throw."""
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word.removesuffix(ending)
    return word
