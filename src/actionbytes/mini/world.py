"""What there is in the mini world: sub-actions, action classes, datasets and their parameters.

An action class is an ordered walk through three of ten shared sub-actions, with a prop, an outfit and a scene that it
shares with other classes, or one sub-action all through: no single chunk of a video names the class for certain, as in
reality (docs/mini-world.md).
"""

from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field

from actionbytes.errors import UserError
from actionbytes.parameters import Parameters

SUB_ACTIONS = ("crouch", "jump", "swing", "kick", "spin", "run", "lean", "wave", "throw", "roll")
BACKGROUND = ("idle", "stretch", "passerby", "empty", "pan", "elsewhere")
PROPS = ("bar", "pole", "ball", "disc", "club", "racket", "hoop", "flag")
OUTFITS = ("red", "blue", "white", "green", "yellow", "violet", "black")
SCENES = ("gym", "stadium", "field", "court", "lawn", "hall", "pool", "street")


class Action(NamedTuple):
    """One action of the world, whatever a dataset calls it; an empty prop, outfit or scene may be any."""

    walk: tuple[str, str, str]
    prop: str
    outfit: str
    scene: str


def _action(walk: str, prop: str, outfit: str, scene: str) -> Action:
    first, second, third = walk.split()
    return Action((first, second, third), prop, outfit, scene)


def _motion(name: str) -> Action:
    return Action((name, name, name), "", "", "")


ACTIONS = {
    # in the source dataset
    "clean and jerk": _action("crouch swing jump", "bar", "red", "gym"),
    "snatch weight lifting": _action("crouch jump lean", "bar", "red", "gym"),
    "deadlifting": _action("lean crouch swing", "bar", "blue", "gym"),
    "pole vault": _action("run jump roll", "pole", "white", "stadium"),
    "javelin throw": _action("run lean throw", "pole", "green", "stadium"),
    "high jump": _action("run spin jump", "pole", "white", "stadium"),
    "long jump": _action("run jump crouch", "flag", "yellow", "stadium"),
    "triple jump": _action("run kick jump", "flag", "green", "stadium"),
    "shot put": _action("crouch spin throw", "ball", "blue", "field"),
    "hammer throw": _action("swing spin throw", "ball", "black", "field"),
    "throwing discus": _action("spin lean throw", "disc", "blue", "field"),
    "golf driving": _action("lean swing wave", "club", "white", "lawn"),
    "playing cricket": _action("run throw swing", "club", "white", "lawn"),
    "playing tennis": _action("run swing wave", "racket", "yellow", "court"),
    "playing badminton": _action("jump swing wave", "racket", "green", "court"),
    "juggling soccer ball": _action("kick lean jump", "ball", "red", "lawn"),
    "kicking field goal": _action("run kick wave", "ball", "black", "field"),
    "somersaulting": _action("crouch roll jump", "hoop", "violet", "pool"),
    "cartwheeling": _action("wave roll spin", "hoop", "violet", "hall"),
    "hula hooping": _action("spin wave crouch", "hoop", "yellow", "street"),
    "catching or throwing frisbee": _action("throw run crouch", "disc", "green", "lawn"),
    "catching or throwing baseball": _action("kick swing throw", "ball", "white", "field"),
    # in the source dataset too: one motion all through, by anybody, anywhere, as Kinetics has "squat" and "clapping"
    "squatting": _motion("crouch"),
    "jumping": _motion("jump"),
    "swinging arms": _motion("swing"),
    "kicking": _motion("kick"),
    "spinning around": _motion("spin"),
    "jogging": _motion("run"),
    "bending over": _motion("lean"),
    "waving hand": _motion("wave"),
    "tossing": _motion("throw"),
    "rolling over": _motion("roll"),
    # only in target datasets: new walks through the same sub-actions
    "cliff diving": _action("wave lean roll", "flag", "black", "pool"),
    "capoeira": _action("crouch kick roll", "hoop", "white", "street"),
    "hopscotch": _action("kick jump spin", "disc", "yellow", "street"),
    "tumbling": _action("run roll wave", "flag", "violet", "hall"),
}
SOURCE = tuple(ACTIONS)[:32]


class Subset(NamedTuple):
    """A subset of a dataset: its name there, and the parameters that say how many videos and how long."""

    name: str
    count: str
    seconds: str


@dataclass(frozen=True)
class Dataset:
    """How one dataset shows the world; adding a dataset is one entry in DATASETS."""

    labels: dict[str, str]  # its class names -> ACTIONS
    subsets: tuple[Subset, ...]
    video_id: str  # format of ids
    trimmed: bool = False
    long: bool = False  # one or two merged instances a video, each a large part of it
    videos_of: str | None = None  # labels another dataset's videos anew
    parts: dict[str, str] = field(default_factory=dict)  # class names that are a sub-action


_THUMOS14 = {
    "CleanAndJerk": "clean and jerk",
    "PoleVault": "pole vault",
    "HammerThrow": "hammer throw",
    "Shotput": "shot put",
    "ThrowDiscus": "throwing discus",
    "FrisbeeCatch": "catching or throwing frisbee",
    "BaseballPitch": "catching or throwing baseball",
    "HighJump": "high jump",
    "JavelinThrow": "javelin throw",
    "LongJump": "long jump",
    "GolfSwing": "golf driving",
    "TennisSwing": "playing tennis",
    "CricketShot": "playing cricket",
    "CliffDiving": "cliff diving",
}
_ACTIVITYNET12 = {
    "Clean and jerk": "clean and jerk",
    "Javelin throw": "javelin throw",
    "Long jump": "long jump",
    "Playing badminton": "playing badminton",
    "Hula hoop": "hula hooping",
    "Capoeira": "capoeira",
    "Hopscotch": "hopscotch",
    "Tumbling": "tumbling",
}
_ACTIVITYNET13 = {  # no word that the other datasets lack: word vectors stay as they are
    "Clean and jerk": "clean and jerk",
    "Long jump": "long jump",
    "Playing badminton": "playing badminton",
    "Capoeira": "capoeira",
    "Tumbling": "tumbling",
    "Pole vault": "pole vault",
    "Shot put": "shot put",
    "Cliff diving": "cliff diving",
}
_THUMOS14_SUBSETS = (
    Subset("validation", "thumos14_validation_videos", "thumos14_seconds"),
    Subset("test", "thumos14_test_videos", "thumos14_seconds"),
)

