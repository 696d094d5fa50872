"""metrics.json: what `measure` puts into it, and what is read from it."""

import json

import numpy as np
import pytest

from actionbytes.data.annotations import Instance, Video, write_annotations
from actionbytes.data.detections import Detections, write_detections
from actionbytes.data.scores import VideoScores, write_scores
from actionbytes.errors import UserError
from actionbytes.evaluation.detection import evaluate_all
from actionbytes.evaluation.metrics import measure, read_cell, read_videos
from actionbytes.evaluation.parameters import Evaluation
from actionbytes.evaluation.protocols import PROTOCOLS
from actionbytes.steps.evaluate import evaluate

VIDEOS = {
    "v1": Video("v1", "test", 60.0, 25.0, (Instance("Jump", 0.0, 10.0), Instance("Run", 20.0, 30.0))),
    "v2": Video("v2", "test", 60.0, 25.0, (Instance("Jump", 0.0, 10.0),)),
    "v3": Video("v3", "test", 60.0, 25.0, (Instance("Walk", 0.0, 10.0),)),
    "v4": Video("v4", "test", 60.0, 25.0),
}
DETECTIONS = Detections.from_rows(
    [("v1", "Jump", 0.0, 10.0, 0.9), ("v2", "Jump", 0.0, 10.0, 0.8), ("v1", "Run", 20.0, 30.0, 0.7)]
)
SCORES = VideoScores(
    ["v1", "v2", "v3", "v4"],
    ["Jump", "Run", "Walk"],
    {
        "fusion": np.array([[3, 2, 1], [2, 1, 3], [0, 0, 1], [1, 0, 0]], np.float32),
        "rgb": np.array([[0, 0, 1], [1, 0, 0], [1, 0, 0], [0, 0, 0]], np.float32),
    },
)
TIOU = [0.3, 0.5]


@pytest.fixture(scope="module")
def metrics():
    return measure(DETECTIONS, VIDEOS, TIOU, scores=SCORES)


def test_what_it_holds(metrics):
    assert list(metrics) == [*PROTOCOLS, "ar-an", "recognition"]
    assert {name: metrics[name] for name in PROTOCOLS} == evaluate_all(DETECTIONS, VIDEOS, TIOU)
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


def test_without_scores_there_is_no_recognition():
    assert "recognition" not in measure(DETECTIONS, VIDEOS, TIOU)


def test_recognition_by_hand(metrics):
    """Fusion: v1 and v3 right, v2 wrong; Jump at ranks 1, 2, Run at 1, Walk at 2 (or 3, equal scores) of 3."""
    fusion = metrics["recognition"]["fusion"]
    assert fusion["accuracy"] == pytest.approx(100 * 2 / 3)
    assert fusion["map"] == pytest.approx(100 * (1 + 1 + 1 / 3) / 3)
    assert fusion["videos"] == {"evaluated": 3, "listed": 3}  # v4 shows nothing
    assert metrics["recognition"]["rgb"]["accuracy"] == pytest.approx(100 / 3)


def test_a_class_without_scores_is_never_predicted():
    scores = VideoScores(SCORES.videos, ["Jump", "Run"], {"fusion": SCORES.parts["fusion"][:, :2]})
    fusion = measure(DETECTIONS, VIDEOS, TIOU, scores=scores)["recognition"]["fusion"]
    assert fusion["accuracy"] == pytest.approx(100 * 2 / 3)  # v3 is Walk
    assert fusion["map"] == pytest.approx(100 * (1 + 1 + 0) / 3)


def test_every_video_that_counts_must_have_scores():
    few = VideoScores(["v1", "v3"], SCORES.classes, {"fusion": SCORES.parts["fusion"][[0, 2]]})
    with pytest.raises(UserError, match="video 'v2' has none"):
        measure(DETECTIONS, VIDEOS, TIOU, scores=few)
    one_less = Detections.from_rows([("v1", "Jump", 0.0, 10.0, 0.9)])
    measured = measure(one_less, VIDEOS, TIOU, scores=few, set_aside={"v2"})
    assert measured["recognition"]["fusion"]["videos"] == {"evaluated": 2, "listed": 3}


