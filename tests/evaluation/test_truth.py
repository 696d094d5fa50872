"""Quirks of the truth: nothing by default, each by name and counted."""

import pytest

from actionbytes.data.annotations import Instance, Video, of_subset, read_annotations
from actionbytes.errors import UserError
from actionbytes.evaluation.truth import Quirks, Truth, apply_quirks, oddities


def total(videos):
    return sum(len(video.instances) for video in videos.values())


@pytest.fixture(scope="module")
def thumos(real):
    return of_subset(read_annotations(real / "thumos14" / "thumos14_full.json"), "test")


def test_nothing_changes_by_default(thumos):
    videos, counts = apply_quirks(thumos, Quirks())
    assert videos == thumos and counts == {}


@pytest.mark.parametrize(
    ("quirk", "instances", "videos", "counted"),
    [
        ({"video_list": "213"}, 3358, 213, {"videos not in the list of 213": 0}),
        ({"video_list": "212"}, 3358, 212, {"videos not in the list of 212": 1}),
        ({"video_list": "211"}, 3311, 211, {"videos not in the list of 211": 2}),
        ({"video_list": "210"}, 3311, 210, {"videos not in the list of 210": 3}),
        ({"past_end": "drop"}, 3358 - 26, 213, {"instances past the end left out": 26}),
        ({"past_end": "clip"}, 3358, 213, {"instances cut to the duration": 26}),
        ({"diving": "single"}, 3358 - 217, 213, {"Diving copies of CliffDiving left out": 217}),
    ],
)
def test_quirks_of_thumos14(thumos, quirk, instances, videos, counted):
    quirks = Quirks(**quirk)
    changed, counts = apply_quirks(thumos, quirks)
    assert (total(changed), len(changed), counts) == (instances, videos, counted)


@pytest.mark.parametrize(
    ("file", "duplicates"),
    [("activity_net.v1-2.min-missing-removed.json.gz", 5), ("activitynet_v1-3_from_wtalc_fork.json.gz", 17)],
)
def test_quirks_of_activitynet(real, file, duplicates):
    videos = of_subset(read_annotations(real / "activitynet" / file), "val")
    changed, counts = apply_quirks(videos, Quirks(duplicates="drop", zero_length="drop"))
    assert counts == {"duplicate instances left out": duplicates, "instances without length left out": 3}
    assert total(videos) - total(changed) == duplicates + 3


def test_order_of_quirks():
    instances = (Instance("a", 1.0, 1.0), Instance("a", 1.0, 1.0), Instance("a", 2.0, 9.0), Instance("b", 2.0, 9.0))
    videos = {"v": Video("v", "test", 5.0, None, instances)}
    changed, counts = apply_quirks(videos, Quirks(duplicates="drop", zero_length="drop", past_end="clip"))
    assert changed["v"].instances == (Instance("a", 2.0, 5.0), Instance("b", 2.0, 5.0))
    assert counts == {
        "duplicate instances left out": 1,
        "instances without length left out": 1,
        "instances cut to the duration": 2,
    }


def test_truth_keeps_file_order_and_names_are_sorted():
    first = Video("b", "test", None, None, (Instance("z", 5.0, 6.0), Instance("a", 1.0, 2.0)), ((3.0, 4.0),))
    truth = Truth.of({"b": first, "a": Video("a", "test")})
    assert truth.videos == ["a", "b"] and truth.labels == ["a", "z"] and len(truth) == 2
    assert truth.video.tolist() == [1, 1] and truth.label.tolist() == [1, 0] and truth.start.tolist() == [5, 1]
    assert truth.ambiguous_video.tolist() == [1] and truth.ambiguous_end.tolist() == [4]


def test_no_instance_is_an_error():
    with pytest.raises(UserError, match="none of the 1 videos"):
        Truth.of({"v": Video("v", "test")})


def test_truth_that_cannot_be_is_counted():
    instances = tuple(
        Instance("x", *times) for times in ((0.0, 1.0), (3.0, 2.0), (4.0, 4.0), (30.0, 60.0), (-1.0, 9.4))
    )
    assert oddities(
        {"v": Video("v", "test", 9.0, None, instances), "w": Video("w", "test", None, None, instances)}
    ) == {
        "end before they start": 2,
        "have no length": 2,
        "begin before 0 s": 2,
        "end after their video": 1,
    }
    assert oddities({"v": Video("v", "test", 9.0, None, instances[:1])}) == {}
