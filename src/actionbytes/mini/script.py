"""What happens in each video of the mini world: its scenes, instances and background, drawn from its own generator."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from actionbytes.mini.world import (
    ACTIONS,
    BACKGROUND,
    OUTFITS,
    PROPS,
    SCENES,
    SUB_ACTIONS,
    Action,
    Dataset,
    MiniWorld,
    dataset_named,
)

TICKS = 90_000  # per second: 24, 25, 29.97 and 30 fps all have a whole number of ticks a frame
FRAME_TICKS = {"24": 3750, "25": 3600, "30000/1001": 3003, "30": 3000}
RATES = ("25", "30", "30000/1001", "24")
RATE_SHARES = (0.4, 0.3, 0.2, 0.1)
SHAPES = ((80, 64), (64, 64), (96, 72), (64, 80), (112, 64), (88, 72))  # width, height at short_side 64
WALK_SECONDS = (2.4, 6.0)  # one walk through three sub-actions; longer instances repeat it
LEAST_GAP, LONG_LEAST_GAP = 0.12, 0.4  # seconds between two instances, and where they are long
LONG_EVENNESS = 1.0  # of gaps between long instances: uniform
BROKEN = ("zero-byte", "truncated", "audio-only", "one-frame", "missing")


@dataclass(frozen=True)
class Stretch:
    """One motion (a sub-action or a kind of background) from `start` to `end`, in seconds."""

    motion: str
    start: float
    end: float
    prop: str  # in the hand; "" for none
    cycles: float  # of the motion, within the stretch
    phase: float
    size: float  # of the movement, about 1


@dataclass(frozen=True)
class ScriptedInstance:
    """One action instance, in seconds; its sub-actions are among the stretches."""

    label: str
    action: str
    start: float
    end: float


@dataclass(frozen=True)
class Shot:
    """The camera's position from `start` (seconds) until the next shot: how near, and how far to one side."""

    start: float
    zoom: float
    side: float  # of the frame's width


FIXED = Shot(0.0, 1.0, 0.0)  # a camera that stays where it is


@dataclass(frozen=True)
class Look:
    """What does not change within a video."""

    prop: str
    outfit: str
    scene: str
    other_scene: str
    facing: int
    zoom: float
    light: float
    contrast: float
    shake: float
    grain: float
    position: float


@dataclass(frozen=True)
class Script:
    """All that is needed to render one video."""

    id: str
    subset: str
    width: int
    height: int
    rate: str  # frames per second as a fraction, or "variable"
    sound: bool
    ticks: tuple[int, ...]  # presentation time of each frame, and the end of the last
    look: Look
    shots: tuple[Shot, ...]
    stretches: tuple[Stretch, ...]
    instances: tuple[ScriptedInstance, ...]
    seed: tuple[int, ...]
    broken: str | None = None

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.ticks[-1] / TICKS

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.ticks) - 1

    @property
    def fps(self) -> float:
        """Mean frame rate, in frames per second."""
        return self.frames / self.duration


def _seed(parameters: MiniWorld, *names: str) -> tuple[int, ...]:
    return (parameters.seed, *(zlib.crc32(name.encode()) for name in names))


def scripts(parameters: MiniWorld, name: str) -> Iterator[Script]:
    """The scripts of all videos of a dataset, subset by subset; every class gets the same number of videos."""
    dataset = dataset_named(name)
    if dataset.videos_of:
        yield from scripts(parameters, dataset.videos_of)
        return
    for subset in dataset.subsets:
        count = getattr(parameters, subset.count)
        broken = parameters.broken if (name, subset.name) == ("thumos14", "test") else 0
        rng = np.random.default_rng(_seed(parameters, name, subset.name))
        dealt: list[str] = []  # classes that remain to be dealt in this round
        for number in range(1, count + broken + 1):
            dealt = dealt or rng.permutation(list(dataset.labels)).tolist()
            script_id = dataset.video_id.format(subset=subset.name, number=number)
            yield _script(
                parameters,
                dataset,
                script_id,
                subset.name,
                dealt.pop(),
                getattr(parameters, subset.seconds),
                _seed(parameters, name, script_id),
                BROKEN[(number - count - 1) % len(BROKEN)] if number > count else None,
            )


