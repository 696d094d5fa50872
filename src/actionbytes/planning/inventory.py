"""Everything that the current recipes name: what DVC's stages make, and what `recipe prune` must not touch."""

import json
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from actionbytes.errors import UserError
from actionbytes.files import read_json, write_text
from actionbytes.locks import lock_workflow
from actionbytes.planning.artifacts import FrameSet
from actionbytes.planning.datasets import DatasetMissing, NotInSuite
from actionbytes.planning.plan import Plan
from actionbytes.planning.results import KEYS, RESULTS
from actionbytes.planning.runs import lineage
from actionbytes.recipes import is_named_after
from actionbytes.reporting.inputs import FigureInputs

DIGEST = "-[0-9a-f]{10}"  # how a name ends that a recipe gave
WITHOUT_RECIPE = {  # how the names of artifacts look in which no recipe.json lies, by the folder above them
    "labels": f"(world|own){DIGEST}",
    "frames": rf"[\d.e+-]+fps-\d+px{DIGEST}",
    "flow": f"(tvl1|opencv|tvl1_torch){DIGEST}",
    "stills": rf"\w+-\d+{DIGEST}\.h5",
    "exclusions": rf"\w+-without-\w+{DIGEST}\.csv",
    "words": rf"words-world{DIGEST}\.bin",
}
TABLE_FILES = (".csv", ".md", ".tex", ".html", ".provenance.json")
FIGURE_FILES = (".png", ".pdf", ".csv", ".provenance.json")


@dataclass(frozen=True)
class StageFiles:
    """The files that each stage of dvc.yaml makes, sorted: what all tables and figures together need."""

    features: list[Path]
    runs: list[Path]
    tables: list[Path]
    figures: list[Path]


@dataclass
class Needed:
    """The files of the first two stages that results need."""

    features: set[Path] = field(default_factory=set)
    runs: set[Path] = field(default_factory=set)

    def add(self, other: "Needed") -> None:
        """Take in what another result needs."""
        self.features |= other.features
        self.runs |= other.runs


def stage_files(plan: Plan) -> StageFiles:
    """What all tables and figures need, by stage. It only names files, so nothing has to be there.

    A result that needs a dataset that this suite or machine does not have is left out.
    """
    results, needed = plan.results, Needed()
    for result in [*results.tables, *results.figures]:
        with suppress(DatasetMissing):
            needed.add(_needed_by(plan, result))
    tables = {RESULTS / f"{table}{suffix}" for table in results.tables for suffix in TABLE_FILES}
    for table in results.tables:
        tables |= {RESULTS / "metrics" / table, RESULTS / "curves" / f"{table}.csv"}
    figures = {results.picture(figure).with_suffix(suffix) for figure in results.figures for suffix in FIGURE_FILES}
    return StageFiles(sorted(needed.features), sorted(needed.runs), sorted(tables), sorted(figures))


def _needed_by(plan: Plan, result: str) -> Needed:
    """The files of the first two stages that one table or figure needs."""
    needed = Needed()
    if result in plan.results.figures:
        needed.add(_drawn_from(plan.results.figure_inputs(result)))
    for entry in plan.results.shown(result):
        detections = plan.results.detections_of(entry)
        needed.features |= {*detections.inputs, detections.listing, detections.labels}
        needed.features |= {plan.runs.words} if plan.world and detections.transfer else set()
        feature_sets = [detections.features]
        for run in lineage(detections.run):
            needed.features |= {*run.inputs, *(source.labels for source in run.sources.values())}
            needed.runs |= {run.model(entry.seed), *run.exclusions}
            feature_sets += run.features
        needed.features |= {
            path
            for features in feature_sets
            if plan.extraction.pretrained(features.kind.network)  # published weights are the user's
            for path in features.weights.values()
        }
        needed.runs |= {
            detections.detections(entry.seed),
            detections.scores(entry.seed),
            detections.metrics(entry.seed),
        }
    return needed


def _drawn_from(inputs: FigureInputs) -> Needed:
    stills = {inputs.stills} if inputs.stills else set()
    return Needed({*inputs.truth, *inputs.features, *stills}, set(inputs.models))


def write_stage_keys(plan: Plan) -> list[Path]:
    """Write `results/.keys/stage-<stage>.json` for DVC, each only if its content differs.

    A path names its recipe, so the names alone say when a stage has something to make: DVC's stages depend on these
    files, and a comment in the code, another machine or another number of cores changes none of them.

    Returns:
        The files that changed.
    """
    files, results = stage_files(plan), plan.results
    keys = {
        "features": [str(path) for path in files.features],
        "runs": [str(path) for path in files.runs],
        "tables": {table: results.key(table) for table in results.tables},
        "figures": {figure: results.key(figure) for figure in results.figures},
    }
    changed = []
    for stage, content in keys.items():
        path = plan.root / KEYS / f"stage-{stage}.json"
        text = json.dumps(content, indent=1, sort_keys=True) + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
            changed.append(path)
    return changed


