"""Which methods there are. To add one: its file, its parameters in `parameters.py`, and a line here."""

import importlib
from typing import TYPE_CHECKING, NamedTuple

from actionbytes.errors import UserError
from actionbytes.methods import parameters
from actionbytes.parameters import Parameters

if TYPE_CHECKING:
    from actionbytes.methods.base import Method


class Entry(NamedTuple):
    """module:class of a method (imported when used, it needs torch), its parameters, and a line of help."""

    target: str
    parameters: type[Parameters]
    help: str


METHODS = {
    "wtalc": Entry("actionbytes.methods.wtalc:Wtalc", parameters.Wtalc, "k-max MIL and co-activity (ECCV 2018)."),
    "actionbytes": Entry(
        "actionbytes.methods.actionbytes:ActionBytes", parameters.ActionBytes, "Mining sub-actions (CVPR 2020)."
    ),
}


def entry(name: str) -> Entry:
    """The registry's line for `name`; UserError if there is none."""
    if name not in METHODS:
        raise UserError(f"{name}: no such method; known: {', '.join(METHODS)}")
    return METHODS[name]


def method_parameters(name: str) -> type[Parameters]:
    """The parameters that `name` takes."""
    return entry(name).parameters


def method_class(name: str) -> "type[Method]":
    """The class behind `name`, imported."""
    module, attribute = entry(name).target.split(":")
    return getattr(importlib.import_module(module), attribute)
