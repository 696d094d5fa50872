"""What may be deleted: artifacts that no recipe names or needs, and nothing that only looks like one."""

import json
from pathlib import Path

import pytest

from actionbytes.errors import UserError
from actionbytes.planning.inventory import delete, unnamed
from actionbytes.planning.plan import Plan
from actionbytes.recipes import Recipe
from actionbytes.reporting.recipe_words import read_recipe

OLD = Recipe("train", "wtalc-kinetics400", {"method": "wtalc", "training": {"lr": 0.1}})


def put(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_only_what_holds_the_recipe_of_its_name_is_an_artifact(project: Path):
    runs = project / "results/runs/mini"
    OLD.write(runs / OLD.name)
    for mine in (runs / "my-notes-0123456789", project / "data/mini/thumos14/frames/my-notes-0123456789"):
        put(mine / "notes.txt")
    put(project / "data/mini/labels/my-labels-0123456789/a.json")
    put(runs / "copied-0123456789/recipe.json", json.dumps(OLD.full))
    plan = Plan.read(project)
    assert list(unnamed(plan)) == [Path("results/runs/mini") / OLD.name]
    delete(plan, unnamed(plan))
    assert sorted(path.name for path in runs.iterdir()) == ["copied-0123456789", "my-notes-0123456789"]


def test_frames_of_an_interrupted_run_go_once_all_is_made_from_them(project: Path):
    plan = Plan.read(project)
    frames = plan.at.feature_sets()[0].frames
    left = [frames.frames_of("test_00"), frames.flow_of("test_00.partial")]
    for folder in left:
        put(project / folder / "a.frames")
    users = [
        features
        for features in plan.at.feature_sets()
        if {features.frames.frames_of(""), features.frames.flow_of("")} & {frames.frames_of(""), frames.flow_of("")}
    ]
    pretrained = [each for each in plan.at.pretrained_sets() if each.frames.frames_of("") == frames.frames_of("")]
    assert not unnamed(plan), "features are still to be made from them"
    for features in users:
        put(project / features.folder / "test_00.h5")
    for each in pretrained:
        put(project / each.file("rgb"))
        put(project / each.file("flow"))
    assert set(unnamed(Plan.read(project))) == set(left)


def test_a_recipe_that_was_changed_is_refused(tmp_path: Path):
    OLD.write(tmp_path / OLD.name)
    assert read_recipe(tmp_path / OLD.name / "seed0") == OLD.full
    changed = OLD.full | {"training": {"lr": 99}}
    put(tmp_path / OLD.name / "recipe.json", json.dumps(changed))
    with pytest.raises(UserError, match="was changed: its digest is not that of the folder's name"):
        read_recipe(tmp_path / OLD.name)
    put(tmp_path / "mine" / "recipe.json", json.dumps(changed))
    assert read_recipe(tmp_path / "mine") == changed, "a folder of another name promises nothing"
