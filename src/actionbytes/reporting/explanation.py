"""Where the numbers of a table come from, read from its provenance and from what lies beside the runs."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actionbytes.data.manifests import read_status
from actionbytes.errors import UserError
from actionbytes.files import read_csv, read_json
from actionbytes.recipes import digest
from actionbytes.reporting.recipe_words import is_recipe, read_recipe

BENCHMARKS = Path("logs/benchmarks")

Entry = Mapping[str, Any]  # one run that a table shows, as its provenance has it


@dataclass(frozen=True)
class Cost:
    """What the jobs of one rule took.

    Attributes:
        jobs: How many.
        wall_s: Seconds by the clock.
        core_s: Seconds of processors.
        peak_mib: The largest memory of one, in MiB.
    """

    jobs: int
    wall_s: float
    core_s: float
    peak_mib: float


def read_provenance(table: Path, root: Path = Path()) -> dict[str, Any]:
    """The provenance beside a table; UserError if there is none, or one that an older version has written."""
    path = root / table.with_suffix(".provenance.json")
    remedy = f"render the table: snakemake {table} --cores all"
    if not path.is_file():
        raise UserError(f"{path}: not there; {remedy}")
    provenance: dict[str, Any] = read_json(path)
    if any("run" not in entry or "column" not in entry for entry in provenance["runs"]):
        raise UserError(f"{path}: is of an older version; {remedy}")
    return provenance


def sources(provenance: Mapping[str, Any], row: str | None, column: str | None) -> dict[tuple[str, str], list[Entry]]:
    """The runs behind some cells of a table.

    Args:
        provenance: Of the table.
        row: One row, as its method is printed; None: all.
        column: One column, by its name or its dataset; None: all.

    Returns:
        (row, column) -> its entries, one a seed.

    Raises:
        UserError: Nothing was run there.
    """
    chosen: dict[tuple[str, str], list[Entry]] = {}
    for entry in provenance["runs"]:
        if row in (None, entry["row"]) and column in (None, entry["column"], entry["dataset"]):
            chosen.setdefault((entry["row"], entry["column"]), []).append(entry)
    if not chosen:
        rows = ", ".join(dict.fromkeys(repr(entry["row"]) for entry in provenance["runs"]))
        columns = ", ".join(dict.fromkeys(entry["column"] for entry in provenance["runs"]))
        raise UserError(f"nothing was run for this row and column; rows: {rows}; columns: {columns}")
    return chosen


def explain_cell(entries: Sequence[Entry], lines: Sequence[Mapping[str, str]], root: Path) -> Iterator[str]:
    """What is known of the cells of one row in one column, line by line.

    Args:
        entries: Its runs, of one experiment.
        lines: Its lines of the table's CSV.
        root: Folder of the project.
    """
    first = entries[0]
    dataset, metrics, run = first["dataset"], Path(first["metrics"]), Path(first["run"])
    yield f"## {first['row']}, {first['column']}"
    for line in lines:
        place = f"tIoU {line['tiou']}" if _is_number(line["tiou"]) else line["tiou"]
        spread = f" ± {line['std']}" if line["std"] else ""
        printed = f"; the paper prints {line['paper']}" if line["paper"] else ""
        yield f"  {line['metric']} at {place}: {line['mean']}{spread} (protocol {line['protocol']}){printed}"
    seeds = ", ".join(str(entry["seed"]) for entry in entries)
    yield f"  experiment   {first['experiment']}, seeds {seeds}: mean and standard deviation over these"
    yield f"  runs         {run}/seed*"
    if not (root / run / "recipe.json").is_file():
        yield "               not here: `dvc pull` brings it, or `snakemake` makes it"
        return
    trained, tested = read_recipe(root / run), read_recipe(root / metrics.parent)
    learned_from = ", ".join(f"{source['dataset']} {source['subset']}" for source in trained["sources"].values())
    yield f"               {trained['method']}, learned from {learned_from}{_started(trained)}"
    yield f"  detections   {metrics.parent.name}/detections.json in {dataset} {tested['subset']}, below each seed"
    suite = run.parent.name
    for source in trained["sources"].values():
        yield from _features("learned from", source["features"], source["dataset"], source["subset"], suite, root)
    yield from _features("tested on", tested["features"], dataset, tested["subset"], suite, root)
    weights = tested["features"]["weights"]
    if is_recipe(weights):
        yield f"  weights      {_place(root, f'data/{suite}/weights', weights)}, pretrained here"
    else:
        yield f"  weights      published, git blobs {', '.join(weights)}"


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _started(recipe: Mapping[str, Any]) -> str:
    starts = [f"{start['method']} {digest(start)}" for start in recipe["starts"].values()]
    return f", started from {' and '.join(starts)}, same seed" if starts else ""


def _features(
    title: str, features: Mapping[str, Any], dataset: str, subset: str, suite: str, root: Path
) -> Iterator[str]:
    """The feature folder that a recipe names, and what became of the videos of its subset."""
    frames = features["flow"]["frames"] if "flow" in features else features["frames"]
    decoding = frames["decoding"]
    place = _place(root, f"data/{suite}/*/features", features)
    yield f"  {title:12} {place}: {dataset} {subset}, {decoding['fps']:g} fps, {decoding['crop']} px"
    listing = root / place / f"{subset}.videos.csv"
    if listing.is_file():
        statuses = read_status(listing)
        aside = [status for status in statuses if status.status == "set aside"]
        damaged = sum(status.status == "damaged" for status in statuses)
        yield f"               {len(statuses) - len(aside)} of {len(statuses)} videos used, {damaged} of them damaged"
        yield from (f"               set aside: {status.video} ({status.reason})" for status in aside)


def _place(root: Path, parent: str, recipe: Mapping[str, Any]) -> str:
    folders = sorted(root.glob(f"{parent}/*-{digest(recipe)}"))
    return str(folders[0].relative_to(root)) if folders else f"{parent}/*-{digest(recipe)} (not here: `dvc pull`)"


def costs(provenance: Mapping[str, Any], root: Path = Path()) -> dict[str, Cost]:
    """Rule -> what all its jobs that a table needed took, by Snakemake's benchmarks; empty where none are here."""
    folders = {root / path for entry in provenance["runs"] for path in (Path(entry["metrics"]).parent, entry["run"])}
    names = set(_names(folders))
    taken = {}
    for folder in sorted((root / BENCHMARKS).glob("*")):
        rows = [read_csv_row(path) for path in sorted(folder.glob("*.tsv")) if _is_of(path.name, names)]
        if rows:
            wall, cores, peaks = ([_float(row.get(key)) for row in rows] for key in ("s", "cpu_time", "max_rss"))
            taken[folder.name] = Cost(len(rows), sum(wall), sum(cores), max(peaks))
    return taken


