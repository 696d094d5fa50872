"""YAML as plain data: maps, lists, text, numbers, booleans; all that would surprise is refused with its line.

YAML lets a key stand twice, takes 2024-01-01 for a date and lets a few lines stand for a billion values by aliases.
None of that has a use in a file of parameters.
"""

from collections.abc import Hashable
from typing import Any

import yaml

MOST_DIGITS = 18  # of an integer; more are no count, seed or size
MOST_DEPTH = 50  # of maps and lists in each other
MOST_VALUES = 1_000_000  # of a text with its aliases written out


class YAMLProblem(ValueError):
    """What is wrong with a YAML text, in one line."""


class _PlainLoader(yaml.SafeLoader):
    """Builds plain data and refuses the rest."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node, unless it is nested too deep."""
        if self.depth >= MOST_DEPTH:
            raise YAMLProblem(f"line {self.peek_event().start_mark.line + 1}: more than {MOST_DEPTH} levels")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        """A map whose keys are there once."""
        if not isinstance(node, yaml.MappingNode):
            raise YAMLProblem(f"line {node.start_mark.line + 1}: must be a map")
        content: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            merge = key_node.tag == "tag:yaml.org,2002:merge"
            key = None if merge else self.construct_object(key_node, deep=True)
            if isinstance(key, bool) or not isinstance(key, str | int | float):
                shown = f"{key_node.value!r:.40}"
                raise YAMLProblem(f"line {line}: a key must be text or a number, not {shown}; put it in quotes")
            if key in content:
                raise YAMLProblem(f"line {line}: the key {key!r:.80} is there twice; keep one")
            content[key] = self.construct_object(value_node, deep=True)
        return content


def _map(loader: _PlainLoader, node: Any) -> dict[Hashable, Any]:
    return loader.construct_mapping(node)


def _list(loader: _PlainLoader, node: Any) -> list[Any]:
    return loader.construct_sequence(node, deep=True)


def _integer(loader: _PlainLoader, node: Any) -> int:
    text = str(node.value).replace("_", "")
    if len(text.lstrip("+-")) > MOST_DIGITS:
        raise YAMLProblem(f"line {node.start_mark.line + 1}: an integer of more than {MOST_DIGITS} digits")
    if ":" in text:  # YAML 1.1 counts 1:30 in sixties
        raise YAMLProblem(f"line {node.start_mark.line + 1}: {text!r} is taken for a time; put it in quotes")
    return loader.construct_yaml_int(node)


def _date(loader: _PlainLoader, node: Any) -> None:
    raise YAMLProblem(f"line {node.start_mark.line + 1}: {node.value!r:.40} is taken for a date; put it in quotes")


def _refused(loader: _PlainLoader, node: Any) -> None:
    raise YAMLProblem(f"line {node.start_mark.line + 1}: no tags such as {node.tag!r:.60}; write plain values")


_PlainLoader.add_constructor("tag:yaml.org,2002:map", _map)
_PlainLoader.add_constructor("tag:yaml.org,2002:seq", _list)
_PlainLoader.add_constructor("tag:yaml.org,2002:int", _integer)
_PlainLoader.add_constructor("tag:yaml.org,2002:timestamp", _date)
for _kind in ("binary", "set", "omap", "pairs"):
    _PlainLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _refused)


def _written_out(node: Any, sizes: dict[int, int]) -> int:
    """The number of values below a node if every alias in it were written out; `sizes` keeps those of each node."""
    if id(node) not in sizes:
        sizes[id(node)] = MOST_VALUES + 1  # what a node that holds itself would have
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        children = (child for part in parts for child in (part if isinstance(part, tuple) else (part,)))
        sizes[id(node)] = 1 + sum(_written_out(child, sizes) for child in children)
    return sizes[id(node)]


def load_yaml(text: str) -> Any:
    """The content of one YAML document.

    Raises:
        YAMLProblem: It is not YAML, or holds a key twice, `<<`, a date, a tag of a library, an integer of more than 18
            digits, more than 50 levels, or aliases for more than a million values.
    """
    try:
        loader = _PlainLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if _written_out(node, {}) > MOST_VALUES:
            raise YAMLProblem(f"aliases (*) that stand for more than {MOST_VALUES} values; write them out")
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}: " if mark else ""
        raise YAMLProblem(f"{place}not valid YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise YAMLProblem(f"not valid YAML: {' '.join(str(error).split())}") from None
    except YAMLProblem:
        raise
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError, OverflowError) as error:
        raise YAMLProblem(
            f"not valid YAML: {str(error).splitlines()[0] if str(error) else 'nested too deep'}"
        ) from None
