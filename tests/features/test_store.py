import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

from actionbytes.data.manifests import Status
from actionbytes.errors import UserError
from actionbytes.features.made_with import MadeWith
from actionbytes.features.store import VideoFeatures, load_features, read_made_with, read_video, write_shard
from actionbytes.parameters import validated


def video(steps: int, seed: int = 0, dim: int = 4, duration: float | None = None) -> VideoFeatures:
    rng = np.random.default_rng(seed)
    streams = {s: rng.random((steps, dim)).astype(np.float16) for s in ("rgb", "flow")}
    return VideoFeatures(streams, steps * 0.64 if duration is None else duration, steps * 16, 25.0, 16, 0.64)


def test_round_trip_is_packed_in_order_of_names(tmp_path):
    videos = {"b": video(3, 1), "a": video(5, 2), "c": video(2, 3)}
    write_shard(tmp_path / "x_00.h5", [(n, videos[n]) for n in ("b", "c")], {"k": 1})
    write_shard(tmp_path / "x_01.h5", [("a", videos["a"])], {"k": 1}, [Status("z", 0, "set aside", "broken")])
    packed = load_features(tmp_path)
    assert packed.names == ["a", "b", "c"]
    assert packed.offsets.tolist() == [0, 5, 8, 10]
    assert packed.rows.dtype == np.float16
    for i, name in enumerate(packed.names):
        np.testing.assert_array_equal(packed.video(i), videos[name].joint(("rgb", "flow")))
    assert load_features(tmp_path, ["a", "z"]).set_aside == {"z": "broken"}
    assert load_features(tmp_path, ["c"], ("flow",)).rows.shape == (2, 4)


def test_same_content_same_bytes(tmp_path):
    for name in ("one.h5", "two.h5"):
        write_shard(tmp_path / name, [("a", video(3)), ("b", video(4))], {"k": 1})
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_length_must_fit_the_duration(tmp_path):
    with pytest.raises(UserError, match="do not fit a duration"):
        write_shard(tmp_path / "x.h5", [("a", video(10, duration=20.0))], {})
    assert not (tmp_path / "x.h5").exists()


@pytest.mark.parametrize("broken", ["nan", "lengths", "empty", "rank"])
def test_impossible_features_are_refused(tmp_path, broken):
    x = video(4)
    streams = dict(x.streams)
    if broken == "nan":
        streams["rgb"] = np.full((4, 4), np.nan)
    elif broken == "lengths":
        streams["rgb"] = streams["rgb"][:3]
    elif broken == "empty":
        streams = {s: v[:0] for s, v in streams.items()}
    else:
        streams["rgb"] = streams["rgb"][:, 0]
    with pytest.raises(UserError):
        write_shard(tmp_path / "x.h5", [("a", VideoFeatures(streams, x.duration, 64, 25.0, 16, 0.64))], {})


def test_broken_files_are_one_line(tmp_path):
    (tmp_path / "x_00.h5").write_bytes(b"not hdf5 at all")
    with pytest.raises(UserError, match="not a readable HDF5"):
        load_features(tmp_path)
    with h5py.File(tmp_path / "x_00.h5", "w") as file:
        file["a"] = 1
    with pytest.raises(UserError, match="not a feature shard"):
        load_features(tmp_path)
    with pytest.raises(UserError, match="no feature shards"):
        load_features(tmp_path / "nowhere")


def test_wanted_videos_must_be_there(tmp_path):
    write_shard(tmp_path / "x.h5", [("a", video(3))], {})
    with pytest.raises(UserError, match="no features of 1 videos, such as q"):
        load_features(tmp_path, ["a", "q"])


def test_mixed_sizes_are_refused(tmp_path):
    write_shard(tmp_path / "x.h5", [("a", video(3)), ("b", video(3, dim=6))], {})
    with pytest.raises(UserError, match="mixes features"):
        load_features(tmp_path)


