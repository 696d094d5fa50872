"""Which methods there are: every folder of this room, by its name.

A method's folder holds `parameters.py`, which planning and `--help` read without torch, and `network.py`. The first
defines `<Name>Parameters`, the second the `Method` called `<Name>`: the name of the folder, in any capitals.
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING, TypeVar

import actionbytes.methods
from actionbytes.errors import UserError
from actionbytes.methods.parameters import MethodParameters

if TYPE_CHECKING:
    from actionbytes.methods.base import Method

Defined = TypeVar("Defined")


def known() -> list[str]:
    """Names of all methods, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(actionbytes.methods.__path__) if module.ispkg)


def method_parameters(name: str) -> type[MethodParameters]:
    """The group of parameters of method `name`.

    Raises:
        UserError: If there is no such method, or its folder defines no parameters.
    """
    return _defined(name, "parameters", f"{name}parameters", MethodParameters)


def method_class(name: str) -> "type[Method]":
    """The network of method `name`.

    Raises:
        UserError: If there is no such method, or its folder defines no network.
    """
    from actionbytes.methods.base import Method

    return _defined(name, "network", name, Method)  # type: ignore[type-abstract]


def _defined(name: str, file: str, title: str, base: type[Defined]) -> type[Defined]:
    """The class in `methods/<name>/<file>.py` whose name in lower case, without underscores, is `title`."""
    if name not in known():
        raise UserError(f"{name}: no such method; known: {', '.join(known())}")
    module_name = f"actionbytes.methods.{name}.{file}"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:  # a package that the file needs
            raise
        raise UserError(f"method {name}: has no {file}.py; see docs/add-a-method.md") from None
    for key, value in vars(module).items():
        if key.lower() == title.replace("_", "") and isinstance(value, type) and issubclass(value, base):
            return value
    raise UserError(f"{module.__file__}: defines no {base.__name__} named after its folder; see docs/add-a-method.md")
