"""Submissions: what is written, and what is refused."""

import json

import pytest

from actionbytes.data.annotations import Instance, Video, write_annotations
from actionbytes.data.detections import Detections
from actionbytes.data.submission import submission, write_submission
from actionbytes.errors import UserError

VIDEOS = {name: Video(name, "testing", 10.0) for name in ("a", "b")}
LABELS = ("jump", "run")
GOOD = ("a", "jump", 1.0, 4.0, 0.5)


def rows(*more):
    return Detections.from_rows([GOOD, *more])


def test_it_has_the_challenges_format_with_every_video(tmp_path):
    write_submission(tmp_path / "s.json", rows(("a", "run", 2.0, 10.1, 0.9)), VIDEOS, LABELS, "I3D")
    assert json.loads((tmp_path / "s.json").read_text()) == {
        "version": "VERSION 1.3",
        "results": {
            "a": [
                {"label": "run", "score": 0.9, "segment": [2.0, 10.0]},  # 10.1: frames were counted as a whole
                {"label": "jump", "score": 0.5, "segment": [1.0, 4.0]},
            ],
            "b": [],
        },
        "external_data": {"used": True, "details": "I3D"},
    }
    assert submission(Detections.from_rows([]), VIDEOS, LABELS).videos == []


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("c", "run", 1.0, 2.0, 0.1), "video 'c' is not one of the challenge's"),
        (("b", "runn", 1.0, 2.0, 0.1), "label 'runn' is not one of the challenge's.*run"),
        (("b", "run", 1.0, 10.3, 0.1), r"video 'b' of 10.00 s: segment \[1, 10.3\].*ends after the video \(1 such"),
        (("b", "run", -0.5, 2.0, 0.1), "starts before the video"),
        (("b", "run", 2.0, 2.0, 0.1), "does not end after its start"),
        (("b", "run", 10.05, 10.1, 0.1), "does not end after its start"),
        (("b", "run", 1.0, float("nan"), 0.1), "a time is not finite"),
        (("b", "run", 1.0, 2.0, float("inf")), "score is not finite"),
    ],
)
def test_what_the_server_would_not_take_is_one_line(tmp_path, row, words):
    with pytest.raises(UserError, match=words) as error:
        write_submission(tmp_path / "s.json", rows(row), VIDEOS, LABELS, "I3D")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "s.json").exists()


def test_a_video_without_a_duration_is_an_error():
    with pytest.raises(UserError, match="video 'a' has no duration"):
        submission(rows(), {"a": Video("a", "testing")}, LABELS)


def test_the_command(tmp_path, cli):
    known = [Video("t", "training", 5.0, None, (Instance("jump", 1.0, 2.0), Instance("run", 2.0, 3.0)))]
    write_annotations(tmp_path / "truth.json", [*known, *VIDEOS.values()])
    (tmp_path / "det.txt").write_text("a 1.0 4.0 jump 0.5\n")
    arguments = ("submission", tmp_path / "det.txt", tmp_path / "truth.json", "--out", tmp_path / "s.json")
    status, out, err = cli(*arguments)
    assert (status, "1 detections in 1/2 videos" in out) == (0, True), err
    (tmp_path / "det.txt").write_text("a 1.0 14.0 jump 0.5\n")
    status, _, err = cli(*arguments)
    assert status == 2 and err.count("error: ") == 1 and "ends after the video" in err
