"""Where a table's cells come from: which runs, and what they took."""

import json
from pathlib import Path

import pytest

from actionbytes.errors import UserError
from actionbytes.recipes import digest
from actionbytes.reporting.explanation import costs, read_provenance, sources

RUN = {"stage": "train", "version": 1, "sources": {}, "starts": {}}
ON_THUMOS14 = {"stage": "localize", "version": 1, "subset": "test"}
ENTRY = {"row": "Ours", "experiment": "a", "dataset": "activitynet13", "seed": 0}


def entries(root):
    """Two columns of one dataset, shown by two experiments that share a run."""
    run = f"results/runs/mini/wtalc-{digest(RUN)}"
    folder = f"{run}/seed0/thumos14/test-threshold-{digest(ON_THUMOS14)}"
    for path, recipe in ((run, RUN), (folder, ON_THUMOS14)):
        (root / path).mkdir(parents=True)
        (root / path / "recipe.json").write_text(json.dumps(recipe))
    metrics = f"{folder}/metrics.json"
    return [ENTRY | {"column": column, "run": run, "metrics": metrics} for column in ("un_am", "th14_fg")]


def test_a_column_is_named_by_its_name_or_its_dataset(tmp_path):
    provenance = {"runs": entries(tmp_path)}
    assert list(sources(provenance, None, "un_am")) == [("Ours", "un_am")]
    assert list(sources(provenance, "Ours", "activitynet13")) == [("Ours", "un_am"), ("Ours", "th14_fg")]
    with pytest.raises(UserError, match="columns: un_am, th14_fg"):
        sources(provenance, None, "thumos14")


def test_a_provenance_of_an_older_version_is_refused(tmp_path):
    (tmp_path / "t.provenance.json").write_text(json.dumps({"runs": [ENTRY | {"metrics": "m"}]}))
    with pytest.raises(UserError, match=r"older version; render the table: snakemake t\.csv"):
        read_provenance(Path("t.csv"), tmp_path)
    with pytest.raises(UserError, match="not there; render the table"):
        read_provenance(Path("none.csv"), tmp_path)


def test_only_jobs_of_the_table_cost_anything(tmp_path):
    """Detections of the same run on another target name the run, too, but are none of this table's."""
    provenance = {"runs": entries(tmp_path)}
    run, other = f"mini-wtalc-{digest(RUN)}-seed0", "0123456789"
    records = {
        f"train/{run}.tsv": 4.0,
        f"detect/{run}-thumos14-test-threshold-{digest(ON_THUMOS14)}.tsv": 2.0,
        f"detect/{run}-multithumos-test-threshold-{other}.tsv": 1.0,
        f"train/mini-wtalc-{other}-seed0.tsv": 1.0,
    }
    for name, seconds in records.items():
        path = tmp_path / "logs/benchmarks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\tcpu_time\tmax_rss\n{seconds}\t{seconds}\t-\n")
    assert {rule: (cost.jobs, cost.wall_s) for rule, cost in costs(provenance, tmp_path).items()} == {
        "detect": (1, 2.0),
        "train": (1, 4.0),
    }