def _names(folders: Iterable[Path]) -> Iterator[str]:
    """Parts of the names of benchmark files: one for every recipe that those in some folders hold."""
    for folder in folders:
        if (folder / "recipe.json").is_file():
            yield from _digests(read_json(folder / "recipe.json"))


def _digests(value: Any) -> Iterator[str]:
    if is_recipe(value):
        yield f"-{digest(value)}"
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _digests(part)
    elif isinstance(value, str) and value.startswith("world-"):
        world, _, dataset = value.partition("/")
        yield f"{dataset}-{world.removeprefix('world-')}"


def _is_of(file_name: str, names: Collection[str]) -> bool:
    """Whether a benchmark file is of jobs of these recipes alone: one of detections names its run, too."""
    digests = re.findall(r"-[0-9a-f]{10}(?=[-.])", file_name)
    return bool(digests) and all(any(n.endswith(part) and n in file_name for n in names) for part in digests)


def read_csv_row(path: Path) -> dict[str, str]:
    """The one row of a benchmark file."""
    head, _, rest = path.read_text(encoding="utf-8").partition("\n")
    return dict(zip(head.split("\t"), rest.split("\n")[0].split("\t"), strict=False))


def _float(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:  # "-" where a job was too short to be measured
        return 0.0


def table_lines(table: Path, root: Path = Path()) -> list[dict[str, str]]:
    """The lines of a table's CSV."""
    return read_csv(root / table, ("dataset", "method", "metric", "tiou", "mean", "std", "paper", "protocol"))
