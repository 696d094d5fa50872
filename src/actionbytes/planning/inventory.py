"""Everything that the current recipes name: what DVC's stages make, and what `recipe prune` must not touch."""

import fcntl
import json
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from actionbytes.errors import UserError
from actionbytes.files import write_text
from actionbytes.planning.artifacts import FeatureSet, Localized, Run
from actionbytes.planning.making import NotInSuite, NotThere
from actionbytes.planning.plan import KEYS, Plan

NAMED = r"[\w.-]+-[0-9a-f]{10}(\.bin|\.h5|\.csv)?"  # how a name ends that a recipe gave
TABLE_FILES = (".csv", ".md", ".tex", ".html", ".provenance.json")
FIGURE_FILES = (".png", ".pdf", ".csv", ".provenance.json")


@dataclass(frozen=True)
class Wanted:
    """The files that a stage of dvc.yaml makes, sorted: what all tables and figures together need."""

    features: list[Path]
    runs: list[Path]
    tables: list[Path]
    figures: list[Path]


def wanted(plan: Plan) -> Wanted:
    """What all tables and figures need, by stage; of use only to name files, so nothing has to be there.

    A result that rests on a dataset that this suite or machine does not have is left out.
    """
    features, runs = set(), set()
    for result in [*plan.tables(), *plan.figures()]:
        with suppress(NotThere):
            for more, found in zip((features, runs), _behind(plan, result), strict=True):
                more |= found
    tables = {Path("results") / f"{table}{suffix}" for table in plan.tables() for suffix in TABLE_FILES}
    for table in plan.tables():
        tables |= {Path("results/metrics") / table, Path("results/curves") / f"{table}.csv"}
    figures = {plan.picture(figure).with_suffix(suffix) for figure in plan.figures() for suffix in FIGURE_FILES}
    return Wanted(sorted(features), sorted(runs), sorted(tables), sorted(figures))


def _behind(plan: Plan, result: str) -> tuple[set[Path], set[Path]]:
    """The files of the first two stages that one table or figure rests on."""
    drawn = plan.drawing(result) if result in plan.figures() else {}
    features, runs = {*drawn.get("truth", []), *drawn.get("features", [])}, set(drawn.get("models", []))
    features |= {drawn["stills"].file} if "stills" in drawn else set()
    for _, experiment, dataset, seed in plan.cells(result):
        what = plan.localized(experiment, dataset)
        features |= {*what.inputs, what.listing, plan.labels(dataset), *_own_weights(plan, what)}
        features |= {plan.words} if plan.world and what.transfer else set()
        for run in lineage(what.run):
            features |= {*run.inputs, plan.labels(run.dataset)}
            runs |= {run.model(seed), *run.exclusions}
        runs |= {what.folder(seed) / "detections.json", what.folder(seed) / "metrics.json"}
    return features, runs


def lineage(run: Run) -> Iterator[Run]:
    """A run and those that it started from."""
    yield run
    if run.init:
        yield from lineage(run.init)


def _own_weights(plan: Plan, what: Localized) -> Iterator[Path]:
    sets: list[FeatureSet] = [what.features, *(run.features for run in lineage(what.run))]
    if not plan.suite.backbone.rgb:  # published weights are the user's
        for features in sets:
            yield from features.weights


def write_stage_keys(plan: Plan) -> list[Path]:
    """Write `results/.keys/stage-<stage>.json` for DVC, each only if its content differs; return what changed.

    A path names its recipe, so the names alone say when a stage has something to make: DVC's stages depend on these
    files, and a comment in the code, another machine or another number of cores changes none of them.
    """
    files = wanted(plan)
    keys = {
        "features": [str(path) for path in files.features],
        "runs": [str(path) for path in files.runs],
        "tables": {table: plan.key(table) for table in plan.tables()},
        "figures": {figure: plan.key(figure) for figure in plan.figures()},
    }
    changed = []
    for stage, content in keys.items():
        path = plan.root / KEYS / f"stage-{stage}.json"
        text = json.dumps(content, indent=1, sort_keys=True) + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
            changed.append(path)
    return changed


def current_folders(plan: Plan) -> set[Path]:
    """Every folder or file under a recipe's name that some experiment of the active suite names."""
    named = {plan.words} if plan.world else set()
    for experiment in plan.experiments:
        with suppress(NotInSuite):  # but of a dataset whose videos are not listed here nothing may be dropped
            named |= _named_by(plan, experiment)
    for figure in plan.figures():
        with suppress(NotInSuite):
            drawn = plan.drawing(figure)
            named |= {drawn["stills"].file} if "stills" in drawn else set()
    for clips, backbones in plan.makings():
        named |= {clips.home / "frames" / clips.frames_recipe.name, clips.home / "flow" / clips.flow_recipe.name}
        named |= {backbones.folder} if backbones else set()
    for dataset in plan.suite.datasets:
        named |= {plan.labels(dataset).parent, plan.origin(dataset)}
    return named


def _named_by(plan: Plan, experiment: str) -> set[Path]:
    run = plan.run(experiment)
    named = {one.folder for one in lineage(run)} | {one.features.folder for one in lineage(run)}
    named |= {path for one in lineage(run) for path in one.exclusions}
    for target in plan.targets(experiment):
        what = plan.localized(experiment, target)
        named |= {what.features.folder, *(what.folder(seed) for seed in plan.seeds(experiment))}
    return named


def unnamed(plan: Plan) -> dict[Path, int]:
    """Artifacts of the active suite that no current recipe names, with their sizes in bytes."""
    data, runs = plan.data, Path("results/runs") / plan.config.suite
    patterns = [
        *(data / part for part in ("weights/*", "labels/*", "words-world-*.bin")),
        *(data / "*" / part / "*" for part in ("frames", "flow", "features", "stills")),
        Path("results/exclusions") / plan.config.suite / "*",
        runs / "*",
        runs / "*" / "seed*" / "*" / "*",
    ]
    named, found = current_folders(plan), {}
    for pattern in patterns:
        for path in sorted(plan.root.glob(str(pattern))):
            inside = path.relative_to(plan.root)
            if inside in named or not re.fullmatch(NAMED, path.name) or any(p in found for p in inside.parents):
                continue
            files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
            found[inside] = sum(p.stat().st_size for p in files)
    return found


def delete(plan: Plan, paths: Iterable[Path]) -> None:
    """Delete artifacts, unless a run of the workflow is at work; a link goes, not what it points to."""
    lock = plan.root / ".snakemake" / "running"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError("a run of the workflow is at work here; wait for it, then prune") from None
        for path in (plan.root / path for path in paths):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
