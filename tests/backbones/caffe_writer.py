"""Writes caffemodels for tests, field by field; read with `runpy`. What the real writer does is in Caffe's proto."""

import struct

import numpy as np


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def blob(array: np.ndarray, legacy: bool = False) -> bytes:
    """A BlobProto: its shape as a message, or as four numbers, and packed floats."""
    if legacy:
        shape = (1,) * (4 - array.ndim) + array.shape
        head = b"".join(field(number, size) for number, size in enumerate(shape, 1))
    else:
        head = field(7, field(1, b"".join(map(varint, array.shape))))
    return head + field(5, np.ascontiguousarray(array, "<f4").tobytes())


def layer(name: str, blobs: list[bytes], old: bool = False, kind: str = "Convolution") -> bytes:
    """A layer as NetParameter holds it, with a few fields that a reader of weights steps over."""
    if old:
        content = field(4, name.encode()) + field(5, 4) + b"".join(field(6, one) for one in blobs)
        return field(2, content)
    content = field(1, name.encode()) + field(2, kind.encode()) + field(3, b"data") + field(10, 1)
    content += b"".join(field(7, one) for one in blobs)
    return field(100, content + varint(106 << 3 | 5) + struct.pack("<f", 0.5))


def net(*layers: bytes, name: str = "a net") -> bytes:
    return field(1, name.encode()) + field(3, b"data") + b"".join(layers)
