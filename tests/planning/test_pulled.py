"""What a remote hands over is believed only where it is what its name says and stays where it belongs."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
import yaml

from actionbytes.errors import UserError
from actionbytes.planning import pulled
from actionbytes.planning.pulled import cache_folder, check_pulled, is_inside


def kept(cache: Path, content: bytes, suffix: str = "") -> str:
    """Put content into a cache under its name."""
    digest = hashlib.md5(content).hexdigest()
    path = cache / "files" / "md5" / digest[:2] / (digest[2:] + suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return digest + suffix


def listing(cache: Path, files: dict[str, str]) -> str:
    entries = [{"md5": digest, "relpath": name} for name, digest in files.items()]
    return kept(cache, json.dumps(entries).encode(), ".dir")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one folder of two files in its lock and in its cache, and one file that git keeps."""
    cache = tmp_path / "cache"
    name = listing(cache, {"a.h5": kept(cache, b"a"), "deep/b.h5": kept(cache, b"b")})
    outs = [{"path": "data/x", "md5": name}, {"path": "results/t.csv", "md5": "0" * 32}]
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": {"features": {"outs": outs}}}))
    declared = {"outs": [{"data/x": {"persist": True}}, {"results/t.csv": {"cache": False}}]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"features": declared}}))
    return tmp_path


def test_what_is_whole_passes(project: Path):
    checked = check_pulled(project, project / "cache")
    assert (checked.lists, checked.files, checked.problems) == (1, 2, ())


def test_a_list_that_is_not_what_its_name_says_is_named(project: Path):
    """With another object's content under a name, or fewer files: DVC would check it out and end with status 0."""
    path = next((project / "cache").rglob("*.dir"))
    path.write_text(json.dumps(json.loads(path.read_text())[:1]))
    assert [says.partition(": ")[2] for says in check_pulled(project, project / "cache").problems] == [
        "is not what its name says"
    ]


@pytest.mark.parametrize(
    "name",
    ["../src.py", "/tmp/x", "a/../../x", ".git/config", "a/.GIT/config", ".git./x", "a\\..\\x", "a\nb", "", "a//b"],
)
def test_a_path_that_leaves_its_folder_is_named(project: Path, name: str):
    assert not is_inside(name)
    listing(project / "cache", {name: kept(project / "cache", b"x")})
    (problem,) = check_pulled(project, project / "cache").problems
    assert "leaves its folder or is not safe" in problem and "\n" not in problem


@pytest.mark.parametrize("content", [{"a": 1}, [3], [{"md5": "x", "relpath": "a"}], [{"md5": "0" * 32, "relpath": 5}]])
def test_a_list_of_another_shape_is_named(project: Path, content: object):
    kept(project / "cache", json.dumps(content).encode(), ".dir")
    assert len(check_pulled(project, project / "cache").problems) == 1


def test_what_has_not_been_fetched_is_named(project: Path):
    objects = project / "cache" / "files" / "md5"
    a = hashlib.md5(b"a").hexdigest()
    (objects / a[:2] / a[2:]).unlink()
    (problem,) = check_pulled(project, project / "cache").problems
    assert problem == "dvc.lock: data/x: 1 files, such as a.h5, are not here"
    next(objects.rglob("*.dir")).unlink()
    (problem,) = check_pulled(project, project / "cache").problems
    assert problem == "dvc.lock: the list of data/x is not here: dvc fetch"


def test_without_dvc_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def absent(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(pulled.subprocess, "run", absent)
    with pytest.raises(UserError, match="dvc is not installed"):
        cache_folder(tmp_path)

    def fails(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(253, "dvc", stderr="ERROR: you are not inside of a\nDVC repository")

    monkeypatch.setattr(pulled.subprocess, "run", fails)
    with pytest.raises(UserError, match="does not say where its cache is: ERROR: you are not inside of a DVC"):
        cache_folder(tmp_path)