def current_artifacts(plan: Plan) -> set[Path]:
    """Every folder or file under a recipe's name that some experiment of the active suite names."""
    named = {plan.runs.words} if plan.world else set()
    for experiment in plan.runs.experiments:
        with suppress(NotInSuite):  # but of a dataset whose videos are not listed here nothing may be dropped
            named |= _named_by(plan, experiment)
    for figure in plan.results.figures:
        with suppress(NotInSuite):
            if stills := plan.results.stills(figure):
                named.add(stills.file)
    for frames in plan.at.frame_sets():
        named |= {frames.home / "frames" / frames.frames_recipe.name, frames.home / "flow" / frames.flow_recipe.name}
    named |= {pretrained.folder for pretrained in plan.at.pretrained_sets()}
    for dataset in plan.datasets.values():
        named |= {dataset.labels.parent, dataset.marker}
    return named


def _named_by(plan: Plan, experiment: str) -> set[Path]:
    named: set[Path] = set()
    for run in lineage(plan.runs.run(experiment)):
        named |= {run.folder, *run.exclusions, *(features.folder for features in run.features)}
    for target in plan.runs.targets(experiment):
        detections = plan.runs.detections(experiment, target)
        named.add(detections.features.folder)
        named |= {detections.folder(seed) for seed in plan.runs.seeds(experiment)}
    return named


def unnamed(plan: Plan) -> dict[Path, int]:
    """Artifacts of the active suite that no current recipe names or needs, with their sizes in bytes."""
    data, runs = plan.data, RESULTS / "runs" / plan.config.suite
    patterns = {
        **{data / part / "*": part for part in ("weights", "labels")},
        data / "words-world-*.bin": "words",
        **{data / "*" / part / "*": part for part in ("frames", "flow", "features", "stills")},
        RESULTS / "exclusions" / plan.config.suite / "*": "exclusions",
        runs / "*": "runs",
        runs / "*" / "seed*" / "*" / "*": "detections",
    }
    current = current_artifacts(plan)
    sizes: dict[Path, int] = {}
    for pattern, kind in patterns.items():
        for path in sorted(plan.root.glob(str(pattern))):
            inside = path.relative_to(plan.root)
            covered = inside in current or any(parent in sizes for parent in inside.parents)
            if not covered and _is_artifact(path, kind):
                sizes[inside] = _size(path)
    return sizes | {path: _size(plan.root / path) for path in _used_up(plan)}


def _is_artifact(path: Path, kind: str) -> bool:
    """Whether the workflow has made this: not every folder with such a name is ours to delete."""
    if kind in WITHOUT_RECIPE:
        return re.fullmatch(WITHOUT_RECIPE[kind], path.name) is not None
    try:
        return is_named_after(path.name, read_json(path / "recipe.json")) is True
    except UserError:
        return False


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [below for below in path.rglob("*") if below.is_file()]
    return sum(file.stat().st_size for file in files)


def _used_up(plan: Plan) -> Iterator[Path]:
    """Frames and flow of shards that an interrupted run has left, though all that is made from them is there."""
    made: dict[Path, list[set[Path]]] = defaultdict(
        list
    )  # folder of a shard -> for each user, the files it makes of it
    for features in plan.at.feature_sets():
        for shard, files in _shards(plan, features.frames):
            for folder in files:
                made[folder].append({features.folder / f"{shard}.h5"})
    for pretrained in plan.at.pretrained_sets():
        for _, files in _shards(plan, pretrained.frames):
            for folder in files:
                made[folder].append({pretrained.file(stream) for stream in ("rgb", "flow")})
    for folder, users in sorted(made.items()):
        if all((plan.root / file).exists() for files in users for file in files):
            yield folder


def _shards(plan: Plan, frames: FrameSet) -> Iterator[tuple[str, list[Path]]]:
    """The shards of which frames or flow are there, whole or begun, with these folders."""
    folders: dict[str, list[Path]] = defaultdict(list)
    for of in (frames.frames_of, frames.flow_of):
        for path in (plan.root / of("")).glob("*"):
            folders[path.name.removesuffix(".partial")].append(path.relative_to(plan.root))
    yield from folders.items()


def delete(plan: Plan, paths: Iterable[Path]) -> None:
    """Delete artifacts; of a link, the link and not what it points to.

    Raises:
        UserError: The workflow is running in this folder.
    """
    with lock_workflow(plan.root):
        for path in (plan.root / path for path in paths):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
