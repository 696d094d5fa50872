"""The declared papers, and what a wrong declaration says."""

import re

import pytest
import yaml

from actionbytes.errors import UserError
from actionbytes.papers.declared import read_papers

TARGETS = {
    "actionbytes": "table1_what2when table2_zero_shot table3_weak_thumos14 table4_weak_activitynet12 "
    "table5_weak_multithumos ablation_segments fig4_actionbytes fig5_clusters fig6_iterations fig7_proposals "
    "fig8_qualitative",
    "stpn": "stpn_table1_thumos14 stpn_table2_activitynet13 stpn_table3_activitynet13_test stpn_fig3_attention "
    "stpn_fig4_qualitative stpn_fig5_architectures stpn_fig6_modalities",
    "tsrnet": "tsrnet_table1_recognition_thumos14 tsrnet_table2_recognition_activitynet13 "
    "tsrnet_table3_detection_thumos14 tsrnet_table4_detection_activitynet13 tsrnet_fig3_ablation "
    "tsrnet_fig4_qualitative",
    "cleannet": "cleannet_table2_ablation cleannet_table3_thumos14 cleannet_table4_activitynet12 "
    "cleannet_fig4_qualitative",
    "ahernet": "ahernet_table1_weight_transfer ahernet_table2_localization ahernet_table3_activitynet13 "
    "ahernet_table4_kinetics600 ahernet_fig4_layers ahernet_fig5_tsne ahernet_fig6_annotation_ratio "
    "ahernet_fig7_localizations",
}
MINIMAL = """
paper: some
name: Some
title: Some title
venue: Somewhere 2020
tables:
  some_table1:
    number: Table 1
    caption: A caption.
    protocol: activitynet
    metric: mAP
    columns:
      - {dataset: thumos14, tiou: [0.3, 0.5, average]}
      - {key: auc, dataset: thumos14, metric: AUC, parts: [AUC]}
    rows:
      - {method: One, source: one, published: {thumos14: [20.0, 10, null], auc: [50.1]}}
      - {method: Two, source: two, experiment: two}
claims:
  - {where: text, says: so much, value: 10, table: some_table1, column: thumos14, cell: 0.5, row: One}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "some.yaml").write_text(MINIMAL)
    return tmp_path


def test_every_target_of_the_papers_is_declared(root):
    papers = read_papers(root / "papers")
    for name, targets in TARGETS.items():
        assert set(targets.split()) <= {*papers[name].tables, *papers[name].figures}


@pytest.mark.parametrize(
    ("paper", "table", "method", "column", "published"),
    [
        ("actionbytes", "table1_what2when", "Ours (+ Proposals)", "thumos14", [26.1, 20.3, 15.5, 3.7]),
        ("actionbytes", "table2_zero_shot", "Baseline", "multithumos", [6.4, 5.14, 3.1, 2.0, 1.3]),
        ("stpn", "stpn_table1_thumos14", "STPN (I3D)", "thumos14", [52.0, 44.7, 35.5, 25.8, 16.9, 9.9, 4.3, 1.2, 0.1]),
        ("tsrnet", "tsrnet_table1_recognition_thumos14", "TSRNet", "thumos14", [74.4, 79.6, 87.1]),
        ("cleannet", "cleannet_table3_thumos14", "CleanNet", "thumos14", [37.0, 30.9, 23.9, 13.9, 7.1]),
        ("ahernet", "ahernet_table2_localization", "AherNet", "th14_fg_auc", [55.5]),
    ],
)
def test_published_numbers_are_where_they_belong(root, paper, table, method, column, published):
    assert read_papers(root / "papers")[paper].tables[table].row(method).published[column] == published


def test_no_key_is_written_twice(root):
    """YAML keeps the last of two equal keys and says nothing: a row's numbers would be lost."""

    class Loader(yaml.SafeLoader):
        pass

    def mapping(loader, node):
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"{node.start_mark}: {keys}"
        return yaml.SafeLoader.construct_mapping(loader, node, deep=True)

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    for file in sorted((root / "papers").glob("*.yaml")):
        assert Loader(file.read_text()).get_single_data()["paper"] == file.stem


