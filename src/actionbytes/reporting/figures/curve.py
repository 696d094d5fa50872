"""mAP over a parameter, drawn from the metrics of runs."""

import json
from collections.abc import Sequence
from pathlib import Path

from actionbytes.data.manifests import read_csv
from actionbytes.files import write_text
from actionbytes.papers.declared import Figure
from actionbytes.reporting.figures.curves import as_csv, draw_curve, losses, places
from actionbytes.reporting.figures.material import Drawing, Sources


def curve(drawing: Drawing, paths: Sequence[Path], table: Path) -> Sources:
    """mAP over a parameter; with `loss`, the clustering loss of each round of the runs."""
    figure: Figure = drawing["figure"]
    metrics: dict[tuple[int, str], list] = {}
    sources = []
    for (number, experiment, dataset, seed), path in zip(drawing["cells"], drawing["metrics"], strict=True):
        metrics.setdefault((number, dataset), []).append(json.loads(Path(path).read_text(encoding="utf-8")))
        sources.append({"experiment": experiment, "dataset": dataset, "seed": seed, "metrics": str(path)})
    found = places(figure, metrics)
    if figure.loss:
        logs = [model.parent / "rounds.csv" for model in drawing["models"]]
        found += losses([read_csv(log, ("round", "objective")) for log in logs if log.exists()])
    write_text(table, as_csv(found))
    draw_curve(figure, found, drawing["facts"], paths)
    return sources
