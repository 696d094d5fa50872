"""The reference of all parameters: every key of params.yaml, of papers/*.yaml and of each method; JSON schemas of both.

Everything here is read from the groups of parameters themselves (`actionbytes.parameters.Parameters`): names, defaults,
limits and descriptions. `actionbytes params` prints it; `actionbytes params --write` writes the files of `written`,
which a test compares with the groups.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from actionbytes.localization.transfer import LabelTransfer
from actionbytes.methods.registry import known, method_parameters
from actionbytes.papers.declared import Paper
from actionbytes.papers.experiments import Experiment
from actionbytes.papers.likeness import LIKE
from actionbytes.parameters import Parameters, groups_in, sentence
from actionbytes.planning.params import Config
from actionbytes.recipes import plain
from actionbytes.training.parameters import Training

PAGE = Path("docs/parameters.md")
SCHEMAS = Path("workflow/schemas")
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
TYPES = {"integer": "integer", "number": "number", "string": "text", "boolean": "true or false", "null": "none"}

Schema = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One parameter: its name, its default as JSON ("" if it has none), what is allowed, and its meaning."""

    name: str
    default: str
    allowed: str
    meaning: str


@dataclass(frozen=True)
class Section:
    """The parameters of one group.

    Attributes:
        file: Which part of the reference it belongs to.
        path: Its key in the file, dots between levels; `<name>` stands for any name, `(a|b)` for either.
        about: What the group is.
        entries: Its parameters.
    """

    file: str
    path: str
    about: str
    entries: tuple[Entry, ...]


def sections() -> list[Section]:
    """The whole reference, in the order of the page."""
    parts = list(_of_group("params.yaml", "", Config))
    parts += _of_group("methods", "training", Training)
    localized: dict[type[Parameters], list[str]] = {}
    for method in known():
        group = method_parameters(method)
        changed = ", ".join(f"{name} {_json(value)}" for name, value in group.schedule.items())
        about = _about(group) + (f" Its training differs from the defaults above: {changed}." if changed else "")
        first, *inside = _of_group("methods", f"{method}: parameters", group)
        parts += [replace(first, about=about), *inside]
        localized.setdefault(group.localization, []).append(method)
    for localization, methods in localized.items():
        parts += _of_group("methods", f"{_either(methods)}: localization", localization)
    parts += _of_group("methods", "transfer", LabelTransfer)
    papers = list(_of_group("papers/*.yaml", "", Paper))
    declared = any(section.path.startswith("experiments") for section in papers)
    return parts + papers + ([] if declared else list(_of_group("papers/*.yaml", "experiments.<name>", Experiment)))


def matching(words: str) -> list[Section]:
    """The sections whose path contains `words`, and of the others the parameters whose name does."""
    chosen = []
    for section in sections():
        entries = tuple(entry for entry in section.entries if words in entry.name)
        if words in section.path:
            chosen.append(section)
        elif entries:
            chosen.append(replace(section, entries=entries))
    return chosen


def as_lines(section: Section) -> Iterator[str]:
    """One section as lines of text."""
    yield f"{section.file}, {section.path or 'top level'}: {section.about}"
    for entry in section.entries:
        default = f" = {entry.default}" if entry.default else ""
        yield f"  {entry.name}{default}  ({entry.allowed})"
        yield f"      {entry.meaning}"


