"""Shards from anywhere: nothing outside the file is read, types are promoted, and damage is one line."""

import json
import os

import h5py
import numpy as np
import pytest

from actionbytes.errors import UserError
from actionbytes.features.hdf5 import open_shard, read_statuses
from actionbytes.features.store import (
    VideoFeatures,
    iterate_shards,
    load_features,
    read_made_with,
    stored_columns,
    write_shard,
)

STEPS = 4


def video(dtype="float32", scale=1.0, streams=("rgb", "flow")) -> VideoFeatures:
    x = (np.arange(STEPS * 4).reshape(STEPS, 4) * scale).astype(dtype)
    return VideoFeatures(dict.fromkeys(streams, x), STEPS * 0.64, STEPS * 16, 25.0, 16, 0.64)


@pytest.fixture
def shard(tmp_path):
    write_shard(tmp_path / "x.h5", [("a", video()), ("b", video())], {})
    return tmp_path / "x.h5"


def refused(path) -> str:
    """The one line with which a shard is refused, by all that read features."""
    lines = set()
    for read in (load_features, lambda p: list(iterate_shards(p))):
        with pytest.raises(UserError) as error:
            read(path)
        lines.add(str(error.value))
    assert not any("\n" in line for line in lines)
    return " | ".join(lines)


def replace(shard, stream="rgb"):
    """The file, open, with a stream taken out of video a."""
    file = h5py.File(shard, "a")
    del file[f"a/{stream}"]
    return file


@pytest.mark.parametrize("target", ["there", "missing", "fifo"])
def test_external_links_are_not_followed(tmp_path, shard, target):
    if target == "there":
        write_shard(tmp_path / "there", [("a", video())], {})
    if target == "fifo":  # reading it would wait for ever
        os.mkfifo(tmp_path / "fifo")
    with replace(shard) as file:
        file["a/rgb"] = h5py.ExternalLink(str(tmp_path / target), "/a/rgb")
    assert "by a link" in refused(shard)
    with h5py.File(shard, "a") as file:
        del file["a"]
        file["a"] = h5py.ExternalLink(str(tmp_path / target), "/a")
    assert "by a link" in refused(shard)
    with pytest.raises(UserError, match="by a link"):
        stored_columns(shard)


def test_soft_links_are_not_followed(shard):
    with replace(shard) as file:
        file["a/rgb"] = h5py.SoftLink("/b/rgb")
    assert "by a link" in refused(shard)


def test_external_storage_is_not_read(tmp_path, shard):
    (tmp_path / "secret").write_bytes(bytes(range(16)) * 4)
    with replace(shard) as file:
        file["a"].create_dataset("rgb", (STEPS, 4), "f4", external=[(str(tmp_path / "secret"), 0, 64)])
    assert "in other files" in refused(shard)


def test_virtual_datasets_are_not_read(shard):
    layout = h5py.VirtualLayout((STEPS, 4), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "a", (STEPS, 4))
    with replace(shard) as file:
        file["a"].create_virtual_dataset("rgb", layout)
    assert "in other files" in refused(shard)


def test_a_size_that_the_file_does_not_bear_out(shard):
    with replace(shard) as file:
        file["a"].create_dataset("rgb", (1 << 20, 1 << 10), "f4", chunks=(1 << 10, 1 << 10))  # no chunk is stored
    assert "claims 4294967296 bytes" in refused(shard)
    with replace(shard) as file:
        x = np.zeros((1 << 12, 1 << 10), np.float32)
        file["a"].create_dataset("rgb", data=x, compression="gzip", chunks=(1 << 12, 1 << 10))
    assert "claims 16777216 bytes" in refused(shard)


def test_shards_that_were_packed_are_read(shard):
    with h5py.File(shard, "a") as file:
        for name in ("a", "b"):
            for stream in ("rgb", "flow"):
                x = file[name][stream][()]
                del file[name][stream]
                file[name].create_dataset(stream, data=x, compression="gzip")
    np.testing.assert_array_equal(load_features(shard).video(0), video().joint(("rgb", "flow")))


@pytest.mark.parametrize("data", [np.zeros((STEPS, 4), complex), np.zeros((STEPS, 4), bool), np.zeros((STEPS, 0)), 5.0])
def test_what_is_no_feature(shard, data):
    with replace(shard) as file:
        file["a"].create_dataset("rgb", data=data)
    assert "features are" in refused(shard)


