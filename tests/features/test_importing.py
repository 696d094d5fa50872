import pickle

import h5py
import numpy as np
import pytest

from actionbytes.data.annotations import Instance, Video, write_annotations
from actionbytes.errors import UserError
from actionbytes.features.importing import import_videos, read_object_array
from actionbytes.features.store import load_features

STEPS = {"v1": 6, "v2": 9, "t1": 4}


@pytest.fixture
def videos():
    subset = {"v": "validation", "t": "test"}
    return {n: Video(n, subset[n[0]], k * 0.64, 25.0, (Instance("a", 0, 1),)) for n, k in STEPS.items()}


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {name: rng.random((steps, 8)).astype(np.float32) for name, steps in STEPS.items()}


def object_array(path, rows):
    array = np.empty(len(rows), object)
    array[:] = rows
    np.save(path, array)


def test_both_forms_give_the_same(tmp_path, videos, arrays):
    for stream, part in (("rgb", slice(0, 4)), ("flow", slice(4, 8))):
        (tmp_path / "npy" / stream).mkdir(parents=True)
        for name, x in arrays.items():
            np.save(tmp_path / "npy" / stream / f"{name}.npy", x[:, part])
    object_array(tmp_path / "pack.npy", list(arrays.values()))
    import_videos(tmp_path / "npy", videos, tmp_path / "a")
    import_videos(tmp_path / "pack.npy", videos, tmp_path / "b")
    a, b = load_features(tmp_path / "a"), load_features(tmp_path / "b")
    assert a.names == b.names == sorted(STEPS)
    np.testing.assert_array_equal(a.rows, b.rows)
    np.testing.assert_array_equal(a.video(a.names.index("v2")), arrays["v2"])
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["test_00.h5", "validation_00.h5"]


def test_stream_order_is_stated_not_guessed(tmp_path, videos, arrays):
    object_array(tmp_path / "pack.npy", list(arrays.values()))
    import_videos(tmp_path / "pack.npy", videos, tmp_path / "b", order=("flow", "rgb"))
    packed = load_features(tmp_path / "b", streams=("rgb",))
    np.testing.assert_array_equal(packed.video(packed.names.index("t1")), arrays["t1"][:, 4:])


def test_misfits_are_set_aside_and_strict_refuses(tmp_path, videos, arrays):
    arrays["v2"] = arrays["v2"][:3]  # a third of the snippets: another fps
    object_array(tmp_path / "pack.npy", list(arrays.values()))
    statuses = import_videos(tmp_path / "pack.npy", videos, tmp_path / "b")
    assert {s.video: s.status for s in statuses} == {"v1": "ok", "v2": "set aside", "t1": "ok"}
    assert "check the fps" in load_features(tmp_path / "b", ["v1", "v2"]).set_aside["v2"]
    with pytest.raises(UserError, match="check the fps"):
        import_videos(tmp_path / "pack.npy", videos, tmp_path / "c", strict=True)


def test_wrong_number_of_names(tmp_path, videos, arrays):
    object_array(tmp_path / "pack.npy", list(arrays.values())[:2])
    with pytest.raises(UserError, match="2 videos but 3 names"):
        import_videos(tmp_path / "pack.npy", videos, tmp_path / "b")


class Malice:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code ran')",))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_that_is_no_array_runs_nothing(tmp_path, protocol):
    array = np.empty(1, object)
    array[0] = Malice()
    with (tmp_path / "bad.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        pickle.dump(array, file, protocol=protocol)
    with pytest.raises(UserError, match="which no array needs"):
        read_object_array(tmp_path / "bad.npy")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"hello", b"\x93NUMPY\x01\x00\x10\x00{'descr': '|O'"])
def test_broken_arrays_are_one_line(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(UserError, match="not a readable NumPy array"):
        read_object_array(tmp_path / "x.npy")


def test_span_and_hop_are_what_is_said(tmp_path, arrays):
    """Snippets of 16 frames every 8: as many as almost twice the seconds that they would cover side by side."""
    frames = {name: (len(x) - 1) * 8 + 16 for name, x in arrays.items()}
    videos = {n: Video(n, "test", k / 25, 25.0, (Instance("a", 0, 1),)) for n, k in frames.items()}
    object_array(tmp_path / "pack.npy", list(arrays.values()))
    statuses = import_videos(tmp_path / "pack.npy", videos, tmp_path / "a", span=16, hop=8)
    assert {s.video: (s.status, s.frames) for s in statuses} == {n: ("ok", k) for n, k in frames.items()}
    assert load_features(tmp_path / "a").hop_s == 0.32
    statuses = import_videos(tmp_path / "pack.npy", videos, tmp_path / "b")
    assert "set aside" in {s.status for s in statuses}


def test_the_command_has_span_and_hop(tmp_path, cli, arrays):
    videos = {n: Video(n, "test", ((len(x) - 1) * 4 + 32) / 25, 25.0, ()) for n, x in arrays.items()}
    object_array(tmp_path / "pack.npy", list(arrays.values()))
    write_annotations(tmp_path / "a.json", videos)
    command = ("import-features", tmp_path / "pack.npy", "--annotations", tmp_path / "a.json")
    status, _, err = cli(*command, "--out", tmp_path / "x", "--span", 32, "--hop", 4)
    assert status == 0, err
    with h5py.File(tmp_path / "x" / "test_00.h5") as file:
        assert {(x.attrs["span"], x.attrs["hop_s"]) for x in file.values()} == {(32, 0.16)}
    status, _, err = cli(*command, "--out", tmp_path / "y", "--chunk", 32, "--hop", 4)
    assert status == 0, err
    assert load_features(tmp_path / "y").hop_s == 0.16
    assert cli(*command, "--out", tmp_path / "z", "--hop", 0)[0] == 2
