"""What the current parameters and papers name, part by part."""

from pathlib import Path
from typing import ClassVar

import pytest

from actionbytes.data.annotations import Video
from actionbytes.data.manifests import read_manifest, write_manifest
from actionbytes.errors import UserError
from actionbytes.methods.parameters import ActivationMethodParameters
from actionbytes.papers.figures import Qualitative
from actionbytes.planning import runs as planning_runs
from actionbytes.planning.datasets import DatasetMissing, NotInSuite, Own, Published, Rendered
from actionbytes.planning.inventory import stage_files
from actionbytes.planning.pipeline import dvc_yaml
from actionbytes.planning.plan import Plan

SOURCE = {"dataset": "thumos14", "subset": "validation"}
BASE = {"method": "wtalc", "source": SOURCE, "targets": {"thumos14": "test"}}
KINDS = {
    "i3d": {},
    "overlapping": {"like": "i3d", "hop": 8},
    "frames_alone": {"like": "i3d", "streams": ["rgb"]},
    "slow": {"like": "overlapping", "fps": 10},
}


def table(**rows):
    """A table on THUMOS14 with a row for each experiment."""
    columns = [{"dataset": "thumos14", "tiou": [0.5]}]
    declared = {"number": "T", "caption": "C", "protocol": "wtalc", "metric": "mAP", "columns": columns}
    return declared | {"rows": [{"method": name, "experiment": experiment} for name, experiment in rows.items()]}


def test_every_row_of_a_table_and_every_point_of_a_figure_can_differ(root):
    """A row that shows the artifact of another row says nothing: what it changes is what the other has."""
    plan = Plan.read(root)
    for result in [*plan.results.tables, *plan.results.figures]:
        shown = plan.results.shown(result)
        files = [(entry.column, plan.results.detections_of(entry).metrics(entry.seed)) for entry in shown]
        assert len(set(files)) == len(files), result


def test_dvc_yaml_is_what_the_plan_writes(root):
    assert (root / "dvc.yaml").read_text() == dvc_yaml(Plan.read(root)), "run `actionbytes plan --dvc`"


# features


def test_a_kind_of_features_decides_what_they_are_made_from(planned):
    plan = planned({}, features=KINDS | {"i3d_10fps": {"like": "i3d", "fps": 10}})
    features = {name: plan.extraction.features("thumos14", name) for name in KINDS}
    assert len({found.recipe.name for found in features.values()}) == len(KINDS)
    assert features["i3d"].frames == features["overlapping"].frames  # snippets are cut from the same flow
    assert features["slow"].frames.decoding.fps == 10
    assert features["slow"].recipe.name.startswith("i3d-10fps-")
    assert (features["slow"].kind.hop, features["slow"].kind.span) == (8, 16)
    assert plan.extraction.in_words("slow") == "i3d-w0.25-10fps"
    shards = features["i3d"].frames
    assert features["i3d"].seen("test_00") == {
        "frames": shards.frames_of("test_00"),
        "flow": shards.flow_of("test_00"),
    }
    assert features["frames_alone"].seen("test_00") == {"frames": shards.frames_of("test_00")}
    assert list(features["frames_alone"].weights) == ["rgb"]


def test_features_of_frames_alone_do_not_depend_on_flow(planned):
    names = [
        planned({}, features=KINDS | {"i3d_10fps": {}}, flow={"warps": warps}, networks=NETWORKS)
        .extraction.features("thumos14", "frames_alone")
        .recipe.spec["frames"]
        for warps in (1, 2)
    ]
    assert names[0] == names[1]


NETWORKS = {"i3d": {"width": 0.125}}


def test_an_experiment_picks_its_features_and_an_unknown_kind_is_named(planned):
    experiments = {"a": BASE, "b": {"like": "a", "features": "overlapping"}, "c": {"like": "a", "features": "p3d"}}
    plan = planned(experiments, features=KINDS | {"i3d_10fps": {"like": "i3d", "fps": 10}})
    first, second = plan.runs.detections("a", "thumos14"), plan.runs.detections("b", "thumos14")
    assert first.features.kind.hop == 16 and second.features.kind.hop == 8
    assert second.run.features == [second.features]
    assert first.recipe.name != second.recipe.name and first.run.recipe.name != second.run.recipe.name
    with pytest.raises(UserError, match=r"features 'p3d' are not declared; params\.yaml has i3d, overlapping"):
        plan.runs.run("c")


