"""Streaming: the stages' bytes, all at once, in bounded memory, whatever breaks on the way."""

import gc
import threading

import h5py
import numpy as np
import pytest

from actionbytes.data.manifests import Entry
from actionbytes.features.ahead import ahead
from actionbytes.features.extract import file_features, stream_features
from actionbytes.features.shards import decode_shard, extract_shard, flow_shard
from actionbytes.features.store import read_statuses
from actionbytes.recipes import Recipe
from actionbytes.video.decode import BrokenVideo


@pytest.fixture(scope="module")
def videos(tmp_path_factory, moving):
    """Whole ones (one of a whole number of batches), a short, a cut, an empty one and a text, in this order."""
    folder = tmp_path_factory.mktemp("videos")
    files = [moving(folder / f"{k}.avi", frames, seed=k) for k, frames in enumerate((70, 9, 64))]
    whole = files[0].read_bytes()
    for name, content in (("cut.avi", whole[: len(whole) * 2 // 3]), ("empty.avi", b""), ("text.avi", b"a text")):
        (folder / name).write_bytes(content)
        files.append(folder / name)
    return [files[4], *files[:3], files[5], files[3]]


@pytest.fixture(scope="module")
def staged(videos, made_with, tmp_path_factory):
    """What the workflow's three stages make of them."""
    out = tmp_path_factory.mktemp("staged")
    entries = [Entry(path.stem, "test", path.name) for path in videos]
    decode_shard(entries, videos[0].parent, out / "frames", made_with.decoding)
    flow_shard(out / "frames", out / "flow", made_with.flow)
    extract_shard(out / "frames", out / "flow", out / "f.h5", made_with, Recipe("extract", "x", {}))
    with h5py.File(out / "f.h5") as file:
        features = {name: {stream: file[name][stream][()] for stream in ("rgb", "flow")} for name in file}
        return features, {status.video: status for status in read_statuses(file)}


@pytest.mark.parametrize("threads", [1, 3])
def test_streaming_gives_the_bytes_of_the_stages(videos, made_with, staged, threads):
    features, statuses = staged
    made = list(stream_features(videos, made_with, made_with.streams(), threads))
    assert [one.path for one in made] == videos
    for one in made:
        status = statuses[one.path.stem]
        assert (one.features is None) == (one.broken is not None) == (status.status == "set aside")
        if one.features:
            assert (one.reader.status, one.features.frames) == (status.status, status.frames)
            assert set(one.features.streams) == {"rgb", "flow"}
            for stream, x in one.features.streams.items():
                assert x.tobytes() == features[one.path.stem][stream].tobytes(), (one.path.name, stream)
    assert {name for name, status in statuses.items() if status.status == "damaged"} == {"cut"}
    assert set(features) == {"0", "2", "cut"}


def test_one_file(videos, made_with, staged):
    features, reader = file_features(videos[1], made_with, made_with.streams())
    assert features.streams["rgb"].tobytes() == staged[0]["0"]["rgb"].tobytes() and reader.frames == 70
    for path, words in ((videos[0], "empty"), (videos[2], "one snippet needs 16")):
        with pytest.raises(BrokenVideo, match=words):
            file_features(path, made_with, made_with.streams())


@pytest.mark.slow
def test_a_network_that_fails_ends_everything(videos, made_with):
    def fails(x):
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        list(stream_features(videos[1:], made_with, {"rgb": fails, "flow": fails}))
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]


def test_ahead_makes_while_its_user_works():
    made = [threading.Event() for _ in range(5)]

    def maker():
        for k, event in enumerate(made):
            event.set()
            yield k

    items = ahead(maker(), 2)
    assert next(items) == 0
    assert made[2].wait(10)  # nobody has asked for it yet
    assert list(items) == [1, 2, 3, 4]


def test_ahead_is_bounded_and_stops():
    log, closed = [], threading.Event()

    def maker():
        try:
            for k in range(1000):
                log.append(k)
                yield k
        finally:
            closed.set()

    items = ahead(maker(), 3)
    for k in range(20):
        assert next(items) == k
        assert len(log) <= k + 1 + 3 + 1  # what was given, what waits, what wants to
    items.close()
    assert closed.is_set() and len(log) < 30
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]


def test_an_error_comes_where_it_belongs():
    def maker():
        yield 1
        raise ValueError("of the maker")

    items = ahead(maker(), 5)
    assert next(items) == 1
    with pytest.raises(ValueError, match="of the maker"):
        next(items)
    assert list(ahead(iter(np.arange(3)), 1)) == [0, 1, 2]