def _script(
    parameters: MiniWorld,
    dataset: Dataset,
    script_id: str,
    subset: str,
    label: str,
    seconds: tuple[float, float],
    seed: tuple[int, ...],
    broken: str | None,
) -> Script:
    rng = np.random.default_rng(seed)
    width, height = (side * parameters.short_side // 64 for side in SHAPES[rng.integers(len(SHAPES))])
    rate = "variable" if rng.random() < parameters.variable_rate else str(rng.choice(RATES, p=RATE_SHARES))
    ticks = _ticks(rate, rng.uniform(*seconds), rng)
    duration = ticks[-1] / TICKS
    if dataset.trimmed:
        spans = _clip_spans(label, duration, rng)
    elif dataset.long:
        spans = _long_spans(label, duration, rng)
    else:
        spans = _short_spans(label, list(dataset.labels), duration, parameters, rng)
    look = _look(parameters, ACTIONS[dataset.labels[label]], dataset.trimmed, rng)
    stretches: list[Stretch] = []
    instances = []
    at = 0.0
    for name, start, end in spans:
        stretches += _background(at, start, dataset.trimmed, look.prop, parameters, rng)
        start, end = (start, end) if dataset.trimmed else _on_frames((start, end), ticks)
        instance = ScriptedInstance(name, dataset.labels[name], start, end)
        instances.append(instance)
        prop = look.prop if name == label else ACTIONS[instance.action].prop
        stretches += _walks(instance, prop, parameters, rng)
        at = end
    stretches += _background(at, duration, dataset.trimmed, look.prop, parameters, rng)
    if dataset.trimmed:  # a clip carries its label as a whole
        instances = [ScriptedInstance(label, dataset.labels[label], 0.0, duration)]
    return Script(
        script_id,
        subset,
        width,
        height,
        rate,
        bool(rng.random() < parameters.sound),
        ticks,
        look,
        (FIXED,) if dataset.trimmed else _shots(parameters, duration, rng),
        tuple(stretches),
        tuple(instances),
        seed,
        broken,
    )


def _ticks(rate: str, seconds: float, rng: np.random.Generator) -> tuple[int, ...]:
    """Presentation times of all frames, and the end of the last one."""
    if rate == "variable":  # as phones record: mostly even, some frames longer, a few much longer
        steps = rng.choice([3000, 3600, 4500, 9000], p=[0.5, 0.3, 0.15, 0.05], size=int(seconds * 30) + 1)
        steps = steps[: max(2, int(np.searchsorted(np.cumsum(steps), seconds * TICKS)))]
    else:
        steps = np.full(max(2, round(seconds * TICKS / FRAME_TICKS[rate])), FRAME_TICKS[rate])
    return (0, *np.cumsum(steps).tolist())


def _on_frames(times: tuple[float, float], ticks: tuple[int, ...]) -> tuple[float, float]:
    """Each time moved to the presentation time of the first frame at or after it."""
    frames = np.searchsorted(ticks, [time * TICKS for time in times]).clip(max=len(ticks) - 1)
    return ticks[frames[0]] / TICKS, ticks[frames[1]] / TICKS


def _clip_spans(label: str, duration: float, rng: np.random.Generator) -> list[tuple[str, float, float]]:
    """A trimmed clip: the action nearly fills it, or runs past the ends of one that is too short for a walk."""
    slack = 0.12 * duration
    if duration < WALK_SECONDS[0]:  # at natural speed, so that a chunk sees one sub-action rather than two
        length = rng.uniform(WALK_SECONDS[0], 4.0)
        start = -rng.uniform(0, length - duration)
        return [(label, start, start + length)]
    return [(label, rng.uniform(0, slack), duration - rng.uniform(0, slack))]


def _short_spans(
    label: str, labels: list[str], duration: float, parameters: MiniWorld, rng: np.random.Generator
) -> list[tuple[str, float, float]]:
    """Three to twelve instances, mostly of 1 to 6 s, a few below one snippet, a few of tens of seconds.

    Gaps as in THUMOS14's test videos: some instances follow each other within a snippet, others are far apart.
    """
    count = int(rng.integers(3, 13))
    lengths: list[float] = []
    while len(lengths) < count:
        draw = rng.random()
        if draw < 0.07:
            length = rng.uniform(0.36, 0.62)
        elif draw < 0.13:
            length = rng.uniform(9.0, 24.0)
        else:
            length = float(np.clip(rng.lognormal(1.15, 0.5), 0.8, 9.0))
        if sum(lengths) + length > 0.6 * duration - 0.5 * count:
            if len(lengths) >= 3 or length < 1:
                break
            length = rng.uniform(0.4, 0.9)
        lengths.append(length)
    second = str(rng.choice(labels)) if rng.random() < parameters.thumos14_second_class else label
    names = [second if rng.random() < 0.4 else label for _ in lengths]
    names[int(rng.integers(len(names)))] = label
    return _placed(names, lengths, duration, LEAST_GAP, parameters.thumos14_gaps, rng)


def _long_spans(label: str, duration: float, rng: np.random.Generator) -> list[tuple[str, float, float]]:
    """One or two instances that fill a large part of the video, each several walks merged into one."""
    count = 1 if rng.random() < 0.7 else 2
    total = duration * rng.uniform(0.4, 0.85)
    first = rng.uniform(0.35, 0.65) if count == 2 else 1.0
    lengths = [total * first, total * (1 - first)][:count]
    return _placed([label] * count, lengths, duration, LONG_LEAST_GAP, LONG_EVENNESS, rng)


def _placed(
    names: list[str], lengths: list[float], duration: float, least: float, evenness: float, rng: np.random.Generator
) -> list[tuple[str, float, float]]:
    """Instances in random order with random gaps of at least `least` seconds, the more alike the higher `evenness`."""
    free = max(0.0, duration - sum(lengths) - least * (len(lengths) + 1))
    gaps = least + free * rng.dirichlet(np.full(len(lengths) + 1, evenness))
    order = rng.permutation(len(lengths))
    spans, at = [], 0.0
    for gap, index in zip(gaps, order, strict=False):
        start = at + gap
        at = start + lengths[index]
        spans.append((names[index], float(start), float(min(at, duration))))
    return spans


def _walks(instance: ScriptedInstance, prop: str, parameters: MiniWorld, rng: np.random.Generator) -> list[Stretch]:
    """The ordered walk of an action, repeated when the instance is long, each sub-action at its own speed."""
    walk = ACTIONS[instance.action].walk
    length = instance.end - instance.start
    repeats = max(1, round(length / rng.uniform(*WALK_SECONDS))) if length > WALK_SECONDS[1] else 1
    prop = prop if rng.random() < parameters.prop_shown else ""
    shares = rng.dirichlet(np.full(3 * repeats, 12.0))
    ends = instance.start + length * np.cumsum(shares)
    starts = [instance.start, *ends[:-1].tolist()]
    ends[-1] = instance.end
    return [
        _stretch(walk[i % 3], start, end, prop, rng) for i, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def _background(
    start: float, end: float, trimmed: bool, prop: str, parameters: MiniWorld, rng: np.random.Generator
) -> list[Stretch]:
    """What is between instances: idling, a passer-by, an empty or another scene, a pan, a lone sub-action."""
    stretches: list[Stretch] = []
    while end - start > 1e-6:
        length = min(end - start, rng.uniform(1.2, 4.5))
        if end - start - length < 0.6:
            length = end - start
        if trimmed or length < 0.7:
            motion = "idle"
        elif rng.random() < 0.2:  # a distractor: one sub-action alone is not an action
            motion = str(rng.choice(SUB_ACTIONS))
        else:
            motion = str(rng.choice(BACKGROUND, p=(0.4, 0.15, 0.15, 0.1, 0.1, 0.1)))
        shown = motion in ("idle", "pan") and rng.random() < 0.5 * parameters.prop_shown
        stretches.append(_stretch(motion, start, start + length, prop if shown else "", rng))
        start += length
    return stretches


def _stretch(motion: str, start: float, end: float, prop: str, rng: np.random.Generator) -> Stretch:
    speed = float(rng.lognormal(0, 0.18))
    cycles = max(0.7, (end - start) * speed)  # times the motion's own frequency
    return Stretch(motion, float(start), float(end), prop, cycles, float(rng.random()), float(rng.uniform(0.85, 1.1)))


def _look(parameters: MiniWorld, action: Action, trimmed: bool, rng: np.random.Generator) -> Look:
    gap = 0.0 if trimmed else parameters.domain_gap
    scene = _kept(action.scene, parameters.scene_kept, SCENES, rng)
    return Look(
        prop=_kept(action.prop, 0.95, PROPS, rng) if action.prop else "",
        outfit=_kept(action.outfit, parameters.outfit_kept, OUTFITS, rng),
        scene=scene,
        other_scene=str(rng.choice([other for other in SCENES if other != scene])),
        facing=1 if rng.random() < 0.5 else -1,
        zoom=float(rng.uniform(0.94, 1.06) - gap * rng.uniform(0.02, 0.18)),
        light=float(rng.normal(0, 6) - gap * rng.uniform(-8, 24)),
        contrast=float(1 - gap * rng.uniform(0, 0.2)),
        shake=float(0.2 + gap * rng.uniform(0.1, 0.9)),
        grain=float(1.5 + gap * rng.uniform(0.5, 2.5)),
        position=float(rng.uniform(-0.06, 0.06) * (1 + gap)),
    )


def _shots(parameters: MiniWorld, duration: float, rng: np.random.Generator) -> tuple[Shot, ...]:
    """Camera shots of random length, near and far, as in broadcasts; cuts do not depend on what happens."""
    shots, at = [], 0.0
    while at < duration:
        zoom = float(np.exp(rng.uniform(*np.log(parameters.shot_zoom))))
        shots.append(Shot(at, zoom, float(rng.uniform(-0.1, 0.1))))
        at += float(rng.uniform(*parameters.shot_seconds))
    return tuple(shots)


def _kept(usual: str, share: float, anything: tuple[str, ...], rng: np.random.Generator) -> str:
    """`usual` in this `share` of the videos; otherwise, and where it is empty, a random choice."""
    return usual if rng.random() < share and usual else str(rng.choice(anything))
