"""Class scores of videos: every bit comes back, and what is no such table is refused in one line."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionbytes.data.scores import VideoScores, read_scores, write_scores
from actionbytes.errors import UserError


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_every_bit_comes_back(tmp_path_factory, seed):
    bits = np.random.default_rng(seed).integers(0, 2**32, 600, dtype=np.uint32).view(np.float32)
    values = np.where(np.isfinite(bits), bits, np.float32(0)).reshape(2, 20, 15)
    videos, classes = [f"v{i}" for i in range(20)], [f"class, {i}" for i in range(15)]
    path = tmp_path_factory.mktemp("scores") / "scores.csv"
    write_scores(path, VideoScores(videos, classes, {"fusion": values[0], "rgb": values[1]}))
    got = read_scores(path)
    assert (got.videos, got.classes, list(got.parts)) == (videos, classes, ["fusion", "rgb"])
    assert np.array_equal(got.parts["fusion"].view(np.uint32), values[0].view(np.uint32))
    assert np.array_equal(got.parts["rgb"].view(np.uint32), values[1].view(np.uint32))


def test_the_file_is_a_plain_table(tmp_path):
    scores = VideoScores(["a", "b"], ["Run"], {"fusion": np.array([[0.1], [2]], np.float32)})
    write_scores(tmp_path / "s.csv", scores)
    assert (tmp_path / "s.csv").read_text() == "video,part,Run\na,fusion,0.1\nb,fusion,2.0\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no class scores"),
        ("x" * 200_000, "not CSV"),
        ("video,part\n", "no class scores"),
        ("video,part,a,a\n", "two columns"),
        ("video,part,a\nv,rgb,1,2\n", "line 2: has 4 fields"),
        ("video,part,a\nv,rgb,1\nv,rgb,2\n", "line 3: video 'v', part 'rgb' is there twice"),
        ("video,part,a\nv,rgb,1\nv,flow,1\nw,rgb,1\n", "video 'w' has no row for part 'flow'"),
        ("video,part,a\nv,rgb,x\n", "line 2: scores must be finite"),
        ("video,part,a\nv,rgb,nan\n", "finite"),
        ("video,part,a\nv,rgb,1e39\n", "finite"),
    ],
)
def test_what_is_no_table_of_scores_is_said(tmp_path, text, message):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_scores(tmp_path / "s.csv")


@pytest.mark.parametrize(
    ("videos", "values"),
    [
        (["a", "a"], np.zeros((2, 1), np.float32)),
        (["a"], np.zeros((2, 1), np.float32)),
        (["a"], np.zeros((1, 1))),
        (["a"], np.full((1, 1), np.inf, np.float32)),
    ],
)
def test_scores_that_cannot_be(videos, values):
    with pytest.raises(ValueError, match="VideoScores"):
        VideoScores(videos, ["c"], {"fusion": values})
