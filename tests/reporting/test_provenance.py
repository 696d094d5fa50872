"""What is said of the commit of a result, and why nothing is said."""

import subprocess
from pathlib import Path

import pytest

from actionbytes.errors import UserError
from actionbytes.planning.reproduction import copy_tree
from actionbytes.reporting import provenance
from actionbytes.reporting.provenance import git_commit, git_problem


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit of one file."""
    (tmp_path / "a.txt").write_text("a")
    who = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    for arguments in (("init", "-q"), ("add", "a.txt"), (*who, "commit", "-qm", "First")):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)
    return tmp_path


def test_a_commit_is_named(repository: Path):
    assert git_problem(repository) == ""
    assert len(git_commit(repository)) == 40
    (repository / "a.txt").write_text("b")
    assert git_commit(repository).endswith("-dirty")


def test_a_folder_without_a_commit_says_why(tmp_path: Path):
    assert git_commit(tmp_path) == "unknown"
    assert git_problem(tmp_path).startswith("not a git repository")
    with pytest.raises(UserError, match="git does not say what is to be copied: not a git repository"):
        copy_tree(tmp_path, tmp_path / "scratch")


def test_without_git_it_is_said(repository: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert git_problem(repository) == "git is not installed, or not on PATH"
    with pytest.raises(UserError, match="copied: git is not installed"):
        copy_tree(repository, repository / "scratch")


def test_a_checkout_of_another_user_is_said(repository: Path, monkeypatch: pytest.MonkeyPatch):
    def dubious(*_: object, **__: object) -> str:
        text = f"fatal: detected dubious ownership in repository at '{repository}'\nTo add an exception, call:\n"
        raise subprocess.CalledProcessError(128, "git", stderr=text)

    monkeypatch.setattr(provenance, "_git", dubious)
    assert git_problem(repository).startswith("detected dubious ownership in repository")


def test_a_project_of_which_git_tracks_nothing_yet_is_named(repository: Path):
    with pytest.raises(UserError, match="git tracks no Snakefile here; `git add` the project's files first"):
        copy_tree(repository, repository / "scratch")
