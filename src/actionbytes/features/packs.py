"""Packs: one `.npy` file that holds a list of arrays, the form in which W-TALC's features were published.

NumPy writes such a list as a pickle, and Python's unpickler calls what the file names. So it is not used here. The few
instructions that a list of arrays needs are carried out by `_Machine`, which makes numbers, text, tuples and lists, and
has nothing to call: a name in the file is a record of four that are known, never the function of that name. What is
made is no larger than the file.
"""

import mmap
import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np

from actionbytes.errors import UserError
from actionbytes.features.npy import NoArray, numbers, read_header

MAX_INSTRUCTIONS = 10_000_000  # an array takes about 30
RECONSTRUCT, FROM_BUFFER, ARRAY, DTYPE, ENCODE = "_reconstruct", "_frombuffer", "ndarray", "dtype", "encode"
NAMES = {
    (f"{core}.{module}", name)
    for core in ("numpy.core", "numpy._core")
    for module, name in (("multiarray", RECONSTRUCT), ("numeric", FROM_BUFFER))
} | {("numpy", ARRAY), ("numpy", DTYPE), ("_codecs", ENCODE)}

_TYPE = re.compile(r"[<>|=]?([biufcSUO])(\d{0,3})")

Item = np.ndarray | str | None
"""What a pack may hold: an array of numbers, text, or None for anything else."""


@dataclass(frozen=True)
class _Name:
    """One of `NAMES` in the file."""

    name: str


@dataclass
class _Type:
    """The type of an array: letter and bytes, and the byte order."""

    code: str
    order: Literal["<", ">", "|", "="] = "="

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.code).newbyteorder("<" if self.order == "|" else self.order)


@dataclass
class _Array:
    """An array that is not made yet."""

    shape: Any = ()
    type: Any = None
    fortran: bool = False
    data: Any = None


def read_pack(path: Path) -> list[Item]:
    """Read a one-dimensional object array.

    Args:
        path: The `.npy` file.

    Returns:
        Its items; None for those that are neither arrays of numbers nor text.

    Raises:
        UserError: The file is damaged, holds something else, or names what no array needs.
    """
    shape, dtype, _, begin = read_header(path)
    if not dtype.hasobject:
        raise UserError(f"{path}: is a plain array {shape}; an object array of (T, D) arrays is wanted")
    if dtype.kind != "O" or len(shape) != 1:
        raise UserError(f"{path}: holds no list of videos (an object array of one dimension)")
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            content.seek(begin)
            array = _Machine(len(content)).run(content)
            return _items(array, shape[0], len(content))
    except NoArray as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:  # damaged instructions can raise anything
        problem = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: not a readable NumPy array ({problem:.100}); fetch it again") from None


def _items(array: Any, count: int, size: int) -> list[Item]:
    """The items of an object array, whose numbers may have `size` bytes together."""
    if not isinstance(array, _Array) or not isinstance(array.data, list) or array.shape != (count,):
        raise NoArray("holds no list of videos (an object array of one dimension)")
    if len(array.data) != count:
        raise NoArray(f"says that it has {count} items, but has {len(array.data)}; fetch it again")
    items, claimed = [], 0
    for thing in array.data:
        item = _item(thing, size)
        claimed += item.nbytes if isinstance(item, np.ndarray) else 0
        if claimed > size:
            raise NoArray(f"its arrays claim more bytes than the file has ({size}); fetch it again")
        items.append(item)
    return items


def _item(thing: Any, size: int) -> Item:
    if isinstance(thing, str):
        return thing
    if not isinstance(thing, _Array) or not isinstance(thing.type, _Type):
        return None
    shape, data = thing.shape, thing.data
    if not isinstance(shape, tuple) or len(shape) > 8 or not all(type(side) is int for side in shape):
        return None
    if isinstance(data, str) and len(data) <= size:
        data = data.encode("latin-1")  # Python 2 wrote bytes as text
    if not isinstance(data, bytes | bytearray):
        return None
    try:
        return numbers(bytes(data), shape, thing.type.dtype, thing.fortran is True or thing.fortran == 1)
    except ValueError:  # too few bytes, no numbers
        return None


