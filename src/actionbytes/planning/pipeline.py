"""`dvc.yaml`, written from the plan: which folders and files DVC keeps of the results of all papers."""

from collections.abc import Iterable, Iterator

from actionbytes.planning.plan import Plan

HEADER = """\
# Written by `actionbytes plan --dvc` from params.yaml and papers/; do not edit.
#
# What DVC keeps, in a few coarse stages over Snakemake targets: `dvc repro`, `dvc pull`,
# `dvc exp run -S mini.flow.warps=5`.
#
# An artifact's path names its recipe, so Snakemake decides what is made, and DVC keeps it. `plan` writes down the names
# that params.yaml, papers/ and the versions of the code ask for; it runs every time, and takes a second. The other
# stages depend on those names: a changed parameter runs what depends on it, a comment or another machine runs nothing.
# All outs persist: recipes lie side by side, and DVC must never clear a folder before a stage (docs/caches.md).
"""


def dvc_yaml(plan: Plan) -> str:
    """The text of `dvc.yaml` for the active suite.

    It names datasets and results, and no recipe, so it changes only when one of these comes or goes.
    """
    return "\n".join([HEADER, *_stages(plan), "", *_plots(plan)]) + "\n"


def _stages(plan: Plan) -> Iterator[str]:
    results = plan.results
    features = [f"data/${{suite}}/{name}/features" for name in _datasets(plan)]
    stills = [f"data/${{suite}}/{name}/stills" for name in _pictured(plan)]
    labels, weights, runs = "data/${suite}/labels", "data/${suite}/weights", "results/runs/${suite}"
    trained = [runs, *(["results/exclusions/${suite}"] if _excludes(plan) else [])]
    keys = {stage: f"results/.keys/stage-{stage}.json" for stage in ("features", "runs", "tables", "figures")}

    yield "stages:"
    yield "  plan:"
    yield "    cmd: PYTHONPATH=src actionbytes plan"
    yield "    always_changed: true"
    yield '    params: [suite, seeds, "${suite}"]'
    yield "    outs:"
    yield from _kept(keys.values())
    yield from _stage("features", [*features, *stills, labels, weights])
    yield from _listed("deps", [keys["features"]])
    yield "    outs:"
    yield from _kept([*features, *stills, labels, weights])
    yield from _stage("runs", trained)
    yield from _listed("deps", [keys["runs"], *features, labels])
    yield "    outs:"
    yield from _kept(trained)
    yield from _stage("tables", ["logs/benchmarks"])
    yield from _listed("deps", [keys["tables"], runs])
    yield "    outs: # small, in git, but for what each job cost (`actionbytes explain` reads it)"
    yield from _kept(["logs/benchmarks"])
    yield from _kept(["results/curves", *(f"results/{table}.csv" for table in results.tables)], in_git=True)
    yield "    metrics:"
    yield from _kept(["results/metrics"], in_git=True)
    yield from _stage("figures", ["results/figures"])
    yield from _listed("deps", [keys["figures"], runs, *stills])
    yield "    outs:"
    yield from _kept(["results/figures"])


def _plots(plan: Plan) -> Iterator[str]:
    yield "plots:"
    for table in plan.results.tables:
        yield f"  - results/{table}.csv: {{template: table, x: tiou, y: mean}}"
    yield "  - results/curves: {template: curves, x: step, y: loss}"


def _stage(name: str, folders: Iterable[str]) -> Iterator[str]:
    """The head of a stage that calls the Snakemake target of its name."""
    yield ""
    yield f"  {name}:"
    yield "    cmd:"
    for folder in folders:  # an out that is not there is an error to DVC
        yield f"      - mkdir -p {folder}"
    yield f"      - PYTHONPATH=src snakemake --cores all {name}"


def _listed(key: str, entries: Iterable[str]) -> Iterator[str]:
    yield f"    {key}:"
    for entry in entries:
        yield f"      - {entry}"


def _kept(paths: Iterable[str], in_git: bool = False) -> Iterator[str]:
    """Outs that DVC never clears; in_git: DVC only records their hashes."""
    options = "{cache: false, persist: true}" if in_git else "{persist: true}"
    for path in paths:
        yield f"      - {path}: {options}"


def _datasets(plan: Plan) -> list[str]:
    """The datasets whose features some result needs, in the order of params.yaml."""
    names: set[str] = set()
    for result in [*plan.results.tables, *plan.results.figures]:
        names |= {plan.datasets.videos_of(entry.dataset).name for entry in plan.results.shown(result)}
        for experiment in plan.results.experiments_behind(result):
            sources = [source.dataset for source in plan.runs.sources(experiment).values()]
            names |= {plan.datasets.videos_of(name).name for name in sources if name in plan.datasets}
    return [name for name in plan.datasets if name in names]


def _pictured(plan: Plan) -> list[str]:
    """The datasets of which pictures are drawn, in the order of params.yaml."""
    drawn = [plan.results.figure(name) for name in plan.results.figures]
    names = {name for figure in drawn if "stills" in figure.reads for name in figure.datasets if name in plan.datasets}
    videos = {plan.datasets.videos_of(name).name for name in names}
    return [name for name in plan.datasets if name in videos]


def _excludes(plan: Plan) -> bool:
    """Whether some result leaves classes out by their names."""
    behind = {name for table in plan.results.tables for name in plan.results.experiments_behind(table)}
    behind |= {name for figure in plan.results.figures for name in plan.results.experiments_behind(figure)}
    return any(source.exclude for name in behind for source in plan.runs.sources(name).values())
