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
    """The recipe names of all that the last cell of a table needs."""
    detections = plan.results.detections_of(plan.results.shown(table)[-1])
    frames = detections.features.frames
    return {
        "frames": frames.frames_recipe.name,
        "flow": frames.flow_recipe.name,
        "features": detections.features.recipe.name,
        "run": detections.run.recipe.name,
        "detections": detections.recipe.name,
    }


def jobs(done) -> dict[str, int]:
    """Rule -> number of jobs, by Snakemake's statistics."""
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, re.MULTILINE)}


def test_every_target_is_planned(project, snakemake):
    done = jobs(snakemake(project, "--dry-run", "--cores", "1", "all"))
    rules = {"render_videos", "write_word_vectors", "decode_shard", "flow_shard", "pretrain_stream", "extract_shard"}
    rules |= {"list_videos", "list_exclusions", "train", "detect", "evaluate", "pick_stills"}
    assert done.keys() == rules | {"render_table", "render_figure", "all", "total"}
    assert done["detect"] == done["evaluate"] > done["train"]
    assert not (project / "data").exists()


def test_every_rule_has_one_name_and_says_what_it_needs(root):
    """Rule and script are called alike, the step is too, and a cluster knows cores, memory and minutes of each."""
    text = "\n".join(path.read_text() for path in sorted((root / "workflow/rules").glob("*.smk")))
    rules = dict(re.findall(r"^rule (\w+):\n((?:[ \n].*\n?)+)", text, re.MULTILINE))
    scripts = {path.stem: path.read_text() for path in (root / "workflow/scripts").glob("*.py")}
    assert rules.keys() == scripts.keys()
    for name, body in rules.items():
        assert all(f"    {key}:" in body for key in ("threads", "resources", "log", "message")), name
        assert re.search(r"mem_mb=\d+,\n +runtime=\d+,", body), name
        assert f'"../scripts/{name}.py"' in body
        assert re.search(rf"^from actionbytes\.\S+ import .*\b{name}\b", scripts[name], re.MULTILINE), name


@pytest.mark.parametrize(
    ("path", "value", "changed"),
    [
        (("mini", "decoding", "fps"), 10, {"frames", "flow", "features", "run", "detections"}),
        (("mini", "flow", "warps"), 1, {"flow", "features", "run", "detections"}),
        (("mini", "features", "i3d", "dtype"), "float32", {"features", "run", "detections"}),
        (("mini", "features", "i3d", "precision"), "bf16", {"features", "run", "detections"}),
        (("mini", "methods", "actionbytes", "parameters", "clusters"), 30, {"run"}),
        (("mini", "features", "i3d", "hop"), 8, {"features", "run", "detections"}),
        (("mini", "methods", "actionbytes", "localization", "nms"), 0.3, {"detections"}),
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
        (("seeds",), [-1], ["seeds", "[-1] is not allowed", "0 or more"]),
        (("seeds",), [0, 0], ["seeds", "[0, 0] is not allowed", "twice"]),
        (("mini", "datasets", "my-data"), {}, ["mini: datasets: 'my-data' cannot name a dataset"]),
        (("mini", "evaluation"), {"tiou": [-1]}, ["mini.evaluation.tiou", "-1.0 is no threshold"]),
        (("mini", "decodng"), {}, ["mini.decodng", "no such parameter", "decoding"]),
        (("mini", "methods", "wtalc", "parameters"), {"latent": 3}, ["latent", "no such parameter", "latent_dim"]),
        (("mini", "datasets", "multithumos", "videos_of"), "thumos", ["'thumos'"]),
        (("mini", "methods", "stpn", "localization"), {"nms": 3}, ["mini.methods.stpn.localization", "nms", "3"]),
        (("mini", "features", "i3d_10fps"), {"like": "i3"}, ["features.i3d_10fps.like", "'i3'", "not declared"]),
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


@pytest.mark.parametrize("option", [("--config", "suite=full"), ("--configfile", "mine.yaml")], ids=lambda o: o[0])
def test_parameters_on_the_command_line_are_refused(project, snakemake, option):
    """They would not be read, and results of the small suite be taken for those of the full one."""
    (project / "mine.yaml").write_text("suite: full\n")
    done = snakemake(project, "--dry-run", "--cores", "1", "all", *option, check=False)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if line.startswith("error:")] == [
        "error: suite: parameters are in params.yaml alone; edit it"
    ]


def test_a_new_row_needs_no_code(project, snakemake):
    path = project / "papers" / "actionbytes.yaml"
    paper = yaml.safe_load(path.read_text())
    paper["experiments"]["mine"] = {"like": "what2when_proposals", "localization": {"nms": 0.3}}
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


def test_a_paper_is_a_target_and_an_experiment_picks_a_kind_of_features(project, snakemake):
    done = snakemake(project, "--dry-run", "--cores", "1", "stpn")
    text = done.stdout + done.stderr
    assert "write_submission" in text
    plan = Plan.read(project)
    names = {path.name for path in plan.results.of_paper("stpn")}
    assert {"stpn_table1_thumos14.csv", "stpn_table3_submission.json"} < names
    assert not any(name.startswith("table") for name in names)
    slow, fast = (plan.runs.run(name).features[0] for name in ("stpn_thumos14", "stpn_thumos14_25fps"))
    assert slow.recipe.name.startswith("i3d-10fps") and fast.recipe.name.startswith("i3d-25fps")
    assert slow.weights == fast.weights  # of one network
    assert plan.runs.detections("stpn_thumos14", "thumos14").features == slow
    assert fast == plan.extraction.features("thumos14", "i3d")
    table = plan.results.table_inputs("stpn_table1_thumos14")
    assert sorted(set(table.features.values())) == ["i3d-w0.25-10fps", "i3d-w0.25-25fps"]
    assert plan.runs.run("stpn_activitynet13") == plan.runs.run("stpn_activitynet13_test")


def test_a_hidden_subset_is_detected_in_and_not_measured(project):
    edited(project, "mini", "datasets", "activitynet13", "hidden", value=["testing"])
    plan = Plan.read(project)
    assert plan.results.shown("stpn_table3_activitynet13_test") == []
    assert plan.results.submitted("stpn_table3_submission").subset == "testing"


def test_label_transfer_with_a_method_that_has_none_is_one_line(project):
    path = project / "papers" / "stpn.yaml"
    path.write_text(path.read_text().replace("targets: {thumos14: test}", "targets: {activitynet13: validation}", 1))
    plan = Plan.read(project)
    with pytest.raises(UserError, match=r"stpn_thumos14, target activitynet13.*train it on the target's"):
        plan.runs.detections("stpn_thumos14", "activitynet13")


def test_several_results_are_asked_for_at_once(project, snakemake):
    tables = ("results/table1_what2when.csv", "results/table2_zero_shot.csv")
    done = snakemake(project, "--dry-run", "--cores", "1", *tables)
    assert jobs(done)["render_table"] == 2
