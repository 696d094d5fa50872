"""Where the numbers of a table come from, read from its provenance and from what lies beside the runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actionbytes.data.manifests import read_status
from actionbytes.errors import UserError
from actionbytes.files import read_csv, read_json
from actionbytes.recipes import digest
from actionbytes.reporting.recipe_words import is_recipe

BENCHMARKS = Path("logs/benchmarks")


@dataclass(frozen=True)
class Cost:
    """What the jobs of one rule took: wall clock and processor seconds, and the largest memory (MiB)."""

    jobs: int
    wall_s: float
    core_s: float
    peak_mib: float


def read_provenance(table: Path, root: Path = Path()) -> dict[str, Any]:
    """The provenance beside a table; UserError if there is none."""
    path = root / table.with_suffix(".provenance.json")
    if not path.is_file():
        raise UserError(f"{path}: not there; render the table: snakemake {table} --cores all")
    return read_json(path)


def sources(provenance: Mapping[str, Any], row: str | None, dataset: str | None) -> dict[tuple[str, str], list[dict]]:
    """(row, dataset) -> its entries, one a seed, of the rows and columns asked for."""
    found: dict[tuple[str, str], list[dict]] = {}
    for entry in provenance["runs"]:
        if row in (None, entry["row"]) and dataset in (None, entry["dataset"]):
            found.setdefault((entry["row"], entry["dataset"]), []).append(entry)
    if not found:
        rows = ", ".join(dict.fromkeys(repr(e["row"]) for e in provenance["runs"]))
        datasets = ", ".join(dict.fromkeys(e["dataset"] for e in provenance["runs"]))
        raise UserError(f"nothing was run for this row and column; rows: {rows}; columns: {datasets}")
    return found


def explain_cell(row: str, dataset: str, entries: Sequence[Mapping], lines: Sequence[Mapping], root: Path) -> Iterator:
    """The lines of one row in one dataset. entries: its provenance; lines: its lines of the CSV."""
    yield f"## {row}, {dataset}"
    for line in lines:
        where = line["tiou"] if line["tiou"] == "average" else f"tIoU {line['tiou']}"
        spread = f" ± {line['std']}" if line["std"] else ""
        printed = f"; the paper prints {line['paper']}" if line["paper"] else ""
        yield f"  {line['metric']} at {where}: {line['mean']}{spread} (protocol {line['protocol']}){printed}"
    metrics = Path(entries[0]["metrics"])
    run, suite = metrics.parents[3], metrics.parents[4].name
    seeds = ", ".join(str(entry["seed"]) for entry in entries)
    yield f"  experiment   {entries[0]['experiment']}, seeds {seeds}: mean and standard deviation over these"
    yield f"  runs         {run}/seed*"
    if not (root / run / "recipe.json").is_file():
        yield "               not here: `dvc pull` brings it, or `snakemake` makes it"
        return
    made, shown = read_json(root / run / "recipe.json"), read_json(root / metrics.parent / "recipe.json")
    source = made["source"]
    yield f"               {made['method']}, learned from {source['dataset']} {source['subset']}{_started(made)}"
    yield f"  detections   {metrics.parent.name}/detections.json in {dataset} {shown['subset']}, below each seed"
    yield from _inputs("learned from", made["features"], source["dataset"], source["subset"], suite, root)
    yield from _inputs("tested on", shown["features"], dataset, shown["subset"], suite, root)
    weights = shown["features"]["weights"]
    if is_recipe(weights):
        yield f"  weights      {_place(root, f'data/{suite}/weights', weights)}, pretrained here"
    else:
        yield f"  weights      published, git blobs {', '.join(weights)}"


def _started(recipe: Mapping[str, Any]) -> str:
    init = recipe.get("init")
    return f", started from {init['method']} {digest(init)}, same seed" if init else ""


def _inputs(what: str, features: Mapping[str, Any], dataset: str, subset: str, suite: str, root: Path) -> Iterator[str]:
    """The feature folder that a recipe names, and what became of the videos of its subset."""
    frames = features["flow"]["frames"]["decoding"]
    place = _place(root, f"data/{suite}/*/features", features)
    yield f"  {what:12} {place}: {dataset} {subset}, {frames['fps']:g} fps, {frames['crop']} px"
    listing = root / place / f"{subset}.videos.csv"
    if listing.is_file():
        statuses = read_status(listing)
        aside = [s for s in statuses if s.status == "set aside"]
        damaged = sum(s.status == "damaged" for s in statuses)
        yield f"               {len(statuses) - len(aside)} of {len(statuses)} videos used, {damaged} of them damaged"
        yield from (f"               set aside: {s.video} ({s.reason})" for s in aside)


def _place(root: Path, parent: str, recipe: Mapping[str, Any]) -> str:
    found = sorted(root.glob(f"{parent}/*-{digest(recipe)}"))
    return str(found[0].relative_to(root)) if found else f"{parent}/*-{digest(recipe)} (not here: `dvc pull`)"


def costs(provenance: Mapping[str, Any], root: Path = Path()) -> dict[str, Cost]:
    """Rule -> what all its jobs behind a table took, by Snakemake's benchmarks; empty where none are here."""
    names = {name for entry in provenance["runs"] for name in _names(root / entry["metrics"])}
    found = {}
    for folder in sorted((root / BENCHMARKS).glob("*")):
        rows = [read_csv_row(path) for path in sorted(folder.glob("*.tsv")) if any(n in path.name for n in names)]
        if rows:
            wall, cores, peaks = ([_float(row.get(key)) for row in rows] for key in ("s", "cpu_time", "max_rss"))
            found[folder.name] = Cost(len(rows), sum(wall), sum(cores), max(peaks))
    return found


def _names(metrics: Path) -> Iterator[str]:
    """Digests of every recipe behind a metrics file."""
    for folder in (metrics.parent, metrics.parents[3]):
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
