"""The audit finds what is there, everything that is planted, and nothing else."""

import csv
import io
from decimal import ROUND_HALF_DOWN, Decimal

import pytest
import yaml
from click.testing import CliRunner

from actionbytes.commands.audit import audit as command
from actionbytes.papers.audit import audit, decimals, quotations, quotes, same, to_csv, to_text
from actionbytes.papers.declared import read_papers


@pytest.fixture(scope="module")
def papers(root):
    return read_papers(root / "papers")


def declared(folder, name, rows, tiou=(0.3, 0.4, 0.5, 0.6, 0.7), **more):
    """A paper with one THUMOS14 table: rows of (method, source, values, extra keys)."""
    table = {
        "number": "Table 1",
        "caption": "c",
        "protocol": more.pop("protocol", "activitynet"),
        "metric": "mAP",
        "columns": [{"dataset": "thumos14", "tiou": list(tiou)}],
        "rows": [{"method": m, "source": s, "published": {"thumos14": v}} | extra for m, s, v, extra in rows],
    }
    content = {"paper": name, "name": name.upper(), "title": "t", "venue": "v", "tables": {f"{name}_t": table}, **more}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))


def found(folder):
    return [(f.rule, f.about, f.left, f.right) for f in audit(read_papers(folder))]


@pytest.mark.parametrize(
    ("rule", "about", "cell", "left", "right"),
    [
        ("averages", "W-TALC", "average", "18.0", "17.66"),
        ("quotes", "Xiong", "0.5", "29.1", "39.12"),
        ("claims", "ActionBytes", "0.5", "2.4", "2.5"),
        ("curves", "W-TALC", "0.7", "14.6", "25.7"),
        ("counts", "thumos14", "test", "212", "213"),
        ("counts", "thumos14", "validation", "220", "200"),
        ("quotes", "Nguyen (BM)", "0.5", "26.8", "26.5"),
        ("protocols", "STPN", "thumos14", "wtalc", "activitynet"),
    ],
)
def test_the_known_contradictions_are_found(papers, rule, about, cell, left, right):
    hits = [f for f in audit(papers) if (f.rule, f.about) == (rule, about) and cell in f.where]
    assert {(left, right)} == {(f.left, f.right) for f in hits}


def test_what_only_looks_like_a_contradiction_is_not_reported(papers):
    """Rounding (45.1, 45.11), other features (STPN with I3D and UNT), a re-run (UntrimmedNet in CleanNet), subsets."""
    findings = audit(papers)
    for about in ("Wang", "Wang & Tao", "UntrimmedNet", "CDC", "AutoLoc"):
        assert not [f for f in findings if f.about == about]
    assert not [f for f in findings if f.rule != "protocols" and f.about.startswith("STPN") and f.rule != "slips"]
    assert not [f for f in findings if "kinetics" in f.where or "training" in f.where]


def test_every_misquotation_planted_in_the_real_papers_is_found(papers):
    """Each number that two places agree on, changed by its last digit in one of them, must show up."""
    groups = {}
    for quote in quotations(papers):
        groups.setdefault((*quote.result, quote.cell), []).append(quote)
    clean = {(f.where, f.left, f.right) for f in quotes(papers)}
    planted = 0
    for group in groups.values():
        if len(group) < 2 or any(not same(group[0].value, q.value) for q in group):
            continue
        quote = group[0]
        values = quote.row.published[quote.column.name]
        place, step = quote.column.cells.index(quote.cell), 10.0 ** -min(decimals(q.value) for q in group)
        original, values[place] = values[place], round(quote.value + step, 6)
        new = {(f.where, f.left, f.right) for f in quotes(papers)} - clean
        values[place] = original
        assert len(new) == 1, (quote.place, quote.row.method, quote.cell)
        planted += 1
    assert planted > 50


def test_rounding_every_number_to_one_digit_plants_nothing(papers, tmp_path, root):
    def rounded(node):
        if isinstance(node, dict):
            return {k: rounded(v) if k != "tiou" and k != "average_over" else v for k, v in node.items()}
        if isinstance(node, list):
            return [rounded(v) for v in node]
        if not isinstance(node, float):
            return node
        return float(Decimal(str(node)).quantize(Decimal("0.1"), ROUND_HALF_DOWN))  # 0.05 is quoted as 0.0

    for file in (root / "papers").glob("*.yaml"):
        content = yaml.safe_load(file.read_text())
        for group in ("tables", "elsewhere"):
            for table in content.get(group, {}).values():
                for row in table["rows"]:
                    row["published"] = rounded(row.get("published", {}))
        (tmp_path / file.name).write_text(yaml.safe_dump(content))
    key = [(f.rule, f.about) for f in audit(papers)]
    assert [(f.rule, f.about) for f in audit(read_papers(tmp_path))] == key


def test_consistent_papers_have_no_findings(tmp_path):
    curve = [50.0, 41.0, 30.0, 20.0, 11.0]
    declared(tmp_path, "a", [("A", "a", curve, {}), ("Old", "old", [40.12, 30.0, 20.0, 10.0, 5.0], {})])
    declared(tmp_path, "b", [("Old et al.", "old", [40.1, None, 20, 10.0, 5.0], {}), ("B", "b", [9, 8, 7, 6, 5], {})])
    assert found(tmp_path) == []
    assert to_text([]) == ""


def test_one_deviating_quotation_stands_against_the_majority(tmp_path):
    for name, value in (("a", 20.0), ("b", 21.0), ("c", 20.0)):
        declared(tmp_path, name, [("Old", "old", [40.0, 30.0, value, 10.0, 5.0], {})])
    (finding,) = audit(read_papers(tmp_path))
    assert (finding.left, finding.left_where, finding.right, finding.right_where, finding.difference) == (
        "21.0",
        "B Table 1",
        "20.0",
        "A Table 1; C Table 1",
        1.0,
    )


