"""The metrics dictionary: what it holds, what it counts, what it refuses."""

import json

import pytest

from actionbytes.data.annotations import Instance, Video
from actionbytes.data.detections import Detections
from actionbytes.errors import UserError
from actionbytes.evaluation.detection import Evaluation, evaluate_all, parse_tiou

VIDEOS = {
    "v1": Video("v1", "test", 60.0, 25.0, (Instance("Jump", 0.0, 10.0), Instance("Run", 20.0, 30.0))),
    "v2": Video("v2", "test", 60.0, 25.0, (Instance("Jump", 0.0, 10.0),)),
}
ROWS = [("v1", "Jump", 0.0, 10.0, 0.9), ("v2", "Jump", 0.0, 10.0, 0.8), ("v1", "Run", 20.0, 30.0, 0.7)]


def test_the_contract():
    result = evaluate_all(Detections.from_rows(ROWS), VIDEOS, [0.3, 0.5])
    assert list(result) == ["activitynet", "thumos14", "wtalc", "3cnet", "co2net", "thumos14-11pt"]
    for name, metrics in result.items():
        assert metrics["protocol"] == name and metrics["tiou"] == [0.3, 0.5]
        assert metrics["map"] == [100.0, 100.0] and metrics["average"] == 100.0
        assert metrics["per_class"] == {"Jump": [100.0, 100.0], "Run": [100.0, 100.0]}
        assert metrics["videos"] == {"evaluated": 2, "listed": 2, "with_instances": 2, "set_aside": []}
        assert metrics["instances"]["per_class"] == {"Jump": 2, "Run": 1}
        assert metrics["detections"] == {"given": 3, "scored": 3, "excluded": {}, "per_class": {"Jump": 2, "Run": 1}}
        assert metrics["options"] == Evaluation().model_dump()
        assert "equal scores" in metrics["rule"]["ties"] and "map_full_truth" not in metrics
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_set_aside_videos_are_missed_in_the_full_truth():
    result = evaluate_all(Detections.from_rows(ROWS), VIDEOS, [0.5], set_aside={"v2"}, ignore_unknown=True)
    for name, metrics in result.items():
        full = 100 * (6 / 11 + 1) / 2 if name == "thumos14-11pt" else 75.0  # recall 1/2 reaches six of eleven points
        assert metrics["map"] == [100.0] and metrics["map_full_truth"] == [pytest.approx(full)]
        assert metrics["videos"] == {"evaluated": 1, "listed": 2, "with_instances": 1, "set_aside": ["v2"]}
        assert metrics["detections"]["excluded"] == {"video or class not evaluated": 1}


def test_unknown_names():
    detections = Detections.from_rows([*ROWS, ("v1", "Jmup", 0.0, 1.0, 0.5)])
    with pytest.raises(UserError, match="nearest is 'Jump'"):
        evaluate_all(detections, VIDEOS, [0.5])
    metrics = evaluate_all(detections, VIDEOS, [0.5], ignore_unknown=True)["wtalc"]
    assert metrics["map"] == [100.0]
    assert metrics["detections"]["excluded"] == {"class not in the truth": 1} and metrics["detections"]["given"] == 4
    known = evaluate_all(detections, VIDEOS, [0.5], classes=["Jmup"])["wtalc"]
    assert known["detections"]["excluded"] == {"video or class not evaluated": 1}


def test_options_are_checked():
    with pytest.raises(UserError, match="no such parameter"):
        evaluate_all(Detections.from_rows(ROWS), VIDEOS, [0.5], dedup=True)
    with pytest.raises(UserError, match="video_list"):
        evaluate_all(Detections.from_rows(ROWS), VIDEOS, [0.5], video_list="214")
    for rate in (0, float("nan"), float("inf")):
        with pytest.raises(UserError, match="snippets_per_second"):
            evaluate_all(Detections.from_rows(ROWS), VIDEOS, [0.5], snippets_per_second=rate)


def test_the_snippet_rate_is_a_parameter():
    """At one snippet in ten seconds 0-4 s has none; at one a second it has four, as the detection does."""
    videos = {"v": Video("v", "test", 60.0, 25.0, (Instance("Jump", 0.0, 4.0),))}
    found = Detections.from_rows([("v", "Jump", 0.0, 4.4, 0.5)])
    assert evaluate_all(found, videos, [0.95], snippets_per_second=0.1)["wtalc"]["map"] == [0.0]
    assert evaluate_all(found, videos, [0.95], snippets_per_second=1.0)["wtalc"]["map"] == [100.0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.5", [0.5]),
        ("0.3,0.5,0.7", [0.3, 0.5, 0.7]),
        ("0.1:0.9:0.1", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
        ("0.5:0.95:0.05", [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]),
        ("0.5:1:0.25", [0.5, 0.75, 1.0]),
    ],
)
def test_tiou_is_read_exactly(text, expected):
    assert parse_tiou(text) == expected


@pytest.mark.parametrize(
    "text", ["", "a", "0", "0.5,0.3", "0.5,0.5", "1.1", "0.1:0.9", "0.9:0.1:0.1", "0.1:0.9:0", "nan"]
)
def test_tiou_that_cannot_be(text):
    with pytest.raises(UserError, match="tIoU"):
        parse_tiou(text)
