"""Parameters: typed, described, validated; an error names the key, the value and what is allowed."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from actionbytes.errors import UserError
from actionbytes.files import read_text
from actionbytes.plain_yaml import YAMLProblem, load_yaml

LONGEST_VALUE = 100  # characters of a value in an error


class Parameters(BaseModel):
    """Base of all parameter groups: unknown keys are errors, values cannot be changed, defaults are checked too.

    Each room declares its groups in `parameters.py`; `actionbytes.planning.params` composes them. Every field has a
    description with its meaning and unit, from which `actionbytes params` makes the reference.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_boolean_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse booleans (also yes, no, on, off) where numbers are meant; pydantic would take them for 1 and 0."""
        field = cls.model_fields[info.field_name or ""]
        types = set(_plain_types(field.annotation))
        if types & {int, float} and bool not in types and Any not in types and _holds_boolean(value):
            raise ValueError("a number is meant, and yes, no, on, off, true and false are none")
        return value


def _plain_types(annotation: Any) -> Iterator[Any]:
    """The types that an annotation is made of, those of `Literal`s included, without its groups."""
    if arguments := get_args(annotation):
        for argument in arguments:
            yield from _plain_types(argument)
    elif isinstance(annotation, type) or annotation is Any:
        yield annotation
    else:
        yield type(annotation)


def _holds_boolean(value: Any) -> bool:
    """Whether a value is a boolean or a list or map that holds one at any depth."""
    if isinstance(value, list | tuple):
        return any(map(_holds_boolean, value))
    return _holds_boolean(list(value.values())) if isinstance(value, Mapping) else isinstance(value, bool)


Group = TypeVar("Group", bound=Parameters)


def validated(group: type[Group], values: Mapping[str, Any] | None, source: str) -> Group:
    """Check `values` and return them as a `group`.

    Args:
        group: The class of the group.
        values: Values by key; what is missing has its default.
        source: Where they are from, such as a file name or `--set`; it opens the error.

    Raises:
        UserError: One line about the first wrong key: its dotted name, its value and what is allowed.
    """
    if values is not None and not isinstance(values, Mapping):
        raise UserError(f"{source}: must hold keys and values, not {values!r:.60}")
    try:
        return group.model_validate(dict(values or {}))
    except ValidationError as error:
        raise UserError(f"{source}: {explain(error, group)}") from None


def explain(error: ValidationError, group: type[BaseModel]) -> str:
    """The first problem of a pydantic error in one line."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"]) or group.__name__
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if problem["type"] == "extra_forbidden":
        names = ", ".join(_siblings(group, problem["loc"]))
        return f"{key}: no such parameter; known here: {names}{more}"
    if problem["type"] == "missing":
        return f"{key}: is missing and has no default{more}"
    rule = problem["msg"].removeprefix("Value error, ")
    value = repr(problem["input"])
    if len(value) > LONGEST_VALUE:  # a whole section, of whose parts the rule speaks
        return f"{key}: {rule}{more}"
    return f"{key}: {value} is not allowed: {rule[0].lower() + rule[1:]}{more}"


def groups_in(annotation: Any, suffix: str = "") -> Iterator[tuple[type[BaseModel], str]]:
    """The groups that a value of a type can hold, with what follows their key: `.<name>` in a map, `[]` in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, suffix
        return
    origin = get_origin(annotation)
    deeper = ".<name>" if origin in (dict, Mapping) else "[]" if origin in (list, tuple) else ""
    for argument in get_args(annotation):
        yield from groups_in(argument, suffix + deeper)


def _siblings(group: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Names allowed beside the last part of `location`, whose parts are fields, keys of maps and positions in lists."""
    groups = [group]
    for part in location[:-1]:
        fields = [member.model_fields[part] for member in groups if part in member.model_fields]
        if fields:
            groups = [inner for field in fields for inner, _ in groups_in(field.annotation)]
    return sorted({name for member in groups for name in member.model_fields})


def sentence(description: str | None) -> str:
    """The description of a field as a sentence: with a capital letter and a full stop."""
    text = (description or "").strip().removesuffix(".")
    return f"{text[0].upper()}{text[1:]}." if text else ""


def read_yaml(path: Path) -> Any:
    """The content of a YAML file as `load_yaml` takes it; one that is missing or not plain YAML is a UserError."""
    text = read_text(path)
    try:
        return load_yaml(text)
    except YAMLProblem as problem:
        raise UserError(f"{path}: {problem}") from None


def with_overrides(values: Mapping[str, Any], settings: tuple[str, ...]) -> dict[str, Any]:
    """A copy of `values` with `--set a.b=value` settings applied; each value is read as YAML."""
    result: dict[str, Any] = _copy(values)
    for setting in settings:
        key, equals, text = setting.partition("=")
        setting = " ".join(setting.split())[:80]  # as errors show it
        if not equals or not key:
            raise UserError(f"--set {setting}: write key=value, for example --set training.iterations=500")
        *parents, last = key.split(".")
        group = result
        for parent in parents:
            group = group.setdefault(parent, {})
            if not isinstance(group, dict):
                raise UserError(f"--set {setting}: {parent} is a value and has no keys below it")
        try:
            group[last] = load_yaml(text)
        except YAMLProblem as problem:
            raise UserError(f"--set {setting}: {text!r:.80} is not a YAML value: {problem}") from None
    return result


def _copy(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _copy(v) if isinstance(v, Mapping) else v for k, v in values.items()}


def merged(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """One dictionary of several, merged level by level; values of later ones win."""
    result: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
            result[key] = merged(result[key], value) if both else value
    return result
