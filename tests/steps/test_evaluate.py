"""Evaluation of a class split: as if the other classes and their videos were not there."""

import json

import numpy as np
import pytest

from actionbytes.data.annotations import Instance, Video, write_annotations
from actionbytes.data.detections import Detections, write_detections
from actionbytes.data.scores import VideoScores, write_scores
from actionbytes.steps.evaluate import evaluate

VIDEOS = {
    "v1": Video("v1", "test", 60.0, 25.0, (Instance("Jump", 0.0, 10.0), Instance("Run", 20.0, 30.0))),
    "v2": Video("v2", "test", 60.0, 25.0, (Instance("Run", 0.0, 10.0),)),
    "v3": Video("v3", "test", 60.0, 25.0, (Instance("Walk", 0.0, 10.0),)),
}
ROWS = [
    ("v1", "Jump", 0.0, 10.0, 0.9),
    ("v2", "Jump", 0.0, 10.0, 0.8),
    ("v1", "Run", 20.0, 30.0, 0.7),
    ("v3", "Walk", 0.0, 10.0, 0.6),
    ("v3", "Run", 0.0, 10.0, 0.5),
]
SCORES = np.array([[3, 2, 1], [2, 1, 3], [0, 1, 2]], np.float32)


@pytest.fixture
def measured(tmp_path):
    """Metrics of these detections and scores, on all classes or some."""

    def measure(videos, rows, classes, scores, only=None):
        write_annotations(tmp_path / "truth.json", videos)
        write_detections(tmp_path / "detections.json", Detections.from_rows(rows))
        write_scores(tmp_path / "scores.csv", VideoScores(list(videos), classes, {"fusion": scores}))
        files = (tmp_path / name for name in ("detections.json", "truth.json"))
        return evaluate(*files, "test", [0.5], scores=tmp_path / "scores.csv", only=only)

    return measure


def test_only_the_classes_of_a_split_count_and_only_their_videos(measured):
    split = measured(VIDEOS, ROWS, ["Jump", "Run", "Walk"], SCORES, only=["Jump", "Walk"])
    left = {
        "v1": Video("v1", "test", 60.0, 25.0, (Instance("Jump", 0.0, 10.0),)),
        "v3": VIDEOS["v3"],
    }
    by_hand = measured(left, [ROWS[0], ROWS[3]], ["Jump", "Walk"], SCORES[[0, 2]][:, [0, 2]])
    assert json.dumps(split) == json.dumps(by_hand)
    everything = measured(VIDEOS, ROWS, ["Jump", "Run", "Walk"], SCORES)
    assert everything["activitynet"]["map"] != split["activitynet"]["map"] == [100.0]
    assert split["recognition"]["fusion"]["videos"]["listed"] == 2


def test_a_split_of_all_classes_changes_nothing(measured):
    arguments = (VIDEOS, ROWS, ["Jump", "Run", "Walk"], SCORES)
    assert json.dumps(measured(*arguments, only=["Walk", "Run", "Jump"])) == json.dumps(measured(*arguments))