@pytest.mark.parametrize(
    ("features", "says"),
    [
        ({"i3d": {"like": "other"}}, "features.i3d.like: 'other' is not declared"),
        ({"i3d": {"network": "p3d"}}, "mini.features.i3d.network: 'p3d' is not allowed"),
        ({"i3d": {"span": 3}}, "mini.features.i3d.span"),
    ],
)
def test_a_wrong_kind_of_features_is_one_line(planned, features, says):
    with pytest.raises(UserError, match=says):
        planned({}, features=features)


# datasets


def test_each_nature_of_a_dataset_answers_the_same_questions(planned, root, tmp_path):
    clip = tmp_path / "my/clips/jump/a.mp4"
    clip.parent.mkdir(parents=True)
    clip.write_bytes(b"a video")
    datasets = {"thumos14": {}, "multithumos": {"videos_of": "thumos14"}}
    plan = planned({}, datasets=datasets | {"gym": {"clips": "my/clips", "subset": "training"}})
    assert {name: type(dataset) for name, dataset in plan.datasets.items()} == {
        "thumos14": Rendered,
        "multithumos": Rendered,
        "gym": Own,
    }
    assert plan.datasets.videos_of("multithumos") is plan.datasets["thumos14"]
    for dataset in plan.datasets.values():
        assert dataset.labels.is_relative_to("data/mini/labels")
        assert dataset.marker.parent == dataset.home == Path("data/mini") / dataset.name
        assert dataset.truth[0] == dataset.labels
    plan.datasets["thumos14"].require_subset("here", "nobody knows")  # no file is opened for it
    with pytest.raises(UserError, match="here: dataset 'gym' has no subset 'train'; write 'training'"):
        plan.datasets["gym"].require_subset("here", "train")
    with pytest.raises(NotInSuite, match=r"dataset 'ucf101' is not in suite 'mini'; params\.yaml declares thumos14"):
        plan.datasets["ucf101"]


def test_a_published_dataset_says_what_is_missing(project):
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("suite: mini", "suite: full"))
    plan = Plan.read(project)
    dataset = plan.datasets["thumos14"]
    assert isinstance(dataset, Published)
    with pytest.raises(UserError, match=r"videos.csv: no such file; put the videos .* `actionbytes index"):
        plan.runs.run("weak_thumos14")
    assert not [path for path in stage_files(plan).runs if "thumos14" in str(path)]  # all else is planned
    dataset = Plan.read(project).datasets["thumos14"]
    (project / dataset.home).mkdir(parents=True)
    (project / dataset.marker).write_text("video,subset,file\n")
    (project / dataset.labels).write_text("{}")
    assert len(dataset.videos_fingerprint) == len(dataset.labels_fingerprint) == 64


def test_a_published_dataset_knows_its_subsets_and_its_files(project):
    """Before anything is decoded: no hours for empty shards, no features of a file that is not the listed one."""
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("suite: mini", "suite: full"))
    home = project / "data/full/thumos14"
    (home / "videos").mkdir(parents=True)
    (home / "videos" / "a.mp4").write_bytes(b"whole")
    write_manifest(home, {"a": Video("a", "Validation")})
    dataset = Plan.read(project).datasets["thumos14"]
    dataset.require_subset("here", "validation")
    with pytest.raises(DatasetMissing, match=r"here: .*videos\.csv has no video of subset 'test'; nearest is"):
        dataset.require_subset("here", "test")
    entries = read_manifest(home / "videos.csv")
    assert dataset.located(entries) == entries
    (home / "videos" / "a.mp4").write_bytes(b"another")
    with pytest.raises(UserError, match=r"a\.mp4: has changed since videos\.csv was written; run `actionbytes index"):
        dataset.located(entries)


# runs


class TwoSources(ActivationMethodParameters):
    """A method that learns from two sources, knows the classes of one, and starts from a run on the other."""

    sources: ClassVar = ("untrimmed", "trimmed")
    classes_from: ClassVar = ("untrimmed",)
    starts_from: ClassVar = {"clips": "wtalc", "videos": "wtalc"}


