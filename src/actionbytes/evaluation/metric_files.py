"""metrics.json on disk: with a digest of what it says, so that one that was changed by hand gets into no table."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actionbytes.errors import UserError
from actionbytes.files import read_json, write_text

DIGEST = "digest"  # key of the file


def write_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Write metrics and their digest, whole or not at all."""
    content = json.loads(json.dumps(metrics))  # keys as they will be read
    write_text(path, json.dumps({**content, DIGEST: _digest(content)}, indent=1) + "\n")


def read_metrics(path: Path) -> dict[str, Any]:
    """The metrics of a file, without the digest; those of an older version have none.

    Raises:
        UserError: The file cannot be read, holds no metrics, or was changed since it was written.
    """
    metrics = read_json(path)
    if not isinstance(metrics, dict):
        raise UserError(f"{path}: holds no metrics; remove it and run the same target again")
    digest = metrics.pop(DIGEST, None)
    if digest is not None and digest != _digest(metrics):
        raise UserError(f"{path}: was changed since it was written; remove it and run the same target again")
    return metrics


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