@pytest.mark.parametrize("text", [["a", "b"], np.void(b"x" * 8)])
def test_text_is_no_feature(shard, text):
    with replace(shard) as file:
        file["a"]["rgb"] = text
    refused(shard)
    with replace(shard) as file:
        file.create_group("a/rgb")
    assert "is no array" in refused(shard)


@pytest.mark.parametrize("key", ["fps", "duration", "hop_s", "span", "frames", "complete"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, "text", [1.0, 2.0], None])
def test_attributes_must_be_possible(shard, key, value):
    harmless = {("complete", -1.0), ("complete", "text"), ("frames", 0)}
    with h5py.File(shard, "a") as file:
        if value is None:
            del file["a"].attrs[key]
        else:
            file["a"].attrs[key] = value
    if (key, str(value)) in {("complete", "nan"), ("complete", "inf")} or (key, value) in [*harmless]:
        load_features(shard)
    else:
        refused(shard)


@pytest.mark.parametrize("text", ["{", "5", "[1]", "[{}]", '[{"video": 1, "frames": 1}]', "[" * 100_000])
def test_damaged_notes_are_one_line(shard, text):
    with h5py.File(shard, "a") as file:
        del file.attrs["statuses"]
        file.attrs.create("statuses", text, dtype=h5py.string_dtype())
        file.attrs.create("made_with", text, dtype=h5py.string_dtype())
    with open_shard(shard) as file, pytest.raises(UserError, match="damaged"):
        read_statuses(file)
    with pytest.raises(UserError, match="damaged"):
        read_made_with(shard)


def test_any_cut_is_a_line(shard):
    whole = shard.read_bytes()
    for length in range(0, len(whole), 97):
        shard.write_bytes(whole[:length])
        refused(shard)


@pytest.mark.parametrize("seed", range(60))
def test_a_flipped_byte_is_a_result_or_a_line(shard, seed):
    content = bytearray(shard.read_bytes())
    rng = np.random.default_rng(seed)
    content[rng.integers(len(content))] = rng.integers(256)
    shard.write_bytes(bytes(content))
    try:
        load_features(shard)
        read_made_with(shard)
        with open_shard(shard) as file:
            read_statuses(file)
    except UserError as error:
        assert "\n" not in str(error)


def test_a_shard_is_a_file(tmp_path):
    os.mkfifo(tmp_path / "x.h5")
    with pytest.raises(UserError, match="is no file"):
        load_features(tmp_path)


@pytest.mark.parametrize("first", ["int16", "uint8", "float16", "float32", ">f4"])
@pytest.mark.parametrize("second", ["float16", "float32", "float64", "int32"])
def test_types_are_promoted_never_cut(tmp_path, first, second):
    a, b = video(first), video(second, scale=0.5 if second.startswith("f") else 5000)
    write_shard(tmp_path / "x.h5", [("a", a), ("b", b)], {})
    packed = load_features(tmp_path)
    assert packed.rows.dtype.kind == "f" and packed.rows.dtype.isnative
    for i, stored in enumerate((a, b)):
        np.testing.assert_array_equal(packed.video(i), stored.joint(("rgb", "flow")))


def test_streams_of_different_types_too(tmp_path):
    x = video("int16").streams["rgb"]
    flow = x.astype(np.float32) / 3
    write_shard(tmp_path / "x.h5", [("a", VideoFeatures({"rgb": x, "flow": flow}, 2.56, 64, 25.0, 16, 0.64))], {})
    np.testing.assert_array_equal(load_features(tmp_path, streams=("flow",)).rows, flow)
    np.testing.assert_array_equal(load_features(tmp_path).rows[:, 4:], flow)


def test_one_type_stays_as_it_is(tmp_path):
    for dtype in ("float16", "float32", "float64"):
        write_shard(tmp_path / "x.h5", [("a", video(dtype)), ("b", video(dtype))], {})
        assert load_features(tmp_path).rows.dtype == dtype


@pytest.mark.parametrize("name", ["a/b", "..", ".", "", "a\0b", "\udce9"])
def test_a_name_that_is_no_group_is_not_written(tmp_path, name):
    with pytest.raises(UserError, match="cannot name a video"):
        write_shard(tmp_path / "x.h5", [(name, video())], {})
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_only_some_videos_have_is_not_dropped(tmp_path):
    write_shard(tmp_path / "x.h5", [("a", video(streams=("rgb",))), ("b", video())], {})
    assert stored_columns(tmp_path / "x.h5") == {"rgb": 4, "flow": 4}
    assert stored_columns(tmp_path / "x.h5", ["a"]) == {"rgb": 4}
    assert json.dumps(stored_columns(tmp_path / "x.h5", ["c"])) == "{}"
