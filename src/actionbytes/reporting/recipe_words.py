"""Recipes in words, and how two of them differ."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from actionbytes.errors import UserError
from actionbytes.files import read_json
from actionbytes.recipes import digest, is_named_after

TITLES = {  # what each stage makes
    "render": "a rendered world",
    "decode": "frames",
    "flow": "optical flow",
    "pretrain": "a pretrained backbone",
    "extract": "features",
    "stills": "frames of a few videos",
    "exclude": "a list of classes left out",
    "train": "a training run",
    "localize": "detections and metrics",
}


def is_recipe(value: Any) -> bool:
    """Whether a part of a recipe is a recipe itself."""
    return isinstance(value, Mapping) and {"stage", "version"} <= value.keys()


def read_recipe(path: Path) -> dict[str, Any]:
    """The recipe of an artifact: `recipe.json` in `path` or in the nearest folder above it."""
    for folder in (path, *path.parents):
        if (folder / "recipe.json").is_file():
            recipe: dict[str, Any] = read_json(folder / "recipe.json")
            if not is_recipe(recipe):
                raise UserError(f"{folder / 'recipe.json'}: is not a recipe (no stage and version)")
            if is_named_after(folder.resolve().name, recipe) is False:
                raise UserError(f"{folder / 'recipe.json'}: was changed: its digest is not that of the folder's name")
            return recipe
    raise UserError(f"{path}: no recipe.json there or above; name an artifact, a table of results/, or an experiment")


def describe(recipe: Mapping[str, Any], depth: int = 0, key: str = "") -> Iterator[str]:
    """A recipe line by line: what it makes, its parameters, and below them what it is made from."""
    pad = "  " * depth
    title = TITLES.get(recipe["stage"], recipe["stage"])
    yield f"{pad}{key}{title}, digest {digest(recipe)}, by stage {recipe['stage']} version {recipe['version']}"
    yield from _parts({name: value for name, value in recipe.items() if name not in ("stage", "version")}, depth + 1)


def _parts(parts: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Named values line by line; what is made from recipes comes last, with these below it."""
    pad = "  " * depth
    for name, value in sorted(parts.items(), key=lambda part: _holds_recipe(part[1])):
        if is_recipe(value):
            yield from describe(value, depth, f"{name}: ")
        elif _holds_recipe(value):
            yield f"{pad}{name}:"
            yield from _parts(value, depth + 1)
        elif isinstance(value, Mapping):
            yield f"{pad}{name}: " + (", ".join(f"{key} {_short(part)}" for key, part in value.items()) or "none")
        else:
            yield f"{pad}{name}: {_short(value)}"


def _holds_recipe(value: Any) -> bool:
    """Whether a value is a recipe or has one at any depth."""
    return is_recipe(value) or (isinstance(value, Mapping) and any(map(_holds_recipe, value.values())))


def differences(left: Any, right: Any, key: str = "") -> Iterator[tuple[str, str, str]]:
    """(key, left, right) of every value that differs; a side that has no such key says so."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for name in dict.fromkeys([*left, *right]):
            inner = f"{key}.{name}" if key else name
            if name in left and name in right:
                yield from differences(left[name], right[name], inner)
            else:
                first, second = (_short(side[name]) if name in side else "(absent)" for side in (left, right))
                yield inner, first, second
    elif left != right:
        yield key, _short(left), _short(right)


def _short(value: Any) -> str:
    if is_recipe(value):
        return f"{TITLES.get(value['stage'], value['stage'])} {digest(value)}"
    return value if isinstance(value, str) else json.dumps(value)
