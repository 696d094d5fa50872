import pickle

import h5py
import numpy as np
import pytest

from actionbytes.data.annotations import Instance, Video, write_annotations
from actionbytes.errors import UserError
from actionbytes.features.importing import import_videos, read_listed_names
from actionbytes.features.packs import read_pack
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
    reason = load_features(tmp_path / "b", ["v1", "v2"]).set_aside["v2"]
    assert "check the fps" in reason and "padded to one length" in reason
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
        read_pack(tmp_path / "bad.npy")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"hello", b"\x93NUMPY\x01\x00\x10\x00{'descr': '|O'"])
def test_broken_arrays_are_one_line(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(UserError, match="not a readable NumPy array"):
        read_pack(tmp_path / "x.npy")


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


def test_an_import_that_fails_leaves_the_shards_that_are_there(tmp_path, cli, videos, arrays):
    object_array(tmp_path / "pack.npy", list(arrays.values()))
    write_annotations(tmp_path / "a.json", videos)
    command = ("import-features", tmp_path / "pack.npy", "--annotations", tmp_path / "a.json", "--out", tmp_path / "x")
    assert cli(*command)[0] == 0
    before = {path: path.read_bytes() for path in (tmp_path / "x").iterdir()}
    status, _, err = cli(*command, "--fps", 100)
    assert status == 2 and "fits no annotated video" in err
    assert {path: path.read_bytes() for path in (tmp_path / "x").iterdir()} == before
    arrays["t1"], arrays["v2"] = arrays["t1"] * 2, arrays["v2"][:3]  # the second subset fails after the first
    object_array(tmp_path / "pack.npy", list(arrays.values()))
    assert cli(*command, "--strict")[0] == 2
    assert {path: path.read_bytes() for path in (tmp_path / "x").iterdir()} == before


def test_a_subset_without_videos_does_not_empty_its_shard(tmp_path, videos, arrays):
    """The features of each subset are published on their own: the second import must not undo the first."""
    for subset in ("v", "t"):
        (tmp_path / subset).mkdir()
        for name in (name for name in arrays if name.startswith(subset)):
            np.save(tmp_path / subset / f"{name}.npy", arrays[name])
        import_videos(tmp_path / subset, videos, tmp_path / "x")
    assert load_features(tmp_path / "x").names == sorted(STEPS)


@pytest.mark.parametrize("name", ["../../secret", "/secret", "a/b", "..", ".", ""])
def test_names_lead_nowhere(tmp_path, arrays, name):
    np.save(tmp_path / "secret.npy", arrays["t1"])
    (tmp_path / "in" / "npy").mkdir(parents=True)
    out = tmp_path / "in" / "out"
    video = Video(name, "test", 2.56, 25.0, ())
    with pytest.raises(UserError, match="cannot name a video"):
        import_videos(tmp_path / "in" / "npy", {name: video}, out)
    with pytest.raises(UserError, match="cannot name a subset"):
        import_videos(tmp_path / "in" / "npy", {"t1": Video("t1", name, 2.56, 25.0, ())}, out)
    (tmp_path / "names.txt").write_text(f"t1\n{name}x/\n")
    with pytest.raises(UserError, match=r"name 2: .* cannot name a video"):
        read_listed_names(tmp_path / "names.txt")
    assert not out.exists()


def test_names_of_rows_are_read_line_by_line(tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes("\ufeffa b\r\n\r\nc.npy\r\n".encode())
    assert read_listed_names(path) == ["a b", "c"]
    np.save(tmp_path / "videoname.npy", np.array([b"video_1", b"video_2"]))
    assert read_listed_names(tmp_path / "videoname.npy") == ["video_1", "video_2"]
    path.write_text("a\na\n")
    with pytest.raises(UserError, match="names a twice"):
        read_listed_names(path)
    path.write_bytes(b"caf\xe9\n")
    with pytest.raises(UserError, match="not UTF-8"):
        read_listed_names(path)
    for missing in (tmp_path, tmp_path / "none.txt"):
        with pytest.raises(UserError, match="no such file of names"):
            read_listed_names(missing)


def test_a_name_twice_is_an_error(tmp_path, videos, arrays):
    object_array(tmp_path / "pack.npy", list(arrays.values()))
    with pytest.raises(UserError, match="names v1 twice"):
        import_videos(tmp_path / "pack.npy", videos, tmp_path / "x", names=["v1", "v1", "t1"])


@pytest.mark.parametrize(
    "item",
    [None, "text", np.zeros((4, 2, 4), np.float32), np.zeros((4, 7), np.float32), np.zeros((4, 8), complex)],
    ids=["none", "text", "3-d", "odd", "complex"],
)
def test_one_bad_row_is_set_aside(tmp_path, videos, arrays, item):
    items = list(arrays.values())
    array = np.empty(3, object)
    for i, x in enumerate([items[0], item, items[2]]):
        array[i] = x
    np.save(tmp_path / "pack.npy", array)
    statuses = import_videos(tmp_path / "pack.npy", videos, tmp_path / "x")
    assert {s.video: s.status for s in statuses} == {"v1": "ok", "v2": "set aside", "t1": "ok"}
    with pytest.raises(UserError, match="v2"):
        import_videos(tmp_path / "pack.npy", videos, tmp_path / "y", strict=True)


@pytest.mark.parametrize("content", [b"version https://git-lfs.github.com/spec/v1\n", b"PK\x03\x04", b"", "text", 3.0])
def test_one_bad_file_is_set_aside(tmp_path, videos, arrays, content):
    (tmp_path / "npy").mkdir()
    for name, x in arrays.items():
        np.save(tmp_path / "npy" / f"{name}.npy", x)
    if isinstance(content, bytes):
        (tmp_path / "npy" / "v2.npy").write_bytes(content)
    else:
        np.save(tmp_path / "npy" / "v2.npy", np.array(content))
    statuses = import_videos(tmp_path / "npy", videos, tmp_path / "x")
    assert {s.video: s.status for s in statuses} == {"v1": "ok", "v2": "set aside", "t1": "ok"}


def test_one_stream_of_i3d_is_not_split_unasked(tmp_path, videos):
    (tmp_path / "npy").mkdir()
    for name, steps in STEPS.items():
        np.save(tmp_path / "npy" / f"{name}.npy", np.ones((steps, 1024), np.float32))
    with pytest.raises(UserError, match="say with --order rgb"):
        import_videos(tmp_path / "npy", videos, tmp_path / "x")
    import_videos(tmp_path / "npy", videos, tmp_path / "x", order=("rgb",))
    assert load_features(tmp_path / "x").streams == ("rgb",)
    import_videos(tmp_path / "npy", videos, tmp_path / "y", order=("rgb", "flow"))
    assert load_features(tmp_path / "y").streams == ("rgb", "flow")


def test_a_video_without_a_stream_is_set_aside(tmp_path, videos, arrays):
    for stream in ("rgb", "flow"):
        (tmp_path / "npy" / stream).mkdir(parents=True)
        for name, x in arrays.items():
            np.save(tmp_path / "npy" / stream / f"v_{name}.npy", x)
    (tmp_path / "npy" / "flow" / "v_v1.npy").unlink()
    statuses = import_videos(tmp_path / "npy", videos, tmp_path / "x")
    reasons = {s.video: s.reason for s in statuses if s.status != "ok"}
    assert list(reasons) == ["v1"] and "has no file in" in reasons["v1"]


def test_the_command_says_how_joint_arrays_were_split(tmp_path, cli, videos, arrays):
    object_array(tmp_path / "pack.npy", list(arrays.values()))
    write_annotations(tmp_path / "a.json", videos)
    command = ("import-features", tmp_path / "pack.npy", "--annotations", tmp_path / "a.json", "--out", tmp_path / "x")
    assert "rgb: 4 columns, flow: 4 columns" in cli(*command)[1]
    for fps in ("nan", "inf", "0"):
        assert cli(*command, "--fps", fps)[0] == 2
