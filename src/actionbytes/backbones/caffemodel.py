"""Weights out of a `.caffemodel` without Caffe: names of layers and their arrays, nothing else.

A caffemodel is a protocol buffer. Of its message `NetParameter` four kinds of field are read (numbers as in Caffe's
`caffe.proto`): `layer` = 100 with `name` 1 and `blobs` 7, or, in nets written before 2015, `layers` = 2 with `name` 4
and `blobs` 6; of a blob `data` 5, `shape` 7 (with `dim` 1), and the older `num`, `channels`, `height`, `width` 1-4.
Everything else is stepped over. The reader trusts nothing in the file: a field must lie inside its message, messages
are read three deep and no deeper, names, dimensions and counts have limits, and the numbers of a blob must be as many
as its shape says, so that what is handed out is never larger than the file.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from actionbytes.errors import UserError

MAX_BYTES = 1 << 30  # the published networks have 41 to 270 MB
MAX_LAYERS = 4096
MAX_BLOBS = 16  # of one layer
MAX_DIMENSIONS = 8
MAX_NAME = 256  # bytes
MAX_FIELDS = 100_000  # of one message, so that a file of tiny fields is given up soon

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # wire types; 3 and 4 are groups, which Caffe never wrote
LAYER, OLD_LAYER = 100, 2  # fields of NetParameter
FIELDS = {LAYER: (1, 7), OLD_LAYER: (4, 6)}  # name and blobs in either kind of layer
DATA, SHAPE, DOUBLES = 5, 7, 8  # fields of BlobProto
LEGACY = (1, 2, 3, 4)  # num, channels, height, width
DIMENSION = 1  # field of BlobShape

Field = tuple[int, int, memoryview | int]  # number, wire type, value


class Malformed(ValueError):
    """Bytes that are no caffemodel, said in a few words."""


def read_caffemodel(path: Path) -> dict[str, list[np.ndarray]]:
    """Blobs of every layer that has some, by the layer's name, in the order of the file.

    Args:
        path: The file. It is read whole, since its end may matter to its beginning.

    Returns:
        float32 arrays in the shapes that the file gives them; old files give every blob four axes.

    Raises:
        UserError: The file is missing, empty, larger than `MAX_BYTES`, cut short, or no caffemodel.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file of weights")
    size = path.stat().st_size
    if size == 0:
        raise UserError(f"{path}: is empty; fetch it again")
    if size > MAX_BYTES:
        raise UserError(f"{path}: has {size} bytes; a caffemodel of more than {MAX_BYTES} is not read")
    try:
        layers = _layers(memoryview(path.read_bytes()))
    except Malformed as error:
        raise UserError(f"{path}: no whole caffemodel ({error}); fetch it again") from None
    if not layers:
        raise UserError(f"{path}: no caffemodel, or one without weights; fetch it again")
    return layers


def _layers(message: memoryview) -> dict[str, list[np.ndarray]]:
    layers: dict[str, list[np.ndarray]] = {}
    count = 0
    for number, wire, value in _fields(message):
        if number not in FIELDS or wire != LENGTH or not isinstance(value, memoryview):
            continue
        count += 1
        if count > MAX_LAYERS:
            raise Malformed(f"more than {MAX_LAYERS} layers")
        name, blobs = _layer(value, *FIELDS[number])
        if not blobs:
            continue
        if name in layers:
            raise Malformed(f"two layers with weights are called {name!r}")
        layers[name] = blobs
    return layers


def _layer(message: memoryview, name_field: int, blobs_field: int) -> tuple[str, list[np.ndarray]]:
    name = ""
    blobs: list[np.ndarray] = []
    for number, wire, value in _fields(message):
        if not isinstance(value, memoryview) or wire != LENGTH:
            continue
        if number == name_field:
            name = _name(value)
        elif number == blobs_field:
            if len(blobs) == MAX_BLOBS:
                raise Malformed(f"a layer with more than {MAX_BLOBS} blobs")
            blobs.append(_blob(value))
    if blobs and not name:
        raise Malformed("a layer with weights has no name")
    return name, blobs


def _name(value: memoryview) -> str:
    if len(value) > MAX_NAME:
        raise Malformed(f"a name of more than {MAX_NAME} bytes")
    try:
        name = bytes(value).decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("a name that is no plain text") from None
    if not name.isprintable():
        raise Malformed("a name that is no plain text")
    return name


def _blob(message: memoryview) -> np.ndarray:
    shape: list[int] | None = None
    legacy: dict[int, int] = {}
    data = bytearray()
    for number, wire, value in _fields(message):
        if number == SHAPE and isinstance(value, memoryview):
            shape = _dimensions(value)
        elif number in LEGACY and isinstance(value, int):
            legacy[number] = value
        elif number == DATA and wire == LENGTH and isinstance(value, memoryview):
            data += value  # a writer may split what is packed
        elif number in (DATA, DOUBLES):
            raise Malformed("numbers that are not packed single precision, which Caffe never wrote for a network")
    if shape is None:
        shape = [legacy.get(number, 0) for number in LEGACY]
    if len(data) % 4 or len(data) // 4 != math.prod(shape):
        raise Malformed(f"{len(data) // 4} numbers for a blob of shape {tuple(shape)}")
    return np.frombuffer(data, "<f4").astype(np.float32, copy=False).reshape(shape)


def _dimensions(message: memoryview) -> list[int]:
    dimensions: list[int] = []
    for number, _, value in _fields(message):
        if number != DIMENSION:
            continue
        if isinstance(value, int):
            dimensions.append(value)
        else:  # packed
            at = 0
            while at < len(value) and len(dimensions) <= MAX_DIMENSIONS:
                dimension, at = _varint(value, at)
                dimensions.append(dimension)
        if len(dimensions) > MAX_DIMENSIONS:
            raise Malformed(f"a blob of more than {MAX_DIMENSIONS} dimensions")
    return dimensions


def _fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message, one after the other; each lies inside it or Malformed is raised."""
    at = count = 0
    while at < len(message):
        count += 1
        if count > MAX_FIELDS:
            raise Malformed(f"a message of more than {MAX_FIELDS} fields")
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            whole, at = _varint(message, at)
            yield number, wire, whole
            continue
        if wire == LENGTH:
            length, at = _varint(message, at)
        elif wire in (FIXED32, FIXED64):
            length = 4 if wire == FIXED32 else 8
        else:
            raise Malformed(f"field of unknown type {wire}")
        if number == 0 or length > len(message) - at:
            raise Malformed("a field reaches beyond its message")
        yield number, wire, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of at most 64 bits in groups of seven, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise Malformed("it ends in the middle of a number")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                break
            return value, at
    raise Malformed("a number of more than 64 bits")