def as_page() -> str:
    """The reference as a page of Markdown."""
    lines = [
        "# Parameters",
        "",
        "Written by `actionbytes params --write` from the declarations in the code; do not edit.",
        "`actionbytes params WORD` prints what contains a word.",
    ]
    titles = {
        "params.yaml": "Keys of `params.yaml`.",
        "methods": "Parameters of training, methods, localization and transfer. `params.yaml` sets them for a suite "
        "under `methods.<method>`, an experiment of `papers/*.yaml` for itself, `--set` on the command line.",
        "papers/*.yaml": "Keys of the files of `papers/`.",
    }
    file = ""
    for section in sections():
        if section.file != file:
            file = section.file
            lines += ["", f"## {file}", "", titles[file]]
        lines += ["", f"### `{section.path}`" if section.path else "### Top level", "", _escaped(section.about), ""]
        lines += ["| parameter | default | allowed | meaning |", "|---|---|---|---|"]
        for entry in section.entries:
            default = f"`{entry.default}`" if entry.default else ""
            lines.append(f"| `{entry.name}` | {default} | {_escaped(entry.allowed)} | {_escaped(entry.meaning)} |")
    return "\n".join(lines) + "\n"


def written() -> dict[Path, str]:
    """The files that are made from the declarations, by their path in the project: the page and the JSON schemas."""
    schemas = {"params": params_schema(), "paper": paper_schema()}
    texts = {SCHEMAS / f"{name}.schema.json": json.dumps(schema, indent=1) + "\n" for name, schema in schemas.items()}
    return {PAGE: as_page(), **texts}


