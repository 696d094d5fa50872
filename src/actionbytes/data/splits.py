"""Class splits: named lists of classes, one YAML file each, `papers/splits/<name>.yaml`.

A split says which classes of a dataset an experiment learns from or is tested on, where a paper divides them. It is a
list of class names as the annotations write them.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from actionbytes.data.annotations import Video
from actionbytes.errors import UserError
from actionbytes.parameters import read_yaml


def read_split(path: Path) -> tuple[str, ...]:
    """The class names of a split, in the file's order.

    Raises:
        UserError: The file is not there, is no list of names, is empty, or names a class twice.
    """
    names = read_yaml(path)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: must be a list of class names, a line each: - name")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UserError(f"{path}: names {name!r} twice; remove one")
        seen.add(name)
    return tuple(names)


def of_classes(videos: Mapping[str, Video], classes: Collection[str]) -> dict[str, Video]:
    """The videos that show one of `classes`, with their instances of these classes alone."""
    kept = {}
    for name, video in videos.items():
        instances = tuple(instance for instance in video.instances if instance.label in classes)
        if instances:
            kept[name] = replace(video, instances=instances)
    return kept
