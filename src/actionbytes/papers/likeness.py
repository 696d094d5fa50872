"""Declarations by likeness: `like: other` and the differences.

What stands in the YAML files under one key, such as `experiments`, may name another of its kind and say only in what
it differs. Readers of the files resolve this before anything is checked, so nobody else needs to know of it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from actionbytes.errors import UserError

LIKE = "like"


def patched(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay changes over a base, as a JSON merge patch does (RFC 7386).

    Mappings are merged level by level, lists and values are replaced, and null takes out what the base has there.

    Args:
        base: What is changed; it stays as it is.
        changes: What differs.

    Returns:
        A new mapping.
    """
    result: dict[str, Any] = dict(base)
    for key, value in changes.items():
        if value is None and key in result:
            del result[key]
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = patched(result[key], value)
        else:
            result[key] = value
    return result


def resolved(declared: Mapping[str, Any], place: Callable[[str], str]) -> dict[str, Any]:
    """Replace every `like` by what it stands for.

    Args:
        declared: Name -> declaration. What is no mapping is passed on, for its reader to refuse.
        place: Where a declaration stands, by its name; errors begin with it.

    Returns:
        Name -> declaration without `like`, in the order of `declared`.

    Raises:
        UserError: A declaration is like one that is not there, or like itself by a detour.
    """
    complete: dict[str, Any] = {}

    def complete_one(name: str, path: tuple[str, ...]) -> Any:
        if name in path:
            circle = " -> ".join((*path[path.index(name) :], name))
            raise UserError(f"{place(name)}.{LIKE}: goes in a circle: {circle}")
        if name not in complete:
            values = declared[name]
            if isinstance(values, Mapping) and LIKE in values:
                other = values[LIKE]
                if other not in declared:
                    raise UserError(f"{place(name)}.{LIKE}: {other!r} is not declared; there are {', '.join(declared)}")
                changes = {key: value for key, value in values.items() if key != LIKE}
                base = complete_one(other, (*path, name))
                values = patched(base, changes) if isinstance(base, Mapping) else changes
            complete[name] = values
        return complete[name]

    return {name: complete_one(name, ()) for name in declared}
