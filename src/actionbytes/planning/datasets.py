"""Datasets: one class for each nature of a dataset, all with the same questions.

A dataset is rendered, made of a user's own videos, or published. Another nature is another class here, named in
`NATURES`. No video is opened; own videos are hashed, since their content is part of every name that depends on them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

from actionbytes.data.annotations import nearest, same_subset
from actionbytes.data.manifests import Entry, listed_content, read_manifest
from actionbytes.data.own import OwnData, own_data
from actionbytes.errors import UserError
from actionbytes.files import file_digest
from actionbytes.planning.params import DatasetParameters, Suite
from actionbytes.recipes import Recipe


class DatasetMissing(UserError):
    """A dataset that this machine does not have; what needs it cannot be planned, all else can."""


class NotInSuite(DatasetMissing):
    """A dataset that the active suite does not declare: nothing of it is ever made."""


@dataclass(frozen=True)
class Dataset(ABC):
    """A dataset of the active suite.

    Attributes:
        name: As params.yaml has it.
        declared: What params.yaml says about it.
        suite: Name of the suite.
        root: Folder of the project, below which all paths are.
        place: Where it is declared; errors begin with it.
    """

    name: str
    declared: DatasetParameters
    suite: str
    root: Path
    place: str

    @classmethod
    @abstractmethod
    def of(cls, name: str, declared: DatasetParameters, suite_name: str, suite: Suite, root: Path) -> Self | None:
        """The dataset, if it is of this nature."""

    @property
    def home(self) -> Path:
        """Its folder: annotations, video list, and features (of its own or of another's videos)."""
        return Path("data") / self.suite / self.name

    @property
    def annotations(self) -> Path:
        """The annotations that lie with the videos."""
        return self.home / "annotations.json"

    @property
    @abstractmethod
    def marker(self) -> Path:
        """The file that says that its videos and annotations are there."""

    @property
    @abstractmethod
    def labels(self) -> Path:
        """The annotations that learning and evaluation read; they need no videos."""

    @property
    def truth(self) -> list[Path]:
        """What a picture reads as truth: the labels and, where there are any, the parts of actions."""
        return [self.labels]

    @property
    @abstractmethod
    def labels_fingerprint(self) -> str:
        """What decides its labels."""

    @property
    @abstractmethod
    def videos_fingerprint(self) -> str:
        """What decides the content of its videos."""

    @property
    def brought(self) -> list[Path]:
        """The files and folders that a user brings."""
        return []

    def require_subset(self, place: str, subset: str) -> None:  # noqa: B027 - a file would have to be opened
        """Raise UserError if it is known without opening a file that there is no such subset."""

    def located(self, entries: Sequence[Entry]) -> list[Entry]:
        """Entries of its video list with files relative to `home`, or absolute."""
        return list(entries)


@dataclass(frozen=True)
class Rendered(Dataset):
    """A dataset of the mini world."""

    world: Recipe

    @classmethod
    def of(cls, name: str, declared: DatasetParameters, suite_name: str, suite: Suite, root: Path) -> Self | None:
        """Every dataset of a suite with a world whose videos are not a user's own."""
        world = world_of(suite)
        return None if world is None or declared.own else cls(name, declared, suite_name, root, "", world)

    @property
    def marker(self) -> Path:
        """Written last when the videos of this world are rendered."""
        return self.home / f"{self.world.name}.json"

    @property
    def labels(self) -> Path:
        """A copy of the annotations under the world's name."""
        return Path("data") / self.suite / "labels" / self.world.name / f"{self.name}.json"

    @property
    def truth(self) -> list[Path]:
        """The labels, and which part of an action is seen when."""
        return [self.labels, self.labels.with_suffix(".sub_actions.json")]

    @property
    def labels_fingerprint(self) -> str:
        """The world decides both videos and labels."""
        return self.videos_fingerprint

    @property
    def videos_fingerprint(self) -> str:
        """The world's recipe and the dataset's name."""
        return f"{self.world.name}/{self.name}"


@dataclass(frozen=True)
class Own(Dataset):
    """A dataset of videos in a user's own folders (docs/own-data.md)."""

    @classmethod
    def of(cls, name: str, declared: DatasetParameters, suite_name: str, suite: Suite, root: Path) -> Self | None:
        """Every dataset that names `clips` or `videos`."""
        place = f"params.yaml: {suite_name}.datasets.{name}"
        return cls(name, declared, suite_name, root, place) if declared.own else None

    @cached_property
    def data(self) -> OwnData:
        """The videos, listed and hashed once."""
        clips = self.root / self.declared.clips if self.declared.clips else None
        videos = self.root / self.declared.videos if self.declared.videos else None
        truth = self.root / self.declared.annotations if self.declared.annotations else None
        return own_data(self.place, self.root / self.home, clips, self.declared.subset, videos, truth)

    @property
    def marker(self) -> Path:
        """Written last when the videos as they are now have been listed."""
        return self.home / self.data.marker.name

    @property
    def labels(self) -> Path:
        """A copy of the annotations under the name of what they say."""
        return Path("data") / self.suite / "labels" / self.data.marker.stem / f"{self.name}.json"

    @property
    def labels_fingerprint(self) -> str:
        """Labels may change while the videos, and so the features, stay."""
        return f"own-{self.data.labels}"

    @property
    def videos_fingerprint(self) -> str:
        """The videos' names, subsets and hashes."""
        return f"own-{self.data.content}"

    def require_subset(self, place: str, subset: str) -> None:
        """Raise UserError if no video is in the subset, with the spelling that was perhaps meant."""
        subsets = {row.subset for row in self.data.rows}
        if subset not in subsets:
            usual = same_subset(subset)
            hint = f"write {usual!r}" if usual in subsets else nearest(subset, sorted(subsets))
            raise UserError(f"{place}: dataset {self.name!r} has no subset {subset!r}; {hint}")

    def located(self, entries: Sequence[Entry]) -> list[Entry]:
        """Entries with the absolute paths of their files, which must be what was listed."""
        return [replace(entry, file=str(self.data.unchanged(entry).resolve())) for entry in entries]


@dataclass(frozen=True)
class Published(Dataset):
    """A benchmark whose videos and annotations a user puts into its folder (data/README.md)."""

    @classmethod
    def of(cls, name: str, declared: DatasetParameters, suite_name: str, suite: Suite, root: Path) -> Self | None:
        """Every other dataset of a suite of real videos."""
        return None if suite.world or declared.own else cls(name, declared, suite_name, root, "")

    @property
    def marker(self) -> Path:
        """The list of its videos."""
        return self.home / "videos.csv"

    @property
    def labels(self) -> Path:
        """The annotations as they were put there."""
        return self.annotations

    @cached_property
    def labels_fingerprint(self) -> str:
        """Digest of the annotations."""
        return self._digest(
            self.labels, f"put the annotations there, then run `actionbytes index {self.root / self.home}`"
        )

    @cached_property
    def videos_fingerprint(self) -> str:
        """Digest of the list, which holds the hash of every video."""
        home = self.root / self.home
        return self._digest(
            self.marker,
            f"put the videos into {home / 'videos'} and the annotations into {home / 'annotations.json'}, then run "
            f"`actionbytes index {home}`",
        )

    def require_subset(self, place: str, subset: str) -> None:
        """Raise DatasetMissing if no listed video is in the subset: no hours for empty shards."""
        if self._subsets is not None and same_subset(subset) not in self._subsets:
            hint = nearest(subset, sorted(self._subsets))
            raise DatasetMissing(f"{place}: {self.marker} has no video of subset {subset!r}; {hint}")

    @cached_property
    def _subsets(self) -> set[str] | None:
        """The subsets of the list; None while there is no list."""
        path = self.root / self.marker
        return {same_subset(entry.subset) for entry in read_manifest(path)} if path.exists() else None

    def located(self, entries: Sequence[Entry]) -> list[Entry]:
        """Entries of its list, whose files must be what was listed."""
        return listed_content(self.root / self.home, entries)

    @property
    def brought(self) -> list[Path]:
        """Annotations, list and videos."""
        return [self.annotations, self.marker, self.home / "videos"]

    def _digest(self, file: Path, remedy: str) -> str:
        path = self.root / file
        if not path.exists():
            raise DatasetMissing(f"{path}: no such file; {remedy}")
        return file_digest(path)


NATURES: tuple[type[Dataset], ...] = (Own, Rendered, Published)


def world_of(suite: Suite) -> Recipe | None:
    """Recipe of a suite's mini world; None in a suite of real videos."""
    return Recipe("render", "world", {"world": suite.world}) if suite.world else None


class Datasets(Mapping[str, Dataset]):
    """The datasets of the active suite, by name."""

    def __init__(self, suite_name: str, suite: Suite, root: Path) -> None:
        self._datasets: dict[str, Dataset] = {}
        self._suite_name = suite_name
        for name, declared in suite.datasets.items():
            for nature in NATURES:
                if dataset := nature.of(name, declared, suite_name, suite, root):
                    self._datasets[name] = dataset
                    break

    def __getitem__(self, name: str) -> Dataset:
        """A dataset; NotInSuite where the suite has none of that name."""
        if name not in self._datasets:
            declared = ", ".join(self._datasets)
            raise NotInSuite(f"dataset {name!r} is not in suite {self._suite_name!r}; params.yaml declares {declared}")
        return self._datasets[name]

    def __contains__(self, name: object) -> bool:
        return name in self._datasets

    def __iter__(self) -> Iterator[str]:
        return iter(self._datasets)

    def __len__(self) -> int:
        return len(self._datasets)

    def videos_of(self, name: str) -> Dataset:
        """The dataset whose videos and features a dataset uses: itself, unless it labels another's anew."""
        return self[self[name].declared.videos_of or name]