TRIMMED = {"dataset": "kinetics400", "subset": "validation"}
TWO = {
    "method": "two",
    "sources": {"trimmed": TRIMMED, "untrimmed": SOURCE | {"supervision": "segments", "annotated": 0.4}},
    "init": {"clips": "on_clips"},
    "targets": {"thumos14": "test", "kinetics400": "validation"},
}


@pytest.fixture
def two_sources(monkeypatch):
    known = planning_runs.method_parameters
    monkeypatch.setattr(planning_runs, "method_parameters", lambda name: TwoSources if name == "two" else known(name))


def test_a_run_learns_from_several_sources_and_starts_from_runs_on_others(planned, two_sources):
    experiments = {"on_clips": BASE | {"source": TRIMMED}, "two": TWO, "more": {"like": "two", "sources": {}}}
    experiments["more"]["sources"] = {"untrimmed": {"annotated": 0.6}}
    plan = planned(experiments)
    run = plan.runs.run("two")
    assert [(name, x.source.dataset) for name, x in run.sources.items()] == [
        ("untrimmed", "thumos14"),
        ("trimmed", "kinetics400"),
    ]
    assert run.recipe.name.startswith("two-thumos14-")
    assert list(run.starts) == ["clips"] and run.starts["clips"] == plan.runs.run("on_clips")
    assert len(run.inputs) == 4 and {path.parts[2] for path in run.inputs} == {"thumos14", "kinetics400"}
    assert run.sources["untrimmed"].source.supervision == "segments"
    assert plan.runs.run("more").recipe.name != run.recipe.name  # another share of the annotation
    assert list(plan.runs.behind("two")) == ["two", "on_clips"]
    assert plan.runs.detections("two", "thumos14").transfer is None
    assert plan.runs.detections("two", "kinetics400").transfer is not None  # its classes are no outputs


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sources": {"trimmed": None}}, "two learns from the sources untrimmed, trimmed; given: untrimmed"),
        ({"sources": {"other": TRIMMED}}, "given: trimmed, untrimmed, other"),
        ({"init": "on_clips"}, "init: two starts from one experiment for each of clips, videos"),
        ({"init": {"other": "on_clips"}}, "init: two does not start from 'other', but clips, videos"),
        ({"sources": None, "source": SOURCE}, "two learns from the sources untrimmed, trimmed"),
    ],
)
def test_sources_and_starts_are_those_of_the_method(planned, two_sources, changes, says):
    plan = planned({"on_clips": BASE | {"source": TRIMMED}, "two": TWO, "wrong": {"like": "two", **changes}})
    with pytest.raises(UserError, match=says):
        plan.runs.run("wrong")


def test_a_method_that_starts_from_nothing_takes_no_init(planned):
    with pytest.raises(UserError, match="experiment b: init: wtalc starts from no other run"):
        planned({"a": BASE, "b": {"like": "a", "init": "a"}}).runs.run("b")


def test_class_splits_name_what_is_learned_and_what_is_tested(planned, project):
    (project / "papers/splits").mkdir()
    (project / "papers/splits/seen.yaml").write_text("- Jump\n- Run\n")
    target = {"thumos14": {"subset": "test", "classes": "seen"}}
    experiments = {"a": BASE, "b": {"like": "a", "targets": target}, "c": {"like": "a", "source": {"classes": "seen"}}}
    plan = planned(experiments)
    everything, tested = plan.runs.detections("a", "thumos14"), plan.runs.detections("b", "thumos14")
    assert tested.classes == ("Jump", "Run") and everything.classes is None
    assert tested.run == everything.run and tested.recipe.name != everything.recipe.name
    learned = plan.runs.run("c")
    assert learned.sources["videos"].classes == ("Jump", "Run") and learned != everything.run
    (project / "papers/splits/seen.yaml").write_text("- Jump\n")
    assert planned(experiments).runs.run("c").recipe.name != learned.recipe.name  # content, not the name alone
    with pytest.raises(UserError, match=r"papers/splits/unseen.yaml: no such file"):
        planned({"a": BASE | {"source": SOURCE | {"classes": "unseen"}}}).runs.run("a")


# results


