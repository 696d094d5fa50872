"""Make a table again in a scratch folder, and say whether everything behind it is identical."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actionbytes.errors import UserError
from actionbytes.files import read_json
from actionbytes.planning.inventory import lineage
from actionbytes.planning.plan import Plan

GIVEN = ("annotations.json", "videos.csv", "videos")  # what a user brings of a dataset of real videos


@dataclass(frozen=True)
class Compared:
    """One file here and made again: the same bytes, or by how much it differs (None: no number can say it)."""

    path: Path
    identical: bool
    differs: str = ""


def copy_tree(root: Path, scratch: Path) -> None:
    """The tracked files of the working tree, as they are now; results are left out."""
    try:
        listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise UserError(f"{root.resolve()}: not a git repository, so what is to be copied is not known") from None
    for name in filter(None, listed.decode().split("\0")):
        if (root / name).is_file() and not name.startswith(("results/", "data/")):
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, scratch / name)


def given(plan: Plan, table: str, features: bool) -> Iterator[Path]:
    """What is taken as it is: with `features`, these and the weights behind them; else only what a user brings."""
    found: set[Path] = set()
    for _, experiment, dataset, _ in plan.cells(table):
        what = plan.localized(experiment, dataset)
        for run in lineage(what.run):
            found |= {*(run.inputs if features else ()), *_brought(plan, run.dataset, features, run.features.weights)}
        found |= {*what.inputs, what.listing} if features else set()
        found |= set(_brought(plan, dataset, features, what.features.weights))
    yield from sorted(found)


def _brought(plan: Plan, dataset: str, features: bool, weights: Iterable[Path]) -> Iterator[Path]:
    if features:
        yield from (plan.labels(dataset), plan.words)
    if not plan.world:
        yield plan.words
        yield from (plan.home(name) / part for name in {dataset, plan.videos_of(dataset)} for part in GIVEN)
    if features or plan.suite.backbone.rgb:
        yield from weights


def prepare(plan: Plan, table: str, scratch: Path, features: bool) -> None:
    """A scratch project in which only `given` is there, as links."""
    copy_tree(plan.root, scratch)
    for path in given(plan, table, features):
        here = (plan.root / path).resolve()
        if here.exists():
            (scratch / path).parent.mkdir(parents=True, exist_ok=True)
            (scratch / path).symlink_to(here)
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


def compare(plan: Plan, table: str, scratch: Path, features: bool) -> Iterator[Compared]:
    """Every file behind the table, here against there, from features (if they were made again) to the table."""
    paths: dict[Path, None] = {}
    for _, experiment, dataset, seed in plan.cells(table):
        what = plan.localized(experiment, dataset)
        if not features:
            paths |= dict.fromkeys(path for run in lineage(what.run) for path in run.inputs)
            paths |= dict.fromkeys([*what.inputs, what.listing])
        paths |= dict.fromkeys(run.seed(seed) / "model.safetensors" for run in lineage(what.run))
        paths |= dict.fromkeys(what.folder(seed) / name for name in ("detections.json", "metrics.json"))
    paths |= dict.fromkeys(Path("results") / f"{table}{suffix}" for suffix in (".csv", ".md", ".tex"))
    for path in paths:
        here, there = plan.root / path, scratch / path
        if not here.exists() or not there.exists():
            yield Compared(path, False, "is missing " + ("here" if not here.exists() else "there"))
        elif here.read_bytes() == there.read_bytes():
            yield Compared(path, True)
        else:
            yield Compared(path, False, _by_how_much(here, there))


def _by_how_much(here: Path, there: Path) -> str:
    """The largest difference of a number in two files of one kind."""
    try:
        one, other = (dict(_numbers(path)) for path in (here, there))
    except (OSError, ValueError, KeyError, UserError):
        return "cannot be read on one side"
    if one.keys() != other.keys():
        return f"holds other entries: {len(one.keys() ^ other.keys())} are on one side only"
    gaps = {key: _gap(one[key], other[key]) for key in one}
    if not gaps or not any(gaps.values()):
        return "the same numbers, written otherwise"
    worst = max(gaps, key=lambda key: gaps[key])
    return f"by at most {gaps[worst]:.6g}, at {worst}; {sum(map(bool, gaps.values()))} of {len(gaps)} entries differ"


def _gap(one: Any, other: Any) -> float:
    import numpy as np

    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if one.shape != other.shape:
        return float("inf")
    return float(np.nan_to_num(np.abs(one - other), nan=0.0).max(initial=0.0))


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
