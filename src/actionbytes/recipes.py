"""Recipes: what names an artifact.

An expensive artifact lives under a path that holds a readable slug and the digest of its recipe: the parameters that
matter, the digests of what it was made from, and the version of the code that makes it. The same recipe has the same
path in every clone; a changed parameter is a new path. So a stale artifact cannot be taken for a fresh one, whatever
the time stamps say.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from actionbytes.files import write_text

VERSIONS = {
    # Raise a number when the code of that stage changes what it makes: its artifacts, and all made from them, then get
    # new paths.
    "render": 1,
    "decode": 1,
    "flow": 1,
    "pretrain": 1,
    "extract": 1,
    "exclude": 1,
    "train": 1,
    "localize": 1,  # and evaluate
    "stills": 1,
    "render_table": 1,
    "render_figure": 4,
}


def plain(value: Any) -> Any:
    """`value` as data that JSON can hold: parameter groups become dictionaries, paths strings, tuples lists."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def digest(value: Any, length: int = 10) -> str:
    """Hexadecimal digest of `value` in canonical JSON; the order of keys does not matter."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@dataclass(frozen=True)
class Recipe:
    """What an artifact is made from.

    Attributes:
        stage: The stage of the workflow that makes it, a key of VERSIONS.
        slug: What a reader shall see of it in the path.
        spec: Parameters and fingerprints that decide its content.
    """

    stage: str
    slug: str
    spec: Mapping[str, Any]

    @cached_property  # a plan asks thousands of times
    def full(self) -> dict[str, Any]:
        """The recipe as it is written beside the artifact."""
        return {"stage": self.stage, "version": VERSIONS[self.stage], **plain(self.spec)}

    @cached_property
    def name(self) -> str:
        """Folder name of the artifact: `<slug>-<digest>`."""
        return f"{self.slug}-{digest(self.full)}"

    def write(self, folder: Path) -> None:
        """Write `recipe.json` into `folder`, whole or not at all."""
        write_text(folder / "recipe.json", json.dumps(self.full, indent=1, sort_keys=True) + "\n")


def is_named_after(name: str, recipe: Any) -> bool | None:
    """Whether the name of a folder ends in the digest of a recipe that lies in it; None where it ends in no digest."""
    match = re.search("-([0-9a-f]{10})$", name)
    return None if match is None else match[1] == digest(recipe)