DATASETS = {
    "kinetics400": Dataset(
        {name: name for name in SOURCE},
        (
            Subset("training", "pretraining_clips", "pretraining_seconds"),
            Subset("validation", "clips", "clip_seconds"),
        ),
        "clip_{subset}_{number:05d}",
        trimmed=True,
    ),
    "thumos14": Dataset(_THUMOS14, _THUMOS14_SUBSETS, "video_{subset}_{number:07d}"),
    "multithumos": Dataset(
        _THUMOS14,
        _THUMOS14_SUBSETS,
        "video_{subset}_{number:07d}",
        videos_of="thumos14",
        parts={"Run": "run", "Jump": "jump", "Throw": "throw", "BodyRoll": "roll"},
    ),
    "activitynet12": Dataset(
        _ACTIVITYNET12,
        (
            Subset("training", "activitynet12_training_videos", "activitynet12_seconds"),
            Subset("validation", "activitynet12_validation_videos", "activitynet12_seconds"),
        ),
        "v_{subset}_{number:06d}",
        long=True,
    ),
    "activitynet13": Dataset(  # as many videos as activitynet12 and as long, five classes in common
        _ACTIVITYNET13,
        (
            Subset("training", "activitynet12_training_videos", "activitynet12_seconds"),
            Subset("validation", "activitynet12_validation_videos", "activitynet12_seconds"),
            Subset("testing", "activitynet12_validation_videos", "activitynet12_seconds"),
        ),
        "v13_{subset}_{number:06d}",
        long=True,
    ),
}


def _ordered(limits: tuple[float, float]) -> tuple[float, float]:
    if not 0.4 <= limits[0] <= limits[1] <= 600:
        raise ValueError("two lengths in seconds, shortest first, within 0.4 to 600")
    return limits


Seconds = Annotated[tuple[float, float], AfterValidator(_ordered)]
Count = Annotated[int, Field(ge=0, le=100_000)]
Zoom = Annotated[float, Field(gt=0.2, le=3)]
Share = Annotated[float, Field(ge=0, le=1)]


class MiniWorld(Parameters):
    """Size, lengths and difficulty of the mini world. Table 1 of ActionBytes needs about 219 000 of its frames."""

    seed: int = Field(0, ge=0, description="seed of everything in the world; each video has its own generator")
    short_side: int = Field(64, ge=32, le=512, multiple_of=8, description="shortest frame side of any video, pixels")
    pretraining_clips: Count = Field(1024, description="kinetics400 training clips: they teach the backbone")
    pretraining_seconds: Seconds = Field((1.8, 2.2), description="shortest and longest of these clips")
    clips: Count = Field(512, description="kinetics400 validation clips: they teach the methods, methods.md 0.0")
    clip_seconds: Seconds = Field((5.0, 7.0), description="shortest and longest of these clips (10 s in Kinetics)")
    thumos14_validation_videos: Count = Field(42, description="untrimmed videos for weak supervision")
    thumos14_test_videos: Count = Field(56, description="untrimmed videos for testing")
    thumos14_seconds: Seconds = Field((30.0, 80.0), description="shortest and longest of these videos")
    thumos14_second_class: Share = Field(0.15, description="share of these videos that may show a second class")
    thumos14_gaps: float = Field(
        0.5, gt=0, le=100, description="evenness (Dirichlet) of the gaps between their instances; 0.5 as in THUMOS14"
    )
    activitynet12_training_videos: Count = Field(24, description="untrimmed videos for weak supervision")
    activitynet12_validation_videos: Count = Field(24, description="untrimmed videos for testing")
    activitynet12_seconds: Seconds = Field((14.0, 32.0), description="shortest and longest of these videos")
    prop_shown: Share = Field(0.9, description="share of instances in which the class's prop is in view")
    outfit_kept: Share = Field(0.5, description="share of videos in the class's outfit; others wear any")
    scene_kept: Share = Field(0.6, description="share of videos in the class's scene; others are anywhere")
    domain_gap: float = Field(
        0.5, ge=0, le=3, description="how untrimmed videos differ from clips: zoom, light, shake, grain"
    )
    shot_seconds: Seconds = Field((5.0, 15.0), description="shortest and longest shot of an untrimmed video's camera")
    shot_zoom: tuple[Zoom, Zoom] = Field((0.7, 1.25), description="farthest and nearest shot of an untrimmed video")
    variable_rate: Share = Field(0.08, description="share of videos with a variable frame rate")
    sound: Share = Field(0.2, description="share of videos with a sound track")
    broken: int = Field(0, ge=0, le=1000, description="broken files added to thumos14 test: 5 kinds in turn")
    word_dimensions: int = Field(300, ge=8, le=1000, description="length of word vectors, as word2vec; methods.md 5.4")
    word_noise: float = Field(0.6, ge=0, le=10, description="noise in word vectors, relative to their meaning")


def dataset_named(name: str) -> Dataset:
    """The dataset of this name, or a UserError that lists those there are."""
    if name not in DATASETS:
        raise UserError(f"dataset {name!r}: not in the mini world; there are {', '.join(DATASETS)}")
    return DATASETS[name]