def test_values_come_with_their_column_and_cell(folder):
    table = read_papers(folder)["some"].tables["some_table1"]
    found = [(column.name, cell, value) for column, cell, value in table.values(table.rows[0])]
    assert found == [("thumos14", 0.3, 20.0), ("thumos14", 0.5, 10), ("auc", "AUC", 50.1)]
    assert list(table.values(table.rows[1])) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[20.0, 10, null]", "[20.0, 10]", r"some.yaml: tables.some_table1.rows \(One\).published.thumos14: 2 values"),
        ("auc: [50.1]", "auk: [50.1]", r"rows \(One\).published: no column auk; columns here: thumos14, auc"),
        ("key: auc, ", "", "tables.some_table1.columns: two have one name"),
        ("parts: [AUC]", "parts: []", "tables.some_table1.columns.1: give either tiou or parts"),
        ("[50.1]", "[high]", "rows.0.published.auc.0.*'high' is not allowed"),
        ("[50.1]", "[.nan]", "rows.0.published.auc.0.*finite"),
        ("venue", "venu", "venue: is missing"),
        ("metric: mAP", "metric: mAP\n    metrics: 1", "tables.some_table1.metrics: no such parameter"),
        ("protocol: activitynet", "protocol: mine", "tables.some_table1.protocol: 'mine' is not allowed"),
        ("cell: 0.5", "cell: 0.7", "claims.0: some_table1 prints nothing"),
        ("table: some_table1", "table: another", "claims.0.table: no table another"),
        ("paper: some", "paper: other", "paper is 'other' but the file is named some.yaml"),
        ("name: Some", "name: [", "not valid YAML"),
        ("  some_table1:", "  README:", "'README' cannot name a file in results"),
        ("  some_table1:", "  ../t:", "'../t' cannot name a file in results"),
    ],
)
def test_a_wrong_declaration_is_one_line_with_file_and_key(folder, old, new, says):
    assert old in MINIMAL
    (folder / "some.yaml").write_text(MINIMAL.replace(old, new, 1))
    with pytest.raises(UserError) as error:
        read_papers(folder)
    assert re.search(says, str(error.value))
    assert str(error.value).startswith(str(folder / "some.yaml"))
    assert len(str(error.value)) < 400


def test_no_papers_and_no_mapping(folder, tmp_path):
    with pytest.raises(UserError, match="no papers"):
        read_papers(tmp_path / "nowhere")
    (folder / "some.yaml").write_text("- a\n- b\n")
    with pytest.raises(UserError, match="must hold keys"):
        read_papers(folder)


def test_a_target_belongs_to_one_paper(folder):
    (folder / "zother.yaml").write_text(MINIMAL.replace("paper: some", "paper: zother"))
    with pytest.raises(UserError, match=r"some_table1 is already declared in .*some\.yaml"):
        read_papers(folder)


# experiments

RUNS = """
experiments:
  first:
    method: wtalc
    source: {dataset: clips, subset: training}
    targets: {thumos14: test, activitynet12: validation}
    parameters: {latent_dim: 128, dropout: 0.5}
    localization: {cut: {merges: [1, 2], jitter: true}}
    seeds: [0]
  second: {like: first, parameters: {dropout: 0.1}, localization: {cut: {merges: [1]}}}
  third: {like: second, targets: {activitynet12: null}, seeds: null, source: {exclude: thumos14}}
"""


def with_experiments(folder, text):
    (folder / "some.yaml").write_text(MINIMAL + text)
    return read_papers(folder)["some"].experiments


def test_an_experiment_differs_from_the_one_it_is_like_in_what_it_says_alone(folder):
    runs = with_experiments(folder, RUNS)
    assert runs["second"].parameters == {"latent_dim": 128, "dropout": 0.1}
    assert runs["second"].localization == {"cut": {"merges": [1], "jitter": True}}
    assert runs["second"].model_copy(update={"parameters": {}, "localization": {}}) == runs["first"].model_copy(
        update={"parameters": {}, "localization": {}}
    )
    assert runs["first"].parameters == {"latent_dim": 128, "dropout": 0.5}  # untouched
    third = runs["third"]
    assert list(third.targets) == ["thumos14"] and third.seeds is None
    assert (third.source.dataset, third.source.subset, third.source.exclude) == ("clips", "training", "thumos14")
    assert third.parameters == runs["second"].parameters


