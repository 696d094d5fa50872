"""Every target can be planned, a changed parameter makes exactly what is behind it, a wrong one is one line."""

import re
from pathlib import Path

import pytest
import yaml

from actionbytes.errors import UserError
from actionbytes.planning.plan import Plan


def edited(project: Path, *path: str, value) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    here = params
    for key in path[:-1]:
        here = here.setdefault(key, {})
    here[path[-1]] = value
    (project / "params.yaml").write_text(yaml.safe_dump(params))


def names(plan: Plan, table: str = "table1_what2when") -> dict[str, str]:
    """The recipe names behind the first cell of a table."""
    _, experiment, dataset, _ = plan.cells(table)[-1]
    what = plan.localized(experiment, dataset)
    clips = what.features.clips
    return {
        "frames": clips.frames_recipe.name,
        "flow": clips.flow_recipe.name,
        "features": what.features.recipe.name,
        "run": what.run.recipe.name,
        "detections": what.recipe.name,
    }


def test_every_target_is_planned(project, snakemake):
    done = snakemake(project, "--dry-run", "--cores", "1", "all")
    text = done.stdout + done.stderr
    for rule in ("render_videos", "decode_videos", "compute_flow", "pretrain_backbone", "extract_features"):
        assert rule in text
    for rule in ("train_method", "localize_actions", "evaluate_detections", "render_table"):
        assert rule in text
    assert not (project / "data").exists()


@pytest.mark.parametrize(
    ("path", "value", "changed"),
    [
        (("mini", "decoding", "fps"), 10, {"frames", "flow", "features", "run", "detections"}),
        (("mini", "flow", "warps"), 1, {"flow", "features", "run", "detections"}),
        (("mini", "features", "dtype"), "float32", {"features", "run", "detections"}),
        (("mini", "features", "precision"), "bf16", {"features", "run", "detections"}),
        (("mini", "methods", "actionbytes", "parameters", "clusters"), 30, {"run"}),
        (("mini", "localization", "nms"), 0.3, {"detections"}),
        (("mini", "datasets", "thumos14", "shards"), 3, set()),
    ],
)
def test_a_parameter_renames_what_is_behind_it(project, path, value, changed):
    before = names(Plan.read(project))
    edited(project, *path, value=value)
    after = names(Plan.read(project))
    assert {key for key in before if before[key] != after[key]} == changed


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("suite",), "huge", ["suite", "'huge'", "mini", "full"]),
        (("mini", "decoding", "fps"), -5, ["mini.decoding.fps", "-5", "greater than 0"]),
        (("mini", "decodng"), {}, ["mini.decodng", "no such parameter", "decoding"]),
        (("mini", "methods", "wtalc", "parameters"), {"latent": 3}, ["latent", "no such parameter", "latent_dim"]),
        (("mini", "datasets", "multithumos", "videos_of"), "thumos", ["'thumos'"]),
    ],
)
def test_a_wrong_parameter_is_one_line(project, snakemake, path, value, words):
    edited(project, *path, value=value)
    done = snakemake(project, "--dry-run", "--cores", "1", "all", check=False)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert all(word in lines[0] for word in words), lines[0]


def test_a_new_row_needs_no_code(project, snakemake):
    path = project / "papers" / "actionbytes.yaml"
    paper = yaml.safe_load(path.read_text())
    own = dict(paper["experiments"]["what2when_proposals"]) | {"localization": {"proposals": True, "nms": 0.3}}
    paper["experiments"]["mine"] = own
    paper["tables"]["my_table"] = dict(paper["tables"]["table1_what2when"]) | {
        "number": "My table", "rows": [{"method": "Mine", "experiment": "mine"}],
    }  # fmt: skip
    path.write_text(yaml.safe_dump(paper))
    done = snakemake(project, "--dry-run", "--cores", "1", "results/my_table.csv")
    assert "render_table" in done.stdout + done.stderr


def test_an_unknown_experiment_is_named(project, snakemake):
    path = project / "papers" / "actionbytes.yaml"
    path.write_text(path.read_text().replace("experiment: what2when_mined", "experiment: what2when_mind", 1))
    done = snakemake(project, "--dry-run", "--cores", "1", "all", check=False)
    assert done.returncode == 2
    assert "what2when_mind" in done.stderr


def test_a_paper_is_a_target_and_a_feature_recipe_a_parameter_of_an_experiment(project, snakemake):
    done = snakemake(project, "--dry-run", "--cores", "1", "stpn")
    text = done.stdout + done.stderr
    assert "write_submission" in text
    plan = Plan.read(project)
    names = {path.name for path in plan.results("stpn")}
    assert {"stpn_table1_thumos14.csv", "stpn_table3_submission.json"} < names
    assert not any(name.startswith("table") for name in names)
    slow, fast = plan.run("stpn_thumos14"), plan.run("stpn_thumos14_25fps")
    assert slow.features.recipe.name.startswith("i3d-10fps") and fast.features.recipe.name.startswith("i3d-25fps")
    assert slow.features.weights == fast.features.weights  # one backbone
    assert plan.localized("stpn_thumos14", "thumos14").features == plan.features("thumos14", {"fps": 10})
    assert fast.features == plan.features("thumos14")
    table = plan.declaration("stpn_table1_thumos14")
    assert sorted(set(table["features"].values())) == ["i3d-w0.25-10fps", "i3d-w0.25-25fps"]
    assert plan.run("stpn_activitynet13").folder == plan.run("stpn_activitynet13_test").folder


def test_a_hidden_subset_is_detected_in_and_not_measured(project):
    edited(project, "mini", "datasets", "activitynet13", "hidden", value=["testing"])
    plan = Plan.read(project)
    assert plan.cells("stpn_table3_activitynet13_test") == []
    assert plan.submitted("stpn_table3_submission").subset == "testing"


def test_label_transfer_with_a_method_that_has_none_is_one_line(project):
    path = project / "papers" / "stpn.yaml"
    path.write_text(path.read_text().replace("targets: {thumos14: test}", "targets: {activitynet13: validation}", 1))
    plan = Plan.read(project)
    with pytest.raises(UserError, match=r"stpn_thumos14, target activitynet13.*train it on the target's"):
        plan.localized("stpn_thumos14", "activitynet13")


def test_several_results_are_asked_for_at_once(project, snakemake):
    tables = ("results/table1_what2when.csv", "results/table2_zero_shot.csv")
    done = snakemake(project, "--dry-run", "--cores", "1", *tables)
    assert re.search(r"^render_table +2$", done.stdout + done.stderr, re.MULTILINE)
