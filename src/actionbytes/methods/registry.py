"""Which methods there are: every file of this folder that defines a `Method`, by the name of the file.

METHODS tells of some what their classes say, so that planning and `--help` need no torch; it is an index and no more.
"""

import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING, NamedTuple

import actionbytes.methods
from actionbytes.errors import UserError
from actionbytes.methods import parameters
from actionbytes.methods.parameters import MethodParameters

if TYPE_CHECKING:
    from actionbytes.methods.base import Method

NO_METHODS = {"base", "bytes", "parameters", "registry", "transfer"}  # files that others share


class Entry(NamedTuple):
    """Parameters of a method, and a line of help."""

    parameters: type[MethodParameters]
    help: str


METHODS = {
    "wtalc": Entry(parameters.Wtalc, "k-max MIL and co-activity (ECCV 2018)."),
    "actionbytes": Entry(parameters.ActionBytes, "Mining sub-actions (CVPR 2020)."),
    "stpn": Entry(parameters.Stpn, "Sparse temporal pooling (CVPR 2018)."),
}


def known() -> list[str]:
    """Names of all methods."""
    files = [module.name for module in pkgutil.iter_modules(actionbytes.methods.__path__)]
    return [*METHODS, *(name for name in files if name not in NO_METHODS and name not in METHODS)]


def method_parameters(name: str) -> type[MethodParameters]:
    """The parameters that `name` takes."""
    return METHODS[name].parameters if name in METHODS else method_class(name).group


def method_class(name: str) -> "type[Method]":
    """The class behind `name`: the last `Method` that its file defines. UserError if there is no such file."""
    from actionbytes.methods.base import Method

    if name not in known():
        raise UserError(f"{name}: no such method; known: {', '.join(known())}")
    module = importlib.import_module(f"actionbytes.methods.{name}")
    found = [x for x in vars(module).values() if inspect.isclass(x) and issubclass(x, Method)]
    own = [x for x in found if x.__module__ == module.__name__]
    if not own:
        raise UserError(f"{module.__file__}: defines no Method; see docs/add-a-method.md")
    return own[-1]
