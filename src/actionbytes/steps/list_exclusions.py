"""List the classes that zero-shot leaves out of a source."""

import logging
from collections.abc import Mapping
from pathlib import Path

from actionbytes.data.annotations import classes_of, of_subset, read_annotations
from actionbytes.data.exclusions import Exclusion, matches, read_excluded, write_matches
from actionbytes.data.words import ALIASES

LOG = logging.getLogger(__name__)


def list_exclusions(
    *, source: Path, subset: str, target: Path, rule: Exclusion, aliases: Mapping[str, str], out: Path
) -> None:
    """Write which source class is nearest to each target class by name, and whether it is left out.

    Args:
        source: Annotations of the source.
        subset: Its subset.
        target: Annotations of the target.
        rule: When a class is left out.
        aliases: Class name -> words to match instead, beside the project's own.
        out: The list, CSV.
    """
    sources = classes_of(of_subset(read_annotations(source), subset))
    targets = classes_of(read_annotations(target))
    write_matches(out, matches(targets, sources, rule, {**ALIASES, **aliases}))
    LOG.info("%s: %d of %d classes are left out", out, len(read_excluded(out)), len(sources))