def test_a_row_shows_another_experiment_in_each_column(planned):
    columns = [{"key": key, "dataset": "thumos14", "setting": key, "tiou": [0.5]} for key in ("few", "many")]
    declared = table() | {"columns": columns, "rows": [{"method": "M", "experiment": {"few": "a", "many": "b"}}]}
    experiments = {"a": BASE, "b": {"like": "a", "parameters": {"latent_dim": 8}, "seeds": [7]}}
    plan = planned(experiments, {"mine": declared})
    assert [entry[:3] + entry[4:] for entry in plan.results.shown("mine")] == [
        (0, "few", "a", 0),
        (0, "few", "a", 1),
        (0, "few", "a", 2),
        (0, "many", "b", 7),
    ]
    inputs = plan.results.table_inputs("mine")
    assert len(set(inputs.metrics)) == 4 and len(set(inputs.runs)) == 2
    assert set(inputs.features) == {(0, "few"), (0, "many")}


def test_two_columns_of_one_experiment_read_its_metrics_once(planned):
    columns = [{"key": key, "dataset": "thumos14", "tiou": [0.5]} for key in ("left", "right")]
    plan = planned({"a": BASE}, {"mine": table(M="a") | {"columns": columns}})
    assert len(plan.results.shown("mine")) == 6
    assert len(plan.results.metrics("mine")) == 3


def test_the_key_changes_with_what_is_shown(planned):
    experiments = {"a": BASE, "b": {"like": "a", "parameters": {"latent_dim": 8}}}
    keys = [planned(experiments, {"mine": table(M=name)}).results.key("mine") for name in ("a", "b", "a")]
    assert keys[0] == keys[2] != keys[1]


def test_a_figure_gets_the_files_that_its_kind_reads(planned):
    points = [{"x": "M", "experiment": "a"}]
    values = {"number": "F", "caption": "C", "points": points}
    figures = {
        "seen": values | {"kind": "qualitative", "dataset": "thumos14"},
        "attended": values | {"kind": "attention", "dataset": "thumos14"},
        "drawn": values | {"kind": "curve", "loss": True, "columns": [{"dataset": "thumos14", "tiou": [0.5]}]},
    }
    results = planned({"a": BASE}, figures=figures).results
    seen, attended, drawn = (results.figure_inputs(name) for name in figures)
    assert isinstance(seen.figure, Qualitative)
    assert (len(seen.detections), seen.models, seen.features, seen.metrics) == (1, (), (), ())
    assert (len(attended.models), len(attended.features), attended.detections) == (1, 2, ())
    assert seen.stills == attended.stills == results.stills("seen").file
    assert (len(drawn.metrics), len(drawn.models), len(drawn.rounds)) == (3, 3, 3)
    assert drawn.stills is None and results.stills("drawn") is None


def test_a_picture_of_videos_that_its_experiment_does_not_have_is_refused(planned):
    figure = {"number": "F", "caption": "C", "kind": "attention", "dataset": "activitynet12"}
    plan = planned({"a": BASE}, figures={"mine": figure | {"points": [{"x": 1, "experiment": "a"}]}})
    with pytest.raises(UserError, match="experiment a: has no videos of activitynet12, which F shows"):
        plan.results.figure_inputs("mine")


def test_dvc_keeps_what_results_need_and_nothing_else(project):
    for path in (project / "papers").glob("*.yaml"):
        path.unlink()
    text = (
        "paper: mine\nname: M\ntitle: T\nvenue: V\nexperiments:\n  a: {method: wtalc, source: {dataset: thumos14, "
        "subset: validation}, targets: {multithumos: test}}\ntables:\n  mine:\n    number: T\n    caption: C\n"
        "    protocol: wtalc\n    metric: mAP\n    columns: [{dataset: multithumos, tiou: [0.5]}]\n"
        "    rows: [{method: M, experiment: a}]\n"
    )
    (project / "papers/mine.yaml").write_text(text)
    written = dvc_yaml(Plan.read(project))
    assert "data/${suite}/thumos14/features" in written  # multithumos has no videos of its own
    for absent in ("multithumos", "kinetics400", "exclusions", "stills"):
        assert absent not in written
    assert "results/mine.csv: {cache: false, persist: true}" in written
