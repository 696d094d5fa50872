"""What DVC has fetched, checked: its lists of files against their names, and that no path in them leaves its folder.

DVC verifies each file that it fetches, but not the lists (`.dir`) that say which files a folder holds: a list that is
not what its name says is believed. A broken or hostile remote so brings one file's content under another's name, fewer
files, or files anywhere: over the user's own, or into `.git`.
"""

import hashlib
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from actionbytes.errors import UserError
from actionbytes.files import read_file, read_json
from actionbytes.parameters import read_yaml

MD5 = re.compile("[0-9a-f]{32}")
FORBIDDEN = {"", ".", "..", ".git", ".dvc", ".hg", ".svn"}  # parts of a path: they leave the folder or run commands


@dataclass(frozen=True)
class Checked:
    """What was looked at, and what is wrong with it.

    Attributes:
        lists: How many lists.
        files: How many files they name.
        problems: One line each; none: all is well.
    """

    lists: int
    files: int
    problems: tuple[str, ...]


def cache_folder(root: Path) -> Path:
    """The folder of DVC's cache, as DVC says.

    Raises:
        UserError: DVC is not installed, or keeps nothing here.
    """
    try:
        done = subprocess.run(["dvc", "cache", "dir"], cwd=root, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise UserError("dvc is not installed here: pip install '.[workflow]'") from None
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.split()) or f"exit status {error.returncode}"
        raise UserError(f"{root.resolve()}: dvc does not say where its cache is: {reason}") from None
    return Path(done.stdout.strip())


def check_pulled(root: Path, cache: Path) -> Checked:
    """Check all lists in a cache, and that what `dvc.lock` and `.dvc` files name is there.

    Args:
        root: Folder of the project.
        cache: DVC's cache.
    """
    objects = cache / "files" / "md5"
    problems: list[str] = []
    contents: dict[str, dict[str, str]] = {}  # list -> path -> MD5 of each of its files
    for path in sorted(objects.glob("??/*.dir")):
        name = path.parent.name + path.stem
        if hashlib.md5(read_file(path), usedforsecurity=False).hexdigest() != name:
            problems.append(f"{path}: is not what its name says")
            continue
        wrong, contents[name] = _listed(path)
        problems += (f"{path}: {says}" for says in wrong)
    for place, out in _outs(root):
        name = str(out.get("md5", "")).removesuffix(".dir")
        is_list = str(out.get("md5", "")).endswith(".dir")
        if is_list and name not in contents and not _object(objects, f"{name}.dir").exists():
            problems.append(f"{place}: the list of {out.get('path')} is not here: dvc fetch")
        named = contents.get(name, {}) if is_list else {str(out.get("path")): name}
        if missing := [path for path, digest in named.items() if not _object(objects, digest).is_file()]:
            problems.append(f"{place}: {out.get('path')}: {len(missing)} files, such as {missing[0]}, are not here")
    return Checked(len(contents), sum(map(len, contents.values())), tuple(problems))


def _object(objects: Path, digest: str) -> Path:
    return objects / digest[:2] / digest[2:]


def _listed(path: Path) -> tuple[list[str], dict[str, str]]:
    """What is wrong with a list, and its files that are right: path -> MD5."""
    entries, wrong, files = read_json(path), [], {}
    if not isinstance(entries, list):
        return ["is not a list of files"], {}
    for entry in entries:
        name, digest = (entry.get("relpath"), entry.get("md5")) if isinstance(entry, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(digest, str) or not MD5.fullmatch(digest):
            wrong.append(f"{str(entry)[:80]!r} is not a file and its MD5")
        elif not is_inside(name):
            wrong.append(f"the path {name[:80]!r} leaves its folder or is not safe")
        elif name in files:
            wrong.append(f"names {name!r} twice")
        else:
            files[name] = digest
    return wrong, files


def is_inside(path: str) -> bool:
    """Whether a relative path stays in its folder, away from what git and DVC keep, and is plain text."""
    parts = path.split("/")
    plain = path.isprintable() and "\\" not in path and not PurePosixPath(path).is_absolute()
    return plain and not any(part.lower().rstrip(". ") in FORBIDDEN for part in parts)


def _outs(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What `dvc.lock` and the `.dvc` files of a project keep in the cache, with the file that says so."""
    lock = root / "dvc.lock"
    documents = {"dvc.lock": read_yaml(lock)} if lock.exists() else {}
    documents |= {str(path.relative_to(root)): read_yaml(path) for path in sorted(root.glob("*.dvc")) if path.is_file()}
    documents |= {str(path.relative_to(root)): read_yaml(path) for path in sorted(root.glob("data/**/*.dvc"))}
    tracked = _kept_outside_git(root)
    for place, document in documents.items():
        if not isinstance(document, dict):
            raise UserError(f"{place}: is not what DVC writes")
        stages = document.get("stages")
        groups = list(stages.values()) if isinstance(stages, dict) else [document]
        for out in (out for group in groups if isinstance(group, dict) for out in group.get("outs") or ()):
            if isinstance(out, dict) and "md5" in out and out.get("path") not in tracked:
                yield place, out


def _kept_outside_git(root: Path) -> set[str]:
    """The outs of `dvc.yaml` of which DVC keeps only the hash, since git keeps them."""
    path = root / "dvc.yaml"
    document = read_yaml(path) if path.exists() else {}
    stages = document.get("stages") if isinstance(document, dict) else None
    listed = [
        entry
        for stage in (stages.values() if isinstance(stages, dict) else ())
        if isinstance(stage, dict)
        for key in ("outs", "metrics", "plots")
        for entry in stage.get(key) or ()
    ]
    return {
        name
        for entry in listed
        if isinstance(entry, dict)
        for name, options in entry.items()
        if isinstance(options, dict) and options.get("cache") is False
    }