def test_an_experiment_may_be_like_one_of_another_paper_declared_later(folder):
    (folder / "zother.yaml").write_text(
        "paper: zother\nname: Other\ntitle: Other\nvenue: There\nexperiments:\n  base: "
        "{method: wtalc, source: {dataset: a, subset: b}, targets: {a: c}}\n"
    )
    assert (
        with_experiments(folder, "experiments: {mine: {like: base, method: stpn}}\n")["mine"].targets["a"].subset == "c"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{a: {like: b}, b: {like: c}, c: {like: b}}", "experiments.b.like: goes in a circle: b -> c -> b"),
        ("{a: {like: a}}", "experiments.a.like: goes in a circle: a -> a"),
        ("{a: {like: nobody}}", "experiments.a.like: 'nobody' is not declared; there are a"),
        ("{a: {method: wtalc, targets: {}}}", "experiments.a: .*give either `source` or `sources`"),
        (
            "{a: {method: m, source: {dataset: d, subset: s}, targets: {d: t}, for_target: {e: {}}}}",
            "experiments.a: .*'e', which is not among the targets",
        ),
        ("{a: {method: m, source: {dataset: d, subset: s}, targets: {d: t}, decoding: {}}}", "experiments.a.decoding"),
    ],
)
def test_a_wrong_experiment_is_one_line(folder, text, says):
    with pytest.raises(UserError) as error:
        with_experiments(folder, f"experiments: {text}\n")
    assert re.search(says, str(error.value)), error.value
    assert str(error.value).startswith(str(folder / "some.yaml"))
    assert "\n" not in str(error.value)


def test_two_papers_may_not_declare_one_experiment(folder):
    text = "experiments: {a: {method: m, source: {dataset: d, subset: s}, targets: {d: t}}}\n"
    (folder / "some.yaml").write_text(MINIMAL + text)
    (folder / "zother.yaml").write_text(f"paper: zother\nname: O\ntitle: O\nvenue: T\n{text}")
    with pytest.raises(UserError, match=r"zother.yaml: experiments.a: a second experiment of that name"):
        read_papers(folder)


def test_no_experiment_of_the_papers_is_undone_and_none_repeats_another(root):
    """Each experiment of an appendix or a figure says its one difference: no anchors, and no two are the same."""
    for file in sorted((root / "papers").glob("*.yaml")):
        assert not re.search(r"<<:|: [&*]\w", file.read_text())
    for paper in read_papers(root / "papers").values():
        seen = {}
        for name, experiment in paper.experiments.items():
            twin = seen.setdefault(experiment.model_dump_json(), name)
            assert twin == name, f"{name} is {twin} again"


# columns and figures


def test_a_row_may_have_an_experiment_for_each_column(folder):
    (folder / "some.yaml").write_text(MINIMAL.replace("experiment: two", "experiment: {auc: two, thumos14: three}"))
    table = read_papers(folder)["some"].tables["some_table1"]
    assert [table.rows[1].experiment_of(column) for column in table.columns] == ["three", "two"]
    assert table.rows[1].experiments == ["two", "three"]
    (folder / "some.yaml").write_text(MINIMAL.replace("experiment: two", "experiment: {auk: two}"))
    with pytest.raises(UserError, match=r"rows \(Two\).experiment: no column auk; columns here: thumos14, auc"):
        read_papers(folder)


FIGURE = """
figures:
  some_fig1: {number: Figure 1, caption: A figure., shows: figure only}
  some_fig2: {number: Figure 2, caption: A figure., kind: KIND, REST}
"""


@pytest.mark.parametrize(
    ("kind", "rest", "says"),
    [
        ("curve", "points: [{x: 1, experiment: a}]", "figures.some_fig2.curve.columns: is missing"),
        ("attention", "points: [{x: 1, experiment: a}]", "figures.some_fig2.attention.dataset: is missing"),
        ("qualitative", "dataset: thumos14, points: []", "figures.some_fig2.qualitative.points"),
        (
            "attention",
            "dataset: d, x_label: x, points: [{x: 1, experiment: a}]",
            "attention.x_label: no such parameter",
        ),
        ("tsne", "dataset: thumos14, points: []", "figures.some_fig2: .*'curve'"),
    ],
)
def test_a_figure_needs_what_its_kind_reads(folder, kind, rest, says):
    (folder / "some.yaml").write_text(MINIMAL + FIGURE.replace("KIND", kind).replace("REST", rest))
    with pytest.raises(UserError, match=says):
        read_papers(folder)


def test_a_figure_without_a_kind_is_only_named(folder):
    rest = "dataset: thumos14, points: [{x: M, experiment: two}]"
    (folder / "some.yaml").write_text(MINIMAL + FIGURE.replace("KIND", "attention").replace("REST", rest))
    printed, drawn = read_papers(folder)["some"].figures.values()
    assert printed.kind == "printed"
    assert drawn.reads == {"models", "features", "stills", "truth"}


@pytest.mark.parametrize("target", ["README", "../up", "a/b", ".hidden", ""])
def test_a_target_that_cannot_name_a_file_is_refused(folder, target):
    (folder / "some.yaml").write_text(MINIMAL.replace("some_table1", f"'{target}'"))
    with pytest.raises(UserError, match="cannot name a file in results"):
        read_papers(folder)
