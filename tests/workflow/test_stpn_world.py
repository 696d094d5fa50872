"""STPN in a tiny world, from pixels at 10 frames a second to a table and a submission."""

import csv
import json
import runpy

import pytest
import yaml

TABLE, SUBMISSION = "results/stpn_table3_activitynet13_test.csv", "results/stpn_table3_submission.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory, root, snakemake, project_copier):
    """A tiny project with the table of the test server and what is sent to it."""
    tiny = runpy.run_path(str(root / "tests" / "workflow" / "test_tiny_world.py"))["tiny"]
    folder = tiny(project_copier(root, tmp_path_factory.mktemp("tiny")))
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["mini"]["world"] |= {"activitynet12_training_videos": 8, "clips": 0}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    snakemake(folder, "--cores", "2", TABLE, SUBMISSION)
    return folder


def test_the_table_is_measured_in_the_test_subset_at_ten_frames_a_second(made):
    row = next(row for row in csv.DictReader((made / TABLE).open()) if row["method"] == "STPN")
    assert (row["features"], row["n_seeds"], row["paper"], row["tiou"]) == ("i3d-w0.125-10fps", "2", "20.07", "average")
    features = [path.name for path in (made / "data/mini/activitynet13/features").iterdir()]
    assert len(features) == 1 and features[0].startswith("i3d-10fps")


def test_the_submission_lists_every_video_of_the_test_subset(made):
    content = json.loads((made / SUBMISSION).read_text())
    truth = json.loads((made / "data/mini/activitynet13/annotations.json").read_text())["database"]
    assert set(content["results"]) == {name for name, video in truth.items() if video["subset"] == "testing"}
    assert all(entry["segment"][1] <= truth[name]["duration"] for name, x in content["results"].items() for entry in x)
    assert content["external_data"]["details"]
