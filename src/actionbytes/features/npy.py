"""`.npy` files from anywhere: plain numbers and lists of names, of no more memory than the file has bytes."""

import io
import math
import warnings
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from actionbytes.errors import UserError

MAX_HEADER = 1 << 16
POINTER = b"version https://git-lfs"  # what Git LFS leaves in place of a file that is not fetched


class NoArray(ValueError):
    """Bytes that are no array of the kind that is asked for; the text says why."""


def read_header(path: Path) -> tuple[tuple[int, ...], np.dtype, bool, int]:
    """What a `.npy` file says that it holds.

    Args:
        path: The file.

    Returns:
        The shape, the type, whether columns come first (Fortran's order), and the byte at which the numbers begin.

    Raises:
        UserError: There is no such regular file, or it is no `.npy` file.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file of an array")
    try:
        with path.open("rb") as file:
            start = file.read(MAX_HEADER)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    if start.startswith(POINTER):
        raise UserError(f"{path}: is a Git LFS pointer, not the array itself; run `git lfs pull`")
    if start.startswith(b"PK"):
        raise UserError(f"{path}: is a zip file (.npz), not a .npy array; save each of its arrays with numpy.save")
    try:
        header = io.BytesIO(start)
        version = npy.read_magic(header)
        if version not in ((1, 0), (2, 0)):
            raise NoArray(f"it is of version {version[0]}.{version[1]}")
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers that Python 2 has written
            shape, fortran, dtype = read(header)
    except Exception as error:  # damaged bytes in a parser of Python literals can raise anything
        problem = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: not a readable NumPy array ({problem:.100}); fetch it again") from None
    return shape, dtype, fortran, header.tell()


def read_numbers(path: Path) -> np.ndarray:
    """The numbers of a `.npy` file: integers or floating point numbers of at most 64 bits, in the machine's byte order.

    Raises:
        UserError: There is no such file, it holds something else, or fewer bytes than it says.
    """
    shape, dtype, fortran, begin = read_header(path)
    try:
        with path.open("rb") as file:
            file.seek(begin)
            return numbers(file.read(), shape, dtype, fortran)
    except NoArray as error:
        raise UserError(f"{path}: {error}") from None


def read_names(path: Path) -> list[str]:
    """Names from a `.npy` file: a one-dimensional array of text.

    Raises:
        UserError: There is no such file, it holds something else, or text that is not UTF-8.
    """
    shape, dtype, _, begin = read_header(path)
    size = path.stat().st_size - begin
    if len(shape) != 1 or dtype.kind not in "SU" or shape[0] * dtype.itemsize > size or not dtype.itemsize:
        raise UserError(f"{path}: holds {dtype} of shape {shape}, no list of names; give a text file, one name a line")
    with path.open("rb") as file:
        file.seek(begin)
        array = np.frombuffer(file.read(shape[0] * dtype.itemsize), dtype)
    try:
        return [item.decode() if isinstance(item, bytes) else str(item) for item in array.tolist()]
    except ValueError as error:  # UnicodeDecodeError
        raise UserError(f"{path}: a name is not UTF-8 text ({error})") from None


def numbers(data: bytes, shape: tuple[int, ...], dtype: np.dtype, fortran: bool) -> np.ndarray:
    """`data` as an array of numbers.

    Args:
        data: The bytes of the numbers; there may be more of them.
        shape: Of the array.
        dtype: Type of the numbers, in any byte order.
        fortran: Whether columns come first.

    Raises:
        NoArray: The type is none of numbers, or there are too few bytes.
    """
    if dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise NoArray(f"holds {dtype} of shape {shape}, which are no numbers of at most 64 bits")
    if any(side < 0 for side in shape) or math.prod(shape) * dtype.itemsize > len(data):
        raise NoArray(f"has {len(data)} bytes, too few for {dtype} of shape {shape}; fetch it again")
    array = np.frombuffer(data, dtype, math.prod(shape)).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)
