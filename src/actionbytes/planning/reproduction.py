"""Make a table again in a scratch folder, and say whether everything that it needs is identical."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actionbytes.errors import UserError
from actionbytes.files import read_json
from actionbytes.planning.plan import Plan
from actionbytes.planning.runs import lineage
from actionbytes.reporting.provenance import git_problem


@dataclass(frozen=True)
class Comparison:
    """One file here and made again.

    Attributes:
        path: The file, relative to the project.
        identical: Whether both have the same bytes.
        difference: By how much they differ, in words.
    """

    path: Path
    identical: bool
    difference: str = ""


def copy_tree(root: Path, scratch: Path) -> None:
    """The tracked files of the working tree, as they are now; results are left out."""
    if problem := git_problem(root):
        raise UserError(f"{root.resolve()}: git does not say what is to be copied: {problem}")
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, check=True).stdout
    names = [name for name in os.fsdecode(listed).split("\0") if name]
    if "Snakefile" not in names:
        raise UserError(f"{root.resolve()}: git tracks no Snakefile here; `git add` the project's files first")
    for name in names:
        if (root / name).is_file() and not name.startswith(("results/", "data/")):
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, scratch / name)


def given(plan: Plan, table: str, features: bool) -> list[Path]:
    """What is taken as it is.

    Args:
        plan: The plan here.
        table: The table that is made again.
        features: Take features and all that they come with; otherwise only what a user brings.

    Returns:
        Paths relative to the project, sorted.
    """
    paths: set[Path] = set()
    for entry in plan.results.shown(table):
        detections = plan.results.detections_of(entry)
        feature_sets, datasets = [detections.features], {detections.target}
        for run in lineage(detections.run):
            feature_sets += run.features
            datasets |= {source.source.dataset for source in run.sources.values()}
            paths |= set(run.inputs if features else ())
        paths |= {*detections.inputs, detections.listing} if features else set()
        for dataset in datasets:
            paths |= _brought(plan, dataset, features)
        if features or not plan.world:
            paths |= {path for features_used in feature_sets for path in features_used.weights.values()}
    return sorted(paths)


def _brought(plan: Plan, dataset: str, features: bool) -> set[Path]:
    """The files of a dataset that are taken as they are, and the word vectors."""
    paths: set[Path] = set()
    if features:
        paths |= {plan.datasets[dataset].labels, plan.runs.words}
    if not plan.world:
        paths |= {plan.runs.words, *plan.datasets[dataset].brought, *plan.datasets.videos_of(dataset).brought}
    return paths


def prepare(plan: Plan, table: str, scratch: Path, features: bool) -> None:
    """Set up a scratch project in which only `given` is there, as links.

    Raises:
        UserError: Features are to be taken as they are, and some are not here.
    """
    copy_tree(plan.root, scratch)
    for path in given(plan, table, features):
        original = (plan.root / path).resolve()
        if original.exists():
            (scratch / path).parent.mkdir(parents=True, exist_ok=True)
            (scratch / path).symlink_to(original)
        elif features and path.suffix == ".h5":
            raise UserError(f"{path}: not here; make it (snakemake features), get it (dvc pull), or use --from videos")


def make(table: str, scratch: Path, cores: int) -> None:
    """Run the workflow there; UserError with its last lines if it fails."""
    environment = os.environ | {"PYTHONPATH": str(scratch / "src")}
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), f"results/{table}.csv"]
    log = scratch / "reproduce.log"
    with log.open("w") as out:
        status = subprocess.run(command, cwd=scratch, env=environment, stdout=out, stderr=subprocess.STDOUT).returncode
    if status:
        errors = [line for line in log.read_text().splitlines() if line.startswith("error:")]
        raise UserError(f"the workflow ended with status {status}; {errors[0] if errors else ''} see {log}")


def compare(plan: Plan, table: str, scratch: Path, features: bool) -> Iterator[Comparison]:
    """Compare every file that a table needs, here and in the scratch project.

    Args:
        plan: The plan here.
        table: The table that was made again.
        scratch: The project in which it was.
        features: Features were taken as they are, so only what follows from them is compared.
    """
    for path in _compared(plan, table, features):
        here, there = plan.root / path, scratch / path
        if not here.exists() or not there.exists():
            yield Comparison(path, False, "is missing " + ("here" if not here.exists() else "there"))
        elif here.read_bytes() == there.read_bytes():
            yield Comparison(path, True)
        else:
            yield Comparison(path, False, _difference(here, there))


def _compared(plan: Plan, table: str, features: bool) -> list[Path]:
    paths: dict[Path, None] = {}
    for entry in plan.results.shown(table):
        detections = plan.results.detections_of(entry)
        if not features:
            paths |= dict.fromkeys(path for run in lineage(detections.run) for path in run.inputs)
            paths |= dict.fromkeys([*detections.inputs, detections.listing])
        paths |= dict.fromkeys(run.model(entry.seed) for run in lineage(detections.run))
        paths[detections.detections(entry.seed)] = None
        paths[detections.scores(entry.seed)] = None
        paths[detections.metrics(entry.seed)] = None
    return [*paths, *(Path("results") / f"{table}{suffix}" for suffix in (".csv", ".md", ".tex"))]


def _difference(here: Path, there: Path) -> str:
    """The largest difference of a number in two files of one format, in words."""
    try:
        left, right = (dict(_numbers(path)) for path in (here, there))
    except (OSError, ValueError, KeyError, UserError):
        return "cannot be read on one side"
    if left.keys() != right.keys():
        return f"holds other entries: {len(left.keys() ^ right.keys())} are on one side only"
    gaps = {key: _gap(left[key], right[key]) for key in left}
    if not gaps or not any(gaps.values()):
        return "the same numbers, written otherwise"
    worst = max(gaps, key=lambda key: gaps[key])
    return f"by at most {gaps[worst]:.6g}, at {worst}; {sum(map(bool, gaps.values()))} of {len(gaps)} entries differ"


def _gap(left: Any, right: Any) -> float:
    """The largest absolute difference of two numbers or arrays; infinite where their shapes differ."""
    import numpy as np

    first, second = np.asarray(left, np.float64), np.asarray(right, np.float64)
    if first.shape != second.shape:
        return float("inf")
    return float(np.nan_to_num(np.abs(first - second), nan=0.0).max(initial=0.0))


def _numbers(path: Path) -> Iterator[tuple[str, Any]]:
    """Every number or array of a file by its name."""
    if path.suffix == ".h5":
        from actionbytes.features.store import iterate_shards

        for video, features in iterate_shards(path):
            yield from ((f"{video}/{stream}", x) for stream, x in features.streams.items())
    elif path.suffix == ".safetensors":
        from safetensors.numpy import load_file

        yield from load_file(path).items()
    elif path.suffix == ".json":
        yield from _leaves(read_json(path), "")
    else:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for column, field in enumerate(line.replace("|", ",").replace("&", ",").split(","), 1):
                text = field.partition("±")[0].strip()
                if text.replace(".", "", 1).isdigit():
                    yield f"line {number}, field {column}", float(text)


def _leaves(value: Any, key: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(part, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _leaves(part, f"{key}[{number}]")
    elif isinstance(value, int | float):
        yield key, float(value)
