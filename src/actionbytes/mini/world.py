"""What there is in the mini world: sub-actions, action classes, datasets and their parameters.

An action class is an ordered walk through three of ten shared sub-actions, with a prop, an outfit and a scene that
other classes have too, or one sub-action throughout. As in real videos, no single snippet identifies the class for
certain (docs/mini-world.md).
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
    """One action of the world, whatever a dataset calls it; an empty prop, outfit or scene stands for any."""

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
    # also in the source dataset: one motion throughout, in any outfit and scene, like "squat" in Kinetics
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


@dataclass(frozen=True)
class Subset:
    """A subset of a dataset, and the fields of `MiniWorld` that say how many videos it has and how long they are."""

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
    videos_of: str | None = None  # the dataset whose videos this one annotates with other classes
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
_ACTIVITYNET13 = {  # only words of the other datasets: a new word would change all word vectors
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
    """Size and difficulty of the mini world. ActionBytes Table 1 needs about 219 000 of its frames."""

    seed: int = Field(0, ge=0, description="Seed of the whole world; each video has its own generator.")
    short_side: int = Field(64, ge=32, le=512, multiple_of=8, description="Shortest side of any frame, in pixels.")
    pretraining_clips: Count = Field(1024, description="Number of kinetics400 training clips; they train the backbone.")
    pretraining_seconds: Seconds = Field((1.8, 2.2), description="Shortest and longest training clip, in seconds.")
    clips: Count = Field(
        512,
        description="Number of kinetics400 validation clips; the methods learn from them, as in the ActionBytes paper.",
    )
    clip_seconds: Seconds = Field((5.0, 7.0), description="Shortest and longest validation clip, in seconds.")
    thumos14_validation_videos: Count = Field(42, description="Number of untrimmed thumos14 videos to learn from.")
    thumos14_test_videos: Count = Field(56, description="Number of untrimmed thumos14 videos to test on.")
    thumos14_seconds: Seconds = Field((30.0, 80.0), description="Shortest and longest thumos14 video, in seconds.")
    thumos14_second_class: Share = Field(0.15, description="Share of thumos14 videos that may show a second class.")
    thumos14_gaps: float = Field(
        0.5,
        gt=0,
        le=100,
        description="Evenness of the gaps between thumos14 instances: concentration of a Dirichlet distribution; 0.5 "
        "fits the gaps of the real THUMOS14.",
    )
    activitynet12_training_videos: Count = Field(
        24, description="Number of untrimmed videos to learn from, in activitynet12 and activitynet13 each."
    )
    activitynet12_validation_videos: Count = Field(
        24, description="Number of untrimmed videos to test on, in activitynet12 and activitynet13 each."
    )
    activitynet12_seconds: Seconds = Field(
        (14.0, 32.0), description="Shortest and longest activitynet video, in seconds."
    )
    prop_shown: Share = Field(0.9, description="Share of instances in which the prop of the class is in view.")
    outfit_kept: Share = Field(0.5, description="Share of videos in the outfit of the class; others: any.")
    scene_kept: Share = Field(0.6, description="Share of videos in the scene of the class; others: any.")
    domain_gap: float = Field(
        0.5,
        ge=0,
        le=3,
        description="How much untrimmed videos differ from clips in zoom, light, shake and grain; 0: not at all.",
    )
    shot_seconds: Seconds = Field((5.0, 15.0), description="Shortest and longest shot in untrimmed videos, in seconds.")
    shot_zoom: tuple[Zoom, Zoom] = Field(
        (0.7, 1.25),
        description="Smallest and largest zoom of a shot in untrimmed videos; 1 is the view of a clip.",
    )
    variable_rate: Share = Field(0.08, description="Share of videos with a variable frame rate.")
    sound: Share = Field(0.2, description="Share of videos with a sound track.")
    broken: int = Field(
        0,
        ge=0,
        le=1000,
        description="Number of damaged files added to thumos14 test, of five kinds in turn.",
    )
    word_dimensions: int = Field(
        300, ge=8, le=1000, description="Dimension of the word vectors; 300 as in the Google News vectors of word2vec."
    )
    word_noise: float = Field(
        0.6, ge=0, le=10, description="Size of the noise in word vectors, relative to their meaning."
    )


def dataset_named(name: str) -> Dataset:
    """The dataset of this name; a UserError lists the known names if there is none."""
    if name not in DATASETS:
        raise UserError(f"dataset {name!r}: not in the mini world; there are {', '.join(DATASETS)}")
    return DATASETS[name]
