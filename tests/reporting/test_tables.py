import csv
import io

import pytest

from actionbytes.errors import UserError
from actionbytes.evaluation.metrics import read_cell
from actionbytes.papers.tables import Column, Row, Table
from actionbytes.reporting.tables import COLUMNS, as_csv, as_latex, as_markdown, fill

TABLE = Table(
    number="Table 9",
    caption="A table.",
    protocol="wtalc",
    metric="mAP",
    columns=[Column(dataset="thumos14", tiou=[0.3, 0.5])],
    rows=[
        Row(method="Baseline", experiment="b", published={"thumos14": [18.8, 8.4]}),
        Row(method="Prior & work", published={"thumos14": [20.0, None]}),
    ],
)
FEATURES = {(0, "thumos14"): "i3d"}
FACTS = {"paper": "P, V 2020", "suite": "mini", "tier": "C", "meaning": "synthetic"}


def metrics(*values: float, evaluated: int = 22) -> dict:
    content = {"tiou": [0.3, 0.5], "map": list(values), "videos": {"evaluated": evaluated, "listed": 22}}
    return {"wtalc": content, "activitynet": content}


@pytest.fixture
def cells():
    return fill(TABLE, {(0, "thumos14"): [metrics(30.0, 10.0), metrics(32.0, 14.0), metrics(34.0, 12.0)]})


def test_mean_and_sample_deviation_over_seeds(cells):
    value = cells[0, "thumos14", 0.3]
    assert (value.mean, value.std, value.n_seeds, value.paper) == (32.0, 2.0, 3, 18.8)
    assert cells[1, "thumos14", 0.3].mean is None


def test_csv_has_the_contract_columns(cells):
    rows = list(csv.DictReader(io.StringIO(as_csv(TABLE, cells, FEATURES, "C"))))
    assert tuple(rows[0]) == COLUMNS
    assert rows[0] | {"mean": "32.00", "std": "2.00", "paper": "18.8", "tier": "C", "videos": "22/22"} == rows[0]
    assert [r["tier"] for r in rows] == ["C", "C", "published"]  # nothing printed at 0.5 for the quoted row


def test_markdown_and_latex_show_both_numbers(cells):
    text = as_markdown(TABLE, cells, FACTS)
    assert "| **Baseline** | 32.0 ± 2.0 | 12.0 ± 2.0 |" in text
    assert "| Baseline, published | 18.8 | 8.4 |" in text
    assert "tier C" in text
    latex = as_latex(TABLE, cells, FACTS)
    assert r"32.0 $\pm$ 2.0 & 12.0 $\pm$ 2.0 \\" in latex
    assert r"Prior \& work" not in latex or r"\quad published" in latex


def test_videos_set_aside_are_counted():
    cells = fill(TABLE, {(0, "thumos14"): [metrics(30.0, 10.0, evaluated=21)]})
    assert "21/22" in as_csv(TABLE, cells, FEATURES, "C")
    assert "set aside" in as_markdown(TABLE, cells, FACTS)
    assert cells[0, "thumos14", 0.3].std is None


def test_a_threshold_that_was_not_computed_is_an_error():
    with pytest.raises(UserError, match="not computed at tIoU"):
        read_cell(metrics(1.0, 2.0), "wtalc", "mAP", 0.7, [])
    assert read_cell(metrics(1.0, 2.0), "wtalc", "mAP", "average", [0.3, 0.5]) == 1.5


ROWS = [Row(method="Baseline", experiment="b")]


def test_recognition_and_proposals_fill_their_cells():
    """A table of accuracies by part, and one with a column of AUC beside mAP."""
    counts = {"videos": {"evaluated": 21, "listed": 22}}
    parts = {"rgb": 70.0, "flow": 80.0, "fusion": 90.0}
    measured = {
        "recognition": {part: {"accuracy": value, "map": 0.0, **counts} for part, value in parts.items()},
        "ar-an": {"auc": 55.5, **counts},
        "activitynet": {"tiou": [0.5], "map": [24.0], "videos": {"evaluated": 20, "listed": 22}},
    }
    accuracy = TABLE.model_copy(
        update={
            "protocol": "accuracy",
            "metric": "accuracy",
            "rows": ROWS,
            "columns": [Column(dataset="thumos14", parts=list(parts))],
        }
    )
    cells = fill(accuracy, {(0, "thumos14"): [measured]})
    assert [cells[0, "thumos14", part].mean for part in parts] == [70.0, 80.0, 90.0]
    assert cells[0, "thumos14", "rgb"].videos == "21/22"
    columns = [
        Column(key="auc", dataset="thumos14", metric="AUC", parts=["AUC"]),
        Column(dataset="thumos14", tiou=["average"], average_over=[0.5]),
    ]
    cells = fill(
        TABLE.model_copy(update={"columns": columns, "protocol": "unstated", "rows": ROWS}),
        {(0, "auc"): [measured], (0, "thumos14"): [measured]},
    )
    assert (cells[0, "auc", "AUC"].mean, cells[0, "thumos14", "average"].mean) == (55.5, 24.0)
    assert (cells[0, "auc", "AUC"].videos, cells[0, "thumos14", "average"].videos) == ("21/22", "20/22")


def test_one_row_shows_two_settings_on_one_dataset():
    """Each column has its own runs, though the dataset is the same; nothing tells them apart but the column."""
    settings = ("un_am", "th14_fg")
    columns = [Column(key=key, dataset="activitynet13", setting=key, tiou=[0.5]) for key in settings]
    row = Row(method="M", experiment={"un_am": "a", "th14_fg": "b"}, published={"un_am": [17.2], "th14_fg": [24.3]})
    table = TABLE.model_copy(update={"columns": columns, "rows": [row]})
    assert [row.experiment_of(column) for column in columns] == ["a", "b"]
    cells = fill(table, {(0, "un_am"): [metrics(9.0, 4.5)], (0, "th14_fg"): [metrics(9.0, 8.5)]})
    assert [cells[0, key, 0.5].mean for key in settings] == [4.5, 8.5]
    features = {(0, "un_am"): "p3d", (0, "th14_fg"): "i3d"}
    rows = list(csv.DictReader(io.StringIO(as_csv(table, cells, features, "C"))))
    assert [(r["dataset"], r["mean"], r["paper"], r["features"]) for r in rows] == [
        ("activitynet13, un_am", "4.50", "17.2", "p3d"),
        ("activitynet13, th14_fg", "8.50", "24.3", "i3d"),
    ]
    assert "activitynet13, un_am 0.5 | activitynet13, th14_fg 0.5" in as_markdown(table, cells, FACTS)


def test_a_row_that_runs_in_one_column_alone_is_quoted_in_the_other():
    columns = [Column(dataset="thumos14", tiou=[0.5]), Column(dataset="activitynet12", tiou=[0.5])]
    row = Row(method="M", experiment={"thumos14": "a"}, published={"activitynet12": [7.0]})
    table = TABLE.model_copy(update={"columns": columns, "rows": [row]})
    cells = fill(table, {(0, "thumos14"): [metrics(9.0, 4.5)]})
    rows = list(csv.DictReader(io.StringIO(as_csv(table, cells, FEATURES, "C"))))
    assert [(r["mean"], r["paper"], r["tier"]) for r in rows] == [("4.50", "", "C"), ("", "7.0", "published")]
