"""What DVC and the report show of a table."""

import re

from actionbytes.papers.tables import Table
from actionbytes.reporting.pages import as_html
from actionbytes.reporting.recipe_words import describe, differences
from actionbytes.reporting.tables import fill
from actionbytes.reporting.tracking import POINTS, curve, headlines

TABLE = Table.model_validate(
    {
        "number": "Table 9",
        "caption": "A & B <i>",
        "protocol": "wtalc",
        "metric": "mAP",
        "columns": [{"dataset": "thumos14", "tiou": [0.3, 0.5]}, {"dataset": "activitynet12", "tiou": [0.7]}],
        "rows": [
            {"method": "Ours (+ x)", "experiment": "a", "published": {"thumos14": [30.0, None]}},
            {"method": "Ours [x]", "experiment": "b"},
            {"method": "Quoted", "published": {"thumos14": [1.0, 2.0]}},
        ],
    }
)


def metrics(*values):
    return {"wtalc": {"tiou": [0.3, 0.5, 0.7], "map": list(values), "videos": {"evaluated": 1, "listed": 2}}}


RUNS = {(0, "thumos14"): [metrics(10, 5, 1), metrics(20, 6, 2)], (1, "activitynet12"): [metrics(3, 2, 1.234)]}


def test_one_headline_a_column_for_rows_that_were_run():
    shown = headlines(TABLE, fill(TABLE, RUNS))
    assert shown == {"ours_x": {"thumos14@0.5": 5.5}, "ours_x-2": {"activitynet12@0.7": 1.23}}


def test_a_curve_counts_on_through_rounds_and_is_thinned():
    log = [{"round": s, "step": str(k), "total": str(k / 7)} for s in "12" for k in range(10, 1010, 10)]
    rows = curve(log, run="r")
    assert len(rows) == POINTS
    assert rows[-1] == {"run": "r", "step": 2000, "loss": round(1000 / 7, 4)}
    assert [r["step"] for r in rows] == sorted(r["step"] for r in rows)
    assert curve([]) == []


def test_a_page_is_whole_and_escaped():
    page = as_html(TABLE, fill(TABLE, RUNS), {"paper": "P, 2020", "suite": "mini", "tier": "C", "meaning": "m"})
    assert "<p>A &amp; B &lt;i&gt;</p>" in page
    assert "15.0 ± 7.1" in page
    assert not re.search(r"https?:|<script", page)
    rows = re.findall(r'<tr class="(\w+)"><td>([^<]*)</td>(.*)</tr>', page)
    assert [(kind, name) for kind, name, _ in rows] == [
        ("run", "Ours (+ x)"),
        ("published", "Ours (+ x), published"),
        ("run", "Ours [x]"),
        ("published", "Quoted, published"),
    ]
    assert all(values.count("<td>") == 3 for _, _, values in rows)


def test_recipes_in_words():
    inner = {"stage": "decode", "version": 1, "decoding": {"fps": 25}}
    left = {"stage": "flow", "version": 1, "frames": inner, "flow": {"warps": 5}}
    right = {"stage": "flow", "version": 2, "frames": inner | {"decoding": {"fps": 10}}, "flow": {"warps": 5}, "x": 1}
    assert list(differences(left, left)) == []
    assert list(differences(left, right)) == [
        ("version", "1", "2"),
        ("frames.decoding.fps", "25", "10"),
        ("x", "(absent)", "1"),
    ]
    lines = list(describe(left))
    assert lines[0].startswith("optical flow, digest ")
    assert "    decoding: fps 25" in lines


def test_the_recipes_of_several_sources_are_told_below_their_names():
    features = {"stage": "extract", "version": 1, "features": {"hop": 16}}
    sources = {"untrimmed": {"dataset": "thumos14", "features": features}, "trimmed": {"dataset": "ucf101"}}
    lines = list(describe({"stage": "train", "version": 1, "method": "m", "sources": sources, "starts": {}}))
    assert lines[1:4] == ["  method: m", "  starts: none", "  sources:"]
    assert lines[4] == "    trimmed: dataset ucf101"
    assert lines[5:7] == ["    untrimmed:", "      dataset: thumos14"]
    assert lines[7].startswith("      features: features, digest ")
    assert lines[8] == "        features: hop 16"