@pytest.mark.parametrize("extra", [{"features": "unt"}, {"setting": "zero shot"}, {"rerun": "b"}])
def test_other_features_settings_or_runs_are_other_results(tmp_path, extra):
    declared(tmp_path, "a", [("Old", "old", [40.0, 30.0, 20.0, 10.0, 5.0], {})])
    declared(tmp_path, "b", [("Old", "old", [44.0, 33.0, 22.0, 11.0, 6.0], extra)])
    assert found(tmp_path) == []


def test_one_line_under_two_names(tmp_path):
    line = [40.0, 30.0, 20.0, 10.0, 5.0]
    declared(tmp_path, "a", [("Old", "old", line, {})])
    declared(tmp_path, "b", [("Other", "other", line, {}), ("Third", "third", [40.0, 30.0, 21.0, 10.0, 5.0], {})])
    assert [(rule, about) for rule, about, *_ in found(tmp_path)] == [("names", "Old")]


@pytest.mark.parametrize(
    ("values", "average", "wrong"),
    [
        ([40.0, 20.0, 4.0], 24.0, False),  # between (40 + 5*20 + 4*4) / 10 = 15.6 and (5*40 + 4*20 + 4) / 10 = 28.4
        ([40.0, 20.0, 4.0], 28.4, False),
        ([40.0, 20.0, 4.0], 28.6, True),
        ([40.0, 20.0, 4.0], 15.4, True),
        ([40.0, None, None], 39.0, False),
        ([40.0, None, None], 41.0, True),
        ([None, 20.0, 4.0], 90.0, False),  # nothing printed bounds what lies below 0.75
    ],
)
def test_averages_within_what_the_printed_cells_allow(tmp_path, values, average, wrong):
    declared(tmp_path, "a", [("A", "a", [*values, average], {})], tiou=(0.5, 0.75, 0.95, "average"))
    assert [rule for rule, *_ in found(tmp_path)] == ["averages"] * wrong


def test_a_full_sweep_must_average_to_its_mean_within_rounding(tmp_path):
    tiou = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, "average"]
    sweep = [7.4, 6.1, 5.2, 4.5, 3.9, 3.2, 2.5, 1.8, 1.2, 0.7]  # 3.65
    for average, wrong in ((3.6, False), (3.7, False), (3.5, True), (3.8, True)):
        declared(tmp_path, "a", [("A", "a", [*sweep, average], {})], tiou=tiou)
        assert [rule for rule, *_ in found(tmp_path)] == ["averages"] * wrong


def test_curves_that_rise_or_fall_off_a_cliff(tmp_path):
    rows = [("Rises", "r", [30.0, 20.0, 21.0, 10.0, 5.0], {}), ("Cliff", "c", [40.0, 38.0, 36.0, 20.0, 18.0], {})]
    declared(tmp_path, "a", rows)
    assert [(rule, about) for rule, about, *_ in found(tmp_path)] == [("curves", "Rises"), ("curves", "Cliff")]


def test_text_against_table_counts_and_slips(tmp_path):
    claim = {"where": "text", "says": "gains 3", "value": 3, "table": "a_t", "column": "thumos14", "cell": 0.5}
    rows = [("A", "a", [50.0, 40.0, 30.0, 20.0, 10.0], {}), ("Old", "old", [40.0, 30.0, 28.0, 10.0, 5.0], {})]
    count = {"dataset": "thumos14", "subset": "test"}
    slips = [{"where": "equation 1", "prints": "a sum", "against": "a mean"}]
    claims = [claim | {"row": "A", "minus": "Old"}]
    declared(tmp_path, "a", rows, claims=claims, counts=[count | {"value": 1}], slips=slips)
    declared(tmp_path, "b", [], counts=[count | {"value": 2}, count | {"value": 3, "kind": "used"}])
    (tmp_path / "b.yaml").write_text((tmp_path / "b.yaml").read_text().replace("rows: []", "rows: [{method: B}]"))
    rules = {f.rule: (f.left, f.right) for f in audit(read_papers(tmp_path))}
    assert rules == {"claims": ("3.0", "2.0"), "counts": ("2", "1"), "slips": ("a sum", "a mean")}


def test_a_quotation_under_another_protocol(tmp_path):
    line = [50.0, 40.0, 30.0, 20.0, 10.0]
    declared(tmp_path, "a", [("A", "a", line, {})])
    declared(tmp_path, "b", [("A", "a", line, {}), ("A again", "a", line, {"rerun": "b"})], protocol="wtalc")
    declared(tmp_path, "c", [("A", "a", line, {})], protocol="unstated")
    assert found(tmp_path) == [("protocols", "A", "wtalc", "activitynet")]


def test_rounding():
    assert same(45.1, 45.11) and same(0.0, 0.05) and same(73, 73.4) and same(16.9, 16.9)
    assert not same(44.7, 44.8) and not same(39.1, 39.16) and not same(73.0, 73.4)


def test_the_command_prints_and_writes(root, papers, tmp_path):
    out = tmp_path / "deep" / "audit.csv"
    result = CliRunner().invoke(command, ["--papers", str(root / "papers"), "--out", str(out)])
    assert result.exit_code == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert len(rows) == len(audit(papers)) and out.read_text() == to_csv(audit(papers))
    assert all(row["left_where"] and row["right_where"] for row in rows)
    assert "17.66" in result.output and f"{len(rows)} findings in 6 papers" in result.output