def test_options_change_the_truth_of_every_measure():
    videos = {"v": Video("v", "test", 60.0, 25.0, (Instance("a", 0.0, 10.0), Instance("b", 5.0, 5.0)))}
    scores = VideoScores(["v"], ["a", "b"], {"fusion": np.array([[0, 1]], np.float32)})
    detections = Detections.from_rows([("v", "a", 0.0, 10.0, 1.0)])
    kept = measure(detections, videos, TIOU, scores=scores)
    dropped = measure(detections, videos, TIOU, scores=scores, classes=["b"], zero_length="drop")
    assert (kept["activitynet"]["map"][0], dropped["activitynet"]["map"][0]) == (50, 100)
    assert (kept["ar-an"]["recall_at"]["100"], dropped["ar-an"]["recall_at"]["100"]) == (50, 100)
    assert (kept["recognition"]["fusion"]["accuracy"], dropped["recognition"]["fusion"]["accuracy"]) == (100, 0)


def test_cells(metrics):
    assert read_cell(metrics, "wtalc", "mAP", 0.5, []) == metrics["wtalc"]["map"][1]
    assert read_cell(metrics, "unstated", "mAP", "average", TIOU) == metrics["activitynet"]["average"]
    assert read_cell(metrics, "accuracy", "accuracy", "rgb", []) == metrics["recognition"]["rgb"]["accuracy"]
    assert read_cell(metrics, "accuracy", "classification mAP", "rgb", []) == metrics["recognition"]["rgb"]["map"]
    assert read_cell(metrics, "activitynet", "AUC", "AUC", []) == metrics["ar-an"]["auc"]
    close = measure(DETECTIONS, VIDEOS, [0.3, 0.30000000000000004])
    close["wtalc"]["map"] = [1.0, 2.0]
    assert [read_cell(close, "wtalc", "mAP", t, []) for t in close["wtalc"]["tiou"]] == [1.0, 2.0]
    assert read_cell(metrics, "activitynet", "AR", 100.0, []) == metrics["ar-an"]["recall_at"]["100"]
    assert read_videos(metrics, "accuracy", "accuracy") == (3, 3) and read_videos(metrics, "wtalc", "mAP") == (4, 4)


@pytest.mark.parametrize(
    ("protocol", "metric", "cell", "message"),
    [
        ("wtalc", "mAP", 0.7, "not computed at tIoU 0.7"),
        ("wtalc", "mAP", "rgb", "neither a tIoU nor 'average'"),
        ("accuracy", "mAP", 0.5, "there are activitynet"),
        ("accuracy", "accuracy", "flow", "no part 'flow', only fusion, rgb"),
        ("activitynet", "AR", 7.0, "no AR at '7'"),
        ("activitynet", "hit@3", "rgb", "write mAP, AUC, AR"),
    ],
)
def test_cells_that_are_not_there(metrics, protocol, metric, cell, message):
    with pytest.raises(UserError, match=message) as error:
        read_cell(metrics, protocol, metric, cell, [])
    assert "\n" not in str(error.value)


def test_metrics_of_an_older_file_are_asked_for_again(metrics):
    old = {name: metrics[name] for name in PROTOCOLS}
    with pytest.raises(UserError, match=r"no entry 'recognition', only activitynet.*; evaluate again"):
        read_cell(old, "accuracy", "accuracy", "rgb", [])
    with pytest.raises(UserError, match="no entry 'ar-an'"):
        read_cell(old, "activitynet", "AUC", "AUC", [])


def test_the_step_reads_files(tmp_path, metrics):
    write_annotations(tmp_path / "gt.json", VIDEOS)
    write_detections(tmp_path / "det.json", DETECTIONS)
    write_scores(tmp_path / "scores.csv", SCORES)
    assert evaluate(tmp_path / "det.json", tmp_path / "gt.json", "test", TIOU, tmp_path / "scores.csv") == metrics
    assert "recognition" not in evaluate(tmp_path / "det.json", tmp_path / "gt.json", "test", TIOU)
    options = Evaluation(max_proposals=1, ties="file").model_dump()  # as the workflow hands them over
    changed = evaluate(tmp_path / "det.json", tmp_path / "gt.json", "test", TIOU, **options)
    assert changed["ar-an"]["average_number"][-1] == pytest.approx(1) and changed["wtalc"]["options"]["ties"] == "file"