class _Machine:
    """Carries out the instructions of a pickle that a list of arrays needs; any other is an error.

    Args:
        size: Bytes of the file, which what is converted must not exceed.
    """

    def __init__(self, size: int) -> None:
        self.left = size
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, content: mmap.mmap) -> Any:
        """The value that the instructions make."""
        for count, (opcode, argument, _) in enumerate(pickletools.genops(cast(IO[bytes], content))):
            if count > MAX_INSTRUCTIONS:
                raise NoArray(f"has more than {MAX_INSTRUCTIONS} instructions; split the file")
            if opcode.name in VALUES:
                self.stack.append(argument)
            elif opcode.name in CONSTANTS:
                self.stack.append(CONSTANTS[opcode.name]())
            elif opcode.name in STEPS:
                STEPS[opcode.name](self, argument)
            elif opcode.name not in IGNORED:
                raise NoArray(f"has the instruction {opcode.name}, which no array needs; it is not read")
        return self.stack.pop()

    def mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    def since_mark(self) -> list[Any]:
        """What was made since the last mark, taken off the stack."""
        begin = self.marks.pop()
        taken = self.stack[begin:]
        del self.stack[begin:]
        return taken

    def collect(self, _: Any) -> None:
        self.stack.append(tuple(self.since_mark()))

    def collect_list(self, _: Any) -> None:
        self.stack.append(self.since_mark())

    def collect_last(self, count: int) -> None:
        taken = tuple(self.stack[-count:])
        if len(taken) != count:
            raise NoArray("is damaged: a tuple is not whole; fetch it again")
        del self.stack[-count:]
        self.stack.append(taken)

    def append(self, _: Any) -> None:
        item = self.stack.pop()
        self._list().append(item)

    def append_all(self, _: Any) -> None:
        items = self.since_mark()
        self._list().extend(items)

    def _list(self) -> list[Any]:
        if not isinstance(self.stack[-1], list):
            raise NoArray("is damaged: adds to what is no list; fetch it again")
        return self.stack[-1]

    def keep(self, number: Any) -> None:
        self.memo[len(self.memo) if number is None else number] = self.stack[-1]

    def recall(self, number: int) -> None:
        self.stack.append(self.memo[number])

    def drop(self, _: Any) -> None:
        self.stack.pop()

    def name(self, text: str) -> None:
        """A name, as "module name"."""
        module, _, name = text.partition(" ")
        self._push_name(module, name)

    def name_of_stack(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._push_name(module, name)

    def _push_name(self, module: Any, name: Any) -> None:
        if not (isinstance(module, str) and isinstance(name, str) and (module, name) in NAMES):
            raise NoArray(f"asks for {module!s:.60}.{name!s:.60}, which no array needs; it is not read")
        self.stack.append(_Name(name))

    def make(self, _: Any) -> None:
        """What a call of one of `NAMES` would give, in our own records."""
        arguments, name = self.stack.pop(), self.stack.pop()
        known = name.name if isinstance(name, _Name) else None
        match (known, arguments):
            case ("_reconstruct", (_Name(name="ndarray"), (0,), b"b" | "b")):
                self.stack.append(_Array())
            case (
                "_frombuffer",
                (bytes() | bytearray() as data, _Type() as type_, tuple() as shape, "C" | "F" as order),
            ):
                self.stack.append(_Array(shape, type_, order == "F", data))
            case ("dtype", (str() as code, *_)) if _TYPE.fullmatch(code):
                self.stack.append(_Type(code))
            case ("encode", (str() as text, "latin1" | "latin-1")):
                self.left -= len(text)
                if self.left < 0:
                    raise NoArray("its arrays claim more bytes than the file has; fetch it again")
                self.stack.append(text.encode("latin-1"))
            case _:
                raise NoArray("makes something that no array needs; it is not read")

    def fill(self, _: Any) -> None:
        """Give an array its numbers or items, or a type its byte order."""
        state, thing = self.stack.pop(), self.stack[-1]
        match (thing, state):
            case (_Array(), (int(), tuple() as shape, _Type() as type_, fortran, list() | bytes() | str() as data)):
                if isinstance(data, list) != ("O" in type_.code):
                    raise NoArray("is damaged: an array's numbers are not of its type; fetch it again")
                thing.shape, thing.type, thing.fortran, thing.data = shape, type_, bool(fortran), data
            case (_Type(), (int(), "<" | ">" | "|" | "=" as order, None, None, None, *_)):
                thing.order = order
            case _:
                raise NoArray("fills something that no array needs; it is not read")


IGNORED = {"PROTO", "FRAME", "STOP"}
VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
}
STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "TUPLE": _Machine.collect,
    "TUPLE1": lambda machine, _: machine.collect_last(1),
    "TUPLE2": lambda machine, _: machine.collect_last(2),
    "TUPLE3": lambda machine, _: machine.collect_last(3),
    "LIST": _Machine.collect_list,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.append_all,
    "PUT": _Machine.keep,
    "BINPUT": _Machine.keep,
    "LONG_BINPUT": _Machine.keep,
    "MEMOIZE": _Machine.keep,
    "GET": _Machine.recall,
    "BINGET": _Machine.recall,
    "LONG_BINGET": _Machine.recall,
    "POP": _Machine.drop,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name_of_stack,
    "REDUCE": _Machine.make,
    "BUILD": _Machine.fill,
}
