"""The pack reader: what NumPy writes comes back; whatever else is in a file is neither made nor run."""

import pickle
import tracemalloc

import numpy as np
import pytest

from actionbytes.errors import UserError
from actionbytes.features.npy import read_names, read_numbers
from actionbytes.features.packs import read_pack

X = np.arange(12, dtype=np.float32).reshape(3, 4)


def write(path, body: bytes, count: int = 1):
    """A `.npy` file of an object array of `count` items whose pickle is `body`."""
    with path.open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(np.empty(count, object))
        np.lib.format.write_array_header_1_0(file, header)
        file.write(body)
    return path


def pack(*items) -> np.ndarray:
    array = np.empty(len(items), object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def text(content: bytes) -> bytes:
    """Text as Python 2 pickled it."""
    return b"T" + len(content).to_bytes(4, "little") + content


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
ENDS = b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
OBJECT = b"cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R(K\x03U\x01|" + ENDS + b"K?tb"
FLOAT = b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<" + ENDS + b"K\x00tb"


def python_2(inner: bytes, count: bytes = b"K\x01") -> bytes:
    return b"\x80\x02" + RECONSTRUCT + b"(K\x01" + count + b"\x85" + OBJECT + b"\x89](" + inner + b"etb."


def array_2(data: bytes, shape: bytes = b"K\x03K\x04\x86") -> bytes:
    return RECONSTRUCT + b"(K\x01" + shape + FLOAT + b"\x89" + data + b"tb"


@pytest.mark.parametrize("protocol", [0, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", "<f8", "u1", "<i8"])
def test_what_numpy_writes_comes_back(tmp_path, protocol, dtype):
    x = X.astype(dtype)
    body = pickle.dumps(pack(x, np.asfortranarray(x), x[:1], "name"), protocol=protocol)
    items = read_pack(write(tmp_path / "x.npy", body, 4))
    for item, written in zip(items, (x, x, x[:1]), strict=False):
        np.testing.assert_array_equal(item, written)
        assert item.dtype == np.dtype(dtype).newbyteorder("=")
    assert items[3] == "name"


def test_what_python_2_wrote_comes_back(tmp_path):
    (item,) = read_pack(write(tmp_path / "x.npy", python_2(array_2(text(X.tobytes())))))
    np.testing.assert_array_equal(item, X)


def test_items_that_are_no_numbers_are_none(tmp_path):
    odd = (None, pack(X), X.astype(complex), X > 3, X.astype("g"), np.array(["a"]), np.zeros(2, "M8[s]"))
    for item in odd[:-1]:
        assert read_pack(write(tmp_path / "x.npy", pickle.dumps(pack(item)))) == [None]
    with pytest.raises(UserError, match="no array needs"):
        read_pack(write(tmp_path / "x.npy", pickle.dumps(pack(odd[-1]))))


@pytest.mark.parametrize(
    "call",
    [
        b"cos\ngetpid\n)R",
        b"cnumpy\nndarray\n(K\x01\x85U\x01OtR",
        b"cnumpy\nndarray\nK\x01\x85U\x01OK\x00\x87R",  # the class is not there to be called
        b"cnumpy\ndtype\n(U\x02O8tRU\x04AAAAb",
        b"cnumpy\ndtype\nU\x02f4\x85R(K\x03U\x01<U\x02O8NNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",  # of arrays
        b"c_codecs\nencode\nX\x02\x00\x00\x0000U\x03hex\x86R",
        b"c_codecs\nencode\n}U\x01a\x86R",
        b"cnumpy.core.numeric\n_frombuffer\nX\x02\x00\x00\x0000U\x01OK\x01\x85U\x01CtR",
        b"cnumpy\ndtype\n}b",
        b"ccopyreg\n_reconstructor\n",
        b"cnumpy\nndarray.__reduce__\n",
        b"\x82\x01",
        b"Pid\n",
        b"]\x81",
    ],
)
def test_nothing_can_be_called(tmp_path, call):
    with pytest.raises(UserError, match=r"x\.npy: ") as refused:
        read_pack(write(tmp_path / "x.npy", python_2(call)))
    assert "\n" not in str(refused.value)


def test_an_object_array_of_bytes_is_no_array(tmp_path):
    """Eight bytes in place of a list of objects would be read as the address of one."""
    body = b"\x80\x02" + RECONSTRUCT + b"(K\x01K\x01\x85" + OBJECT + b"\x89" + text(b"A" * 8) + b"tb."
    with pytest.raises(UserError, match="not of its type"):
        read_pack(write(tmp_path / "x.npy", body))


def test_no_more_is_made_than_the_file_has(tmp_path):
    big = array_2(text(bytes(4000)), shape=b"M\xe8\x03K\x01\x86")
    shared = big + b"q\x09" + b"h\x09" * 2000
    path = write(tmp_path / "x.npy", python_2(shared, count=b"M\xd1\x07"), 2001)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="claim more bytes"):
            read_pack(path)
        assert tracemalloc.get_traced_memory()[1] < 5 << 20
    finally:
        tracemalloc.stop()
    encoded = b"c_codecs\nencode\nq\x07X\x10\x00\x00\x00" + b"0" * 16 + b"U\x06latin1\x86q\x08R" + b"h\x07h\x08R" * 200
    with pytest.raises(UserError, match="claim more bytes"):
        read_pack(write(tmp_path / "x.npy", python_2(encoded)))
    too_few = array_2(text(bytes(4)), shape=b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86")
    assert read_pack(write(tmp_path / "x.npy", python_2(too_few))) == [None]
    length = write(tmp_path / "x.npy", b"\x80\x02T\xff\xff\xff\x7fabc")
    with pytest.raises(UserError, match="not a readable NumPy array"):
        read_pack(length)


def test_any_cut_and_any_flipped_byte_is_a_result_or_a_line(tmp_path):
    whole = pickle.dumps(pack(X, X), protocol=2)
    rng = np.random.default_rng(0)
    for trial in range(300):
        body = bytearray(whole)
        body[rng.integers(len(body))] = rng.integers(256)
        path = write(tmp_path / "x.npy", bytes(body[: rng.integers(len(body))] if trial % 2 else body), 2)
        try:
            read_pack(path)
        except UserError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"PK\x03\x04", "zip file"),
        (b"\x93NUMPY\x01\x00\x08\x00((((((((", "not a readable NumPy array"),
        (b"\x93NUMPY\x07\x00\x08\x00", "not a readable NumPy array"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "not a readable NumPy array"),
    ],
)
def test_what_is_no_array_is_said(tmp_path, content, problem):
    (tmp_path / "x.npy").write_bytes(content)
    for read in (read_numbers, read_names, read_pack):
        with pytest.raises(UserError, match=problem):
            read(tmp_path / "x.npy")


@pytest.mark.parametrize(
    "x", [np.array(["a"]), np.array([1 + 2j]), X.astype("g"), np.zeros(2, [("a", "f4")]), np.array(["2020"], "M8[D]")]
)
def test_plain_arrays_hold_numbers(tmp_path, x):
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(UserError, match="no numbers"):
        read_numbers(tmp_path / "x.npy")


def test_a_plain_array_is_no_larger_than_its_file(tmp_path):
    np.save(tmp_path / "x.npy", X)
    content = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(content.replace(b"(3, 4)", b"(3,90000000)"))
    with pytest.raises(UserError, match="too few"):
        read_numbers(tmp_path / "x.npy")


def test_files_only(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_numbers(tmp_path)
    with pytest.raises(UserError, match="no such file"):
        read_pack(tmp_path / "none.npy")
