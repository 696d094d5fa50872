"""What is at a path: artifacts by the names that a path holds, as Snakemake's wildcards give them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeVar

from actionbytes.errors import UserError
from actionbytes.planning.artifacts import DetectionSet, Exclusions, FeatureSet, FrameSet, Pretrained, RunSet, Stills
from actionbytes.planning.datasets import DatasetMissing
from actionbytes.planning.extraction import Extraction
from actionbytes.planning.results import Results
from actionbytes.planning.runs import Runs, lineage

Artifact = TypeVar("Artifact")


class Lookup:
    """Every artifact that some experiment names, by the names in its path.

    Each method raises UserError for what no current recipe makes. What needs a dataset that is not here is left out.

    Args:
        extraction: What features are made from.
        runs: Runs and detections.
        results: Tables and figures.
    """

    def __init__(self, extraction: Extraction, runs: Runs, results: Results) -> None:
        self._extraction, self._runs, self._results = extraction, runs, results

    def frames(self, dataset: str, recipe: str) -> FrameSet:
        """Frames, by dataset and their recipe."""
        return _named(self._frames_by_name, (dataset, recipe))

    def flow(self, dataset: str, recipe: str) -> FrameSet:
        """Flow, by dataset and its recipe."""
        return _named(self._flow_by_name, (dataset, recipe))

    def pretrained(self, recipe: str) -> Pretrained:
        """Weights that are trained here."""
        return _named(self._pretrained_by_name, recipe)

    def features(self, dataset: str, recipe: str) -> FeatureSet:
        """Features, by dataset and recipe."""
        return _named(self._features_by_name, (dataset, recipe))

    def run(self, recipe: str) -> RunSet:
        """Training runs."""
        return _named(self._runs_by_name, recipe)

    def exclusions(self, recipe: str) -> Exclusions:
        """A list of classes that zero-shot leaves out."""
        lists = [source.exclusions for run in self._runs_by_name.values() for source in run.sources.values()]
        return _named({exclusions.recipe.name: exclusions for exclusions in lists if exclusions}, recipe)

    def detections(self, run: str, target: str, recipe: str) -> DetectionSet:
        """Detections, by their run's recipe, the dataset and their own recipe."""
        return _named(self._detections_by_name, (run, target, recipe))

    def stills(self, dataset: str, recipe: str) -> Stills:
        """Frames of a few videos, by dataset and recipe."""
        planned = _plannable(self._results.stills, ((name,) for name in self._results.figures))
        return _named({(stills.dataset, stills.recipe.name): stills for stills in planned if stills}, (dataset, recipe))

    def feature_sets(self) -> list[FeatureSet]:
        """All features."""
        return list(self._features_by_name.values())

    def frame_sets(self) -> list[FrameSet]:
        """All frames and flow."""
        return list(self._frames_by_name.values())

    def pretrained_sets(self) -> list[Pretrained]:
        """All weights that are trained here."""
        return list(self._pretrained_by_name.values())

    @cached_property
    def _detections_by_name(self) -> Mapping[tuple[str, str, str], DetectionSet]:
        pairs = ((name, target) for name in self._runs.experiments for target in self._runs.targets(name))
        planned = _plannable(self._runs.detections, pairs)
        return {(each.run.recipe.name, each.target, each.recipe.name): each for each in planned}

    @cached_property
    def _runs_by_name(self) -> Mapping[str, RunSet]:
        planned = _plannable(self._runs.run, ((name,) for name in self._runs.experiments))
        return {run.recipe.name: run for first in planned for run in lineage(first)}

    @cached_property
    def _features_by_name(self) -> Mapping[tuple[str, str], FeatureSet]:
        used = [detections.features for detections in self._detections_by_name.values()]
        used += [features for run in self._runs_by_name.values() for features in run.features]
        return {(features.dataset, features.recipe.name): features for features in used}

    @cached_property
    def _pretrained_by_name(self) -> Mapping[str, Pretrained]:
        planned = _plannable(self._extraction.pretrained, ((name,) for name in self._extraction.suite.networks))
        return {pretrained.recipe.name: pretrained for pretrained in planned if pretrained}

    @cached_property
    def _all_frames(self) -> list[FrameSet]:
        frames = [features.frames for features in self._features_by_name.values()]
        return frames + [pretrained.frames for pretrained in self._pretrained_by_name.values()]

    @cached_property
    def _frames_by_name(self) -> Mapping[tuple[str, str], FrameSet]:
        return {(frames.dataset, frames.frames_recipe.name): frames for frames in self._all_frames}

    @cached_property
    def _flow_by_name(self) -> Mapping[tuple[str, str], FrameSet]:
        return {(frames.dataset, frames.flow_recipe.name): frames for frames in self._all_frames}


def _named(artifacts: Mapping[Any, Artifact], name: Any) -> Artifact:
    """The artifact of a name."""
    if name not in artifacts:
        raise UserError(f"{name}: no current recipe makes this; see params.yaml and papers/*.yaml")
    return artifacts[name]


def _plannable(plan: Callable[..., Artifact], arguments: Iterable[tuple[str, ...]]) -> Iterator[Artifact]:
    """What can be planned with the datasets that are here."""
    for each in arguments:
        with suppress(DatasetMissing):
            yield plan(*each)
