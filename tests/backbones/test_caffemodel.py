"""The reader of caffemodels: what it hands out, and that no file can make it do anything else."""

import random
import runpy
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from actionbytes.backbones import caffemodel
from actionbytes.backbones.caffemodel import read_caffemodel
from actionbytes.errors import UserError

WRITER = runpy.run_path(str(Path(__file__).with_name("caffe_writer.py")))
blob, field, layer, net, varint = (WRITER[k] for k in ("blob", "field", "layer", "net", "varint"))

WEIGHT = np.arange(12, dtype=np.float32).reshape(2, 3, 1, 2) / 7
BIAS = np.array([-1.5, 2], np.float32)


def written(tmp_path, content: bytes) -> Path:
    path = tmp_path / "x.caffemodel"
    path.write_bytes(content)
    return path


def test_a_file_byte_by_byte(tmp_path):
    """Written out by hand from the definition of protocol buffers, so that the writer of these tests is no witness."""
    content = bytes.fromhex(
        "0a036e6574"  # 1: name "net"
        "a20617"  # 100: layer, 23 bytes
        "0a0163"  # 1: name "c"
        "3a12"  # 7: blob, 18 bytes
        "3a04" "0a020102"  # 7: shape { 1: dims 1, 2 }
        "2a08" "0000803f" "000000c0"  # 5: data 1.0, -2.0
        "0801"  # 1: num 1, which shape overrules
    )  # fmt: skip
    layers = read_caffemodel(written(tmp_path, content))
    assert list(layers) == ["c"]
    assert layers["c"][0].tolist() == [[1, -2]]
    assert layers["c"][0].dtype == np.float32


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("legacy", [False, True])
def test_layers_and_blobs(tmp_path, old, legacy):
    layers = [layer("data", [], old), layer("conv/1", [blob(WEIGHT, legacy), blob(BIAS, legacy)], old)]
    found = read_caffemodel(written(tmp_path, net(*layers)))
    assert list(found) == ["conv/1"]
    weight, bias = found["conv/1"]
    assert np.array_equal(weight, WEIGHT)
    assert np.array_equal(bias, BIAS.reshape(1, 1, 1, 2) if legacy else BIAS)


def test_packed_numbers_may_come_in_pieces(tmp_path):
    raw = WEIGHT.tobytes()
    pieces = field(5, raw[:20]) + field(7, field(1, 12)) + field(5, raw[20:])  # a dimension that is not packed, too
    assert np.array_equal(read_caffemodel(written(tmp_path, net(layer("a", [pieces]))))["a"][0], WEIGHT.ravel())


GOOD = net(layer("a", [blob(WEIGHT), blob(BIAS)]), layer("b", [blob(BIAS)]))
HUGE = field(7, field(1, varint(1 << 40) + varint(1 << 40)))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (GOOD[:-1], "reaches beyond"),
        (b"\xff" * 20, "more than 64 bits"),
        (b"\xff" * 9 + b"\x7f" + GOOD, "more than 64 bits"),
        (b"\xa2", "middle of a number"),
        (b"\xa2\x06\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "reaches beyond"),
        (b"<html>not found</html>", "unknown type|reaches beyond|without weights"),
        (net(), "without weights"),
        (net(layer("a", [])), "without weights"),
        (net(layer("a", [blob(BIAS)]), layer("a", [blob(BIAS)])), "two layers with weights are called 'a'"),
        (net(layer("", [blob(BIAS)])), "has no name"),
        (net(layer("é", [blob(BIAS)])), "no plain text"),
        (net(layer("a\nb", [blob(BIAS)])), "no plain text"),
        (net(layer("a" * 257, [blob(BIAS)])), "more than 256 bytes"),
        (net(layer("a", [blob(BIAS)] * 17)), "more than 16 blobs"),
        (net(layer("a", [field(5, BIAS.tobytes())])), r"2 numbers for a blob of shape \(0, 0, 0, 0\)"),
        (net(layer("a", [blob(BIAS)[:-1]])), "reaches beyond"),
        (net(layer("a", [field(7, field(1, varint(2))) + field(5, BIAS.tobytes()[:-1])])), "1 numbers for a blob"),
        (net(layer("a", [field(7, field(1, varint(1))) + field(5, BIAS.tobytes()[:-1])])), "1 numbers for a blob"),
        (net(layer("a", [HUGE + field(5, BIAS.tobytes())])), "2 numbers for a blob of shape"),
        (net(layer("a", [field(7, field(1, varint(1) * 9)) + field(5, BIAS.tobytes())])), "more than 8 dimensions"),
        (net(layer("a", [field(7, field(1, 1) * 9)])), "more than 8 dimensions"),
        (net(layer("a", [field(8, bytes(8))])), "not packed single precision"),
        (net(layer("a", [b"\x2d\0\0\0\0"])), "not packed single precision"),
        (net(layer("a", [field(1, 0) * 100_001])), "more than 100000 fields"),
        (net(*[layer("a", [])] * 4097), "more than 4096 layers"),
        (b"\x00\x00" + GOOD, ""),
        (b"\x0b\x0c", "unknown type 3"),  # a group
    ],
)
def test_what_is_no_caffemodel_is_one_line(tmp_path, content, says):
    path = written(tmp_path, content)
    if not says:
        assert list(read_caffemodel(path)) == ["a", "b"]
        return
    with pytest.raises(UserError, match=says) as error:
        read_caffemodel(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_a_missing_file_and_one_that_is_too_large(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no such file"):
        read_caffemodel(tmp_path / "none.caffemodel")
    monkeypatch.setattr(caffemodel, "MAX_BYTES", 8)
    with pytest.raises(UserError, match="more than 8 is not read"):
        read_caffemodel(written(tmp_path, GOOD))


def test_any_damage_is_a_user_error_or_other_numbers(tmp_path):
    """Whatever bytes are flipped or cut: UserError, or arrays no larger than the file; never another exception."""
    rng = random.Random(3)
    path, refused = tmp_path / "x.caffemodel", 0
    for _ in range(2000):
        content = bytearray(GOOD)
        for _ in range(rng.randint(1, 4)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content[: rng.randint(1, len(content))] if rng.random() < 0.3 else content)
        try:
            layers = read_caffemodel(path)
        except UserError as error:
            refused += 1
            assert "\n" not in str(error)
        else:
            assert sum(array.nbytes for blobs in layers.values() for array in blobs) <= len(content)
    assert 500 < refused < 2000


def test_a_claim_of_a_huge_blob_costs_no_memory(tmp_path):
    path = written(tmp_path, net(layer("a", [HUGE + field(5, BIAS.tobytes())])))
    tracemalloc.start()
    with pytest.raises(UserError):
        read_caffemodel(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