def test_more_than_memory_takes_is_mapped_and_the_same(tmp_path):
    rng = np.random.default_rng(0)
    videos = [
        (name, VideoFeatures({s: rng.random((5, 4), np.float32) for s in ("rgb", "flow")}, 3.2, 80, 25, 16, 0.64))
        for name in "ab"
    ]
    write_shard(tmp_path / "x_00.h5", videos, {})
    packed, mapped = load_features(tmp_path), load_features(tmp_path, in_memory=100)
    assert isinstance(mapped.rows, np.memmap)
    assert not isinstance(packed.rows, np.memmap)
    assert np.array_equal(packed.rows, mapped.rows)
    assert np.array_equal(packed.durations, mapped.durations)
    assert mapped.video(1).shape == (5, 8)


def dense(steps: int, streams=("rgb", "flow")) -> VideoFeatures:
    """Snippets of 16 frames every 8, at 25 frames a second."""
    frames = (steps - 1) * 8 + 16
    return VideoFeatures({s: np.ones((steps, 4), np.float16) for s in streams}, frames / 25, frames, 25.0, 16, 0.32)


def test_the_hop_is_the_one_that_the_file_states(tmp_path):
    write_shard(tmp_path / "x.h5", [("a", dense(40))], {})
    with h5py.File(tmp_path / "x.h5") as file:
        attributes = dict(file["a"].attrs)
        video = read_video(file, "a")
    assert {key: attributes[key] for key in ("span", "hop_s", "fps")} == {"span": 16, "hop_s": 0.32, "fps": 25.0}
    assert (video.span, video.hop_s, video.hop) == (16, 0.32, 8)
    assert load_features(tmp_path).hop_s == 0.32


def test_a_length_is_judged_by_span_and_hop(tmp_path):
    dense(40).check("a")
    with pytest.raises(UserError, match="40 snippets of 16 frames, one every 16 frames at 25 fps, do not fit"):
        replace(dense(40), hop_s=0.64).check("a")
    long = VideoFeatures({"rgb": np.ones((1, 4))}, 64 / 25, 64, 25.0, 64, 0.16)  # one snippet, sixteen hops long
    long.check("a")
    with pytest.raises(UserError, match="do not fit"):
        replace(long, duration=0.16).check("a")


def test_shards_of_the_first_version_load(tmp_path):
    """They call the span `chunk`, and name extraction and weights otherwise."""
    write_shard(tmp_path / "x.h5", [("a", video(3))], {})
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file["a"].attrs["chunk"] = file["a"].attrs["span"]
        del file["a"].attrs["span"]
        weights = {stream: {"file": stream, "sha256": "0"} for stream in ("rgb", "flow")}
        extraction = {"chunk": 16, "batch": 8, "precision": "fp32", "threads": 1, "dtype": "float16"}
        old = {"decoding": {"fps": 25.0}, "flow": {}, "extraction": extraction}
        file.attrs["made_with"] = json.dumps(old | {"rgb": weights["rgb"], "flow_weights": weights["flow"]})
    packed = load_features(tmp_path)
    assert packed.hop_s == 0.64 and np.array_equal(packed.rows, video(3).joint(("rgb", "flow")))
    made_with = validated(MadeWith, read_made_with(tmp_path), "shard")
    assert (made_with.features.span, made_with.features.hop, made_with.features.batch) == (16, 16, 8)
    assert set(made_with.weights) == {"rgb", "flow"}


def test_the_streams_are_those_that_are_there(tmp_path):
    write_shard(tmp_path / "x.h5", [("a", dense(3, ("warped", "rgb")))], {})
    assert load_features(tmp_path).streams == ("rgb", "warped")
    assert load_features(tmp_path, streams=("warped",)).rows.shape == (3, 4)
    with pytest.raises(UserError, match=r"has no flow stream .it has: rgb, warped"):
        load_features(tmp_path, streams=("rgb", "flow"))


def test_hops_are_not_mixed(tmp_path):
    write_shard(tmp_path / "x.h5", [("a", video(3)), ("b", dense(3))], {})
    with pytest.raises(UserError, match=r"mixes features of different hops \[0.32, 0.64\] s"):
        load_features(tmp_path)


def test_a_shard_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(UserError):
        write_shard(tmp_path / "x.h5", [("a", video(3)), ("b", video(10, duration=20.0))], {})
    assert list(tmp_path.iterdir()) == []