def params_schema() -> Schema:
    """JSON schema of params.yaml, in which each method has the parameters that it takes."""
    schema = Config.model_json_schema()
    definitions = schema["$defs"]
    methods = definitions["Suite"]["properties"]["methods"]
    methods["properties"] = {}
    for method in known():
        sizes = json.loads(json.dumps(definitions["MethodSizes"]))
        sizes["properties"]["parameters"] = _reference(definitions, method_parameters(method))
        sizes["properties"]["training"] = _reference(definitions, Training)
        sizes["properties"]["localization"] = _reference(definitions, method_parameters(method).localization)
        methods["properties"][method] = sizes
    methods["additionalProperties"] = False
    like = {"type": "string", "description": "another kind; what follows is laid over it, null takes a key out"}
    definitions["FeatureKind"]["properties"][LIKE] = like
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def paper_schema() -> Schema:
    """JSON schema of papers/*.yaml, in which an experiment has the parameters of its method."""
    schema = Paper.model_json_schema()
    definitions = schema["$defs"]
    _reference(definitions, Experiment)
    experiment = definitions["Experiment"]
    for partial in (experiment, definitions["Source"]):  # the rest may come from an experiment that it is `like`
        partial.pop("required", None)
    for name in ("sources", "targets", "for_target"):
        _take_out_by_null(experiment["properties"][name])
    experiment["properties"]["training"] = _reference(definitions, Training)
    experiment["properties"]["transfer"] = _reference(definitions, LabelTransfer)
    experiment["allOf"] = [
        {
            "if": {"properties": {"method": {"const": method}}, "required": ["method"]},
            "then": {
                "properties": {
                    "parameters": _reference(definitions, method_parameters(method)),
                    "localization": _reference(definitions, method_parameters(method).localization),
                }
            },
        }
        for method in known()
    ]
    schema["properties"]["experiments"]["additionalProperties"] = {"$ref": "#/$defs/Experiment"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _take_out_by_null(schema: Schema) -> None:
    """Allow null for the values of a map: it takes out what an experiment would have from one that it is `like`."""
    values = schema.get("additionalProperties")
    if isinstance(values, dict):
        schema["additionalProperties"] = {"anyOf": [values, {"type": "null"}]}


def _reference(definitions: dict[str, Schema], group: type[Parameters]) -> Schema:
    """A reference to the schema of a group, which is put among the definitions with all that it refers to."""
    schema = group.model_json_schema()
    definitions.update({name: part for name, part in schema.pop("$defs", {}).items() if name not in definitions})
    definitions.setdefault(group.__name__, schema)
    return {"$ref": f"#/$defs/{group.__name__}"}


def _of_group(
    file: str,
    path: str,
    group: type[BaseModel],
    default: BaseModel | None = None,
    seen: set[tuple[type[BaseModel], str]] | None = None,
) -> Iterator[Section]:
    """The section of a group and those of the groups inside it; a group with the same defaults is told once.

    Args:
        file: Which part of the reference it is for.
        path: Key of the group.
        group: The group.
        default: Default of the field that holds the group; None: the defaults of the group itself.
        seen: Groups, and their defaults there, that have been told.
    """
    seen = set() if seen is None else seen
    seen.add((group, _json(default)))
    schema = group.model_json_schema()
    entries = tuple(_entry(group, name, default, schema) for name in group.model_fields)
    yield Section(file, path, _about(group), entries)
    inside: dict[tuple[type[BaseModel], str, str], list[str]] = {}
    defaults: dict[str, BaseModel | None] = {}
    for name, field in group.model_fields.items():
        value = _default(group, name, default)
        shown = value if isinstance(value, BaseModel) and value != type(value)() else None
        for member, suffix in groups_in(field.annotation):
            inside.setdefault((member, suffix, _json(shown)), []).append(name)
            defaults[_json(shown)] = shown
    for (member, suffix, shown_text), names in inside.items():
        if (member, shown_text) not in seen:
            below = f"{path}.{_either(names)}{suffix}{_kind(member)}".removeprefix(".")
            yield from _of_group(file, below, member, defaults[shown_text], seen)


def _either(names: list[str]) -> str:
    """One name as it is, several as `(a|b)`."""
    return names[0] if len(names) == 1 else f"({'|'.join(names)})"


def _kind(group: type[BaseModel]) -> str:
    """What tells a group from others under the same key: its kind, where it has one."""
    kinds = get_args(group.model_fields["kind"].annotation) if "kind" in group.model_fields else ()
    return f" (kind {kinds[0]})" if len(kinds) == 1 else ""


def _default(group: type[BaseModel], name: str, instance: BaseModel | None) -> Any:
    """The default of a field, as `instance` has it if there is one; None if it is required."""
    if instance is not None:
        return getattr(instance, name)
    field = group.model_fields[name]
    return None if field.is_required() else field.get_default(call_default_factory=True)


def _entry(group: type[BaseModel], name: str, instance: BaseModel | None, schema: Schema) -> Entry:
    field, default = group.model_fields[name], _default(group, name, instance)
    required = field.is_required() and instance is None
    allowed = _allowed(schema["properties"][name], schema.get("$defs", {})) + (", required" if required else "")
    text = "" if required or isinstance(default, BaseModel) else _json(default)
    return Entry(name, text, allowed, sentence(field.description))


def _allowed(schema: Schema, definitions: dict[str, Schema]) -> str:
    """What a schema allows, in words."""
    if "$ref" in schema:
        return _allowed(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return _allowed(schema["allOf"][0], definitions)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_allowed(part, definitions) for part in schema[several]))
    if "enum" in schema or "const" in schema:
        return ", ".join(str(value) for value in schema.get("enum", [schema.get("const")]))
    type_name = schema.get("type")
    if type_name == "array":
        if "prefixItems" in schema:
            return "list of " + ", ".join(_allowed(part, definitions) for part in schema["prefixItems"])
        return f"list of {_allowed(schema.get('items', {}), definitions)}"
    if type_name == "object":
        if "properties" in schema:
            return "group"
        values = schema.get("additionalProperties")
        return f"map to {_allowed(values, definitions)}" if isinstance(values, dict) and values else "map"
    words = [TYPES.get(str(type_name), "anything")]
    words += [f"{sign} {schema[key]:g}" for key, sign in BOUNDS.items() if key in schema]
    if "multipleOf" in schema:
        words.append(f"a multiple of {schema['multipleOf']:g}")
    return " ".join(words[:2]) + "".join(f", {word}" for word in words[2:])


def _about(group: type[BaseModel]) -> str:
    """The summary of a group's docstring, as a sentence."""
    return sentence((group.__doc__ or "").strip().split("\n\n")[0].replace("\n", " "))


def _json(value: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False)


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is within a table."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
