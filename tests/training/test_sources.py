"""Sources: which videos, with which labels and times, become what a method learns from."""

import itertools
from typing import ClassVar

import numpy as np
import pytest

from actionbytes.data.annotations import Instance, Video, write_annotations
from actionbytes.errors import UserError
from actionbytes.features.store import VideoFeatures, write_shard
from actionbytes.methods.parameters import MethodParameters
from actionbytes.training.sources import SourceFiles, annotated_share, read_sources

CLASSES, STEPS, HOP = ("jump", "run", "throw"), 10, 0.64


class Two(MethodParameters):
    """Two sources, the first one's classes are the outputs."""

    sources: ClassVar[tuple[str, ...]] = ("untrimmed", "trimmed")
    classes_from: ClassVar[tuple[str, ...] | None] = ("untrimmed",)


class Both(Two):
    """Two sources, the classes of both are outputs."""

    classes_from: ClassVar[tuple[str, ...] | None] = None


class Flow(MethodParameters):
    """Sees flow alone."""

    def streams_of(self, available):
        return ("flow",)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Shards and annotations of twelve videos; video k shows class k % 3 and, if k is even, `wave` at the end."""
    folder = tmp_path_factory.mktemp("source")
    videos, features = {}, {}
    for k in range(12):
        x = np.full((STEPS, 4), k, dtype=np.float32)
        instances = [Instance(CLASSES[k % 3], 1.28, 3.2)]
        instances += [Instance("wave", 5.76, 9.0)] if k % 2 == 0 else []
        videos[f"v{k:02d}"] = Video(f"v{k:02d}", "validation", STEPS * HOP, 25.0, tuple(instances))
        features[f"v{k:02d}"] = VideoFeatures({"rgb": x, "flow": x[:, :2] + 100}, STEPS * HOP, 160, 25.0, 16, HOP)
    videos["empty"] = Video("empty", "validation", 6.4, 25.0)
    write_shard(folder / "all.h5", features.items(), {"made": "for a test"})
    write_annotations(folder / "annotations.json", videos)
    return folder


def source(files, **changes):
    return SourceFiles(**{"shards": files, "annotations": files / "annotations.json", "subset": "validation"} | changes)


def read(files, parameters=None, **changes):
    sets, _ = read_sources({"videos": source(files, **changes)}, parameters or MethodParameters())
    return sets["videos"]


def test_labels_of_all_videos_that_have_one(files):
    videos = read(files)
    assert videos.names == [f"v{k:02d}" for k in range(12)] and videos.classes == (*CLASSES, "wave")
    assert videos.labels.tolist() == [[k % 3 == c for c in range(3)] + [k % 2 == 0] for k in range(12)]
    assert videos.segments is None and videos.hop_s == HOP and videos.rows.shape == (120, 6)
    assert np.array_equal(videos.targets, videos.labels)


def test_segments_are_in_snippets_and_end_with_the_video(files):
    videos = read(files, supervision="segments")
    assert videos.segments[1].tolist() == [[2, 5, 1]]
    assert videos.segments[2].tolist() == [[2, 5, 2], [pytest.approx(9), 10, 3]]


def test_a_video_that_shows_an_excluded_class_is_left_out(files):
    videos = read(files, exclude=frozenset({"wave", "run"}))
    assert videos.names == ["v03", "v05", "v09", "v11"] and videos.classes == ("jump", "throw")


def test_only_instances_of_the_named_classes_count(files):
    videos = read(files, classes=frozenset({"run", "wave"}), exclude=frozenset({"throw"}), supervision="segments")
    assert videos.names == ["v00", "v01", "v04", "v06", "v07", "v10"] and videos.classes == ("run", "wave")
    assert videos.labels.tolist() == [[0, 1], [1, 0], [1, 1], [0, 1], [1, 0], [1, 1]]
    assert videos.segments[0].tolist() == [[pytest.approx(9), 10, 1]]


def test_a_method_sees_the_streams_that_it_asks_for(files):
    assert read(files).streams == ("rgb", "flow")
    videos = read(files, Flow())
    assert videos.streams == ("flow",) and videos.rows.shape == (120, 2) and videos.rows.min() == 100


def test_outputs_are_the_classes_of_the_sources_that_say_so(files):
    given = {
        "untrimmed": source(files, classes=frozenset({"run", "throw"})),
        "trimmed": source(files, classes=frozenset({"jump", "run"}), supervision="segments"),
    }
    one, _ = read_sources(given, Two())
    assert list(one) == ["untrimmed", "trimmed"]
    assert one["untrimmed"].classes == ("run", "throw") and one["trimmed"].classes == ("jump", "run")
    both, _ = read_sources(dict(reversed(given.items())), Both())
    assert list(both) == ["untrimmed", "trimmed"]
    assert both["untrimmed"].classes == both["trimmed"].classes == ("jump", "run", "throw")
    assert not both["untrimmed"].labels[:, 0].any() and both["trimmed"].segments[1][0].tolist() == [2, 5, 1]
    with pytest.raises(UserError, match="learns from the sources untrimmed, trimmed; given: videos"):
        read_sources({"videos": source(files)}, Two())


def test_a_smaller_share_is_part_of_a_larger_one_and_no_class_is_lost():
    videos = {
        f"v{k}": Video(f"v{k}", "training", 6.4, 25.0, (Instance(f"c{k % 7}", 0, 1), Instance(f"d{k % 3}", 1, 2)))
        for k in range(200)
    }
    shares = [annotated_share(videos, share) for share in (0.001, 0.2, 0.4, 0.9, 1.0)]
    for small, large in itertools.pairwise(shares):
        assert small.keys() < large.keys()
    assert shares[-1] == videos and list(shares[1]) == [name for name in videos if name in shares[1]]
    for share, chosen in zip((0.2, 0.4), shares[1:3], strict=True):
        for label in {instance.label for video in videos.values() for instance in video.instances}:
            everything = sum(label in video.labels for video in videos.values())
            assert sum(label in video.labels for video in chosen.values()) >= share * everything
    assert {label for video in shares[0].values() for label in video.labels} == {
        label for video in videos.values() for label in video.labels
    }
    assert len(annotated_share(dict(reversed(videos.items())), 0.2)) == len(shares[1])


def test_the_annotated_share_of_a_source(files):
    few, more = (read(files, annotated=share, supervision="segments") for share in (0.25, 0.5))
    assert set(few.names) < set(more.names) and few.classes == more.classes
    for share in (0.0, 1.5):
        with pytest.raises(UserError, match=r"annotated: .* is no share"):
            read(files, annotated=share)


def test_nothing_to_learn_from_is_one_line(files):
    with pytest.raises(UserError, match="no video of subset 'validation' has a label to learn from"):
        read(files, classes=frozenset({"swim"}))
