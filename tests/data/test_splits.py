"""Class splits: what a file says, and what is left of the videos."""

import pytest

from actionbytes.data.annotations import Instance, Video
from actionbytes.data.splits import of_classes, read_split
from actionbytes.errors import UserError


def test_a_split_is_a_list_of_names_in_order(tmp_path):
    (tmp_path / "seen.yaml").write_text("- Jump\n- Clean and jerk\n")
    assert read_split(tmp_path / "seen.yaml") == ("Jump", "Clean and jerk")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must be a list"),
        ("[]", "must be a list"),
        ("{Jump: 1}", "must be a list"),
        ("- 1", "must be a list"),
        ("- Jump\n- Run\n- Jump", "names 'Jump' twice"),
    ],
)
def test_a_wrong_split_is_one_line(tmp_path, text, says):
    (tmp_path / "seen.yaml").write_text(text)
    with pytest.raises(UserError, match=says):
        read_split(tmp_path / "seen.yaml")
    with pytest.raises(UserError, match="no such file"):
        read_split(tmp_path / "other.yaml")


def test_only_instances_of_the_classes_are_left():
    jump, run = Instance("Jump", 0.0, 1.0), Instance("Run", 2.0, 3.0)
    videos = {
        "both": Video("both", "test", 9.0, None, (jump, run)),
        "other": Video("other", "test", 9.0, None, (run,)),
        "none": Video("none", "test", 9.0),
    }
    kept = of_classes(videos, ("Jump",))
    assert list(kept) == ["both"]
    assert kept["both"].instances == (jump,) and kept["both"].duration == 9.0
