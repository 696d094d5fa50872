"""Which methods there are: every folder of this room, by its name.

A method's folder holds `parameters.py`, which planning and `--help` read without torch, and `network.py`. The first
defines `<Name>Parameters`, the second the `Method` called `<Name>`: the name of the folder, in any capitals.
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING

import actionbytes.methods
from actionbytes.errors import UserError
from actionbytes.methods.parameters import MethodParameters

if TYPE_CHECKING:
    from actionbytes.methods.base import Method


def known() -> list[str]:
    """Names of all methods, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(actionbytes.methods.__path__) if module.ispkg)


def method_parameters(name: str) -> type[MethodParameters]:
    """The parameters that method `name` takes; UserError if there is no such method."""
    return _defined(name, "parameters", f"{name}parameters", MethodParameters)


def method_class(name: str) -> "type[Method]":
    """The network of method `name`; UserError if there is no such method."""
    from actionbytes.methods.base import Method

    return _defined(name, "network", name, Method)


def _defined(name: str, file: str, wanted: str, base: type) -> type:
    """The class in `methods/<name>/<file>.py` whose name in lower case, without underscores, is `wanted`."""
    if name not in known():
        raise UserError(f"{name}: no such method; known: {', '.join(known())}")
    module = importlib.import_module(f"actionbytes.methods.{name}.{file}")
    for title, value in vars(module).items():
        if title.lower() == wanted.replace("_", "") and isinstance(value, type) and issubclass(value, base):
            return value
    raise UserError(f"{module.__file__}: defines no {base.__name__} named after its folder; see docs/add-a-method.md")
