"""The reference of parameters is complete, says what the code says, and its schemas fit the project's own files."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import Field

from actionbytes.methods.registry import known, method_parameters
from actionbytes.parameters import Parameters
from actionbytes.planning import reference
from actionbytes.recipes import plain
from actionbytes.training.parameters import Training

PAPERS = sorted((Path(__file__).resolve().parents[2] / "papers").glob("*.yaml"))


@pytest.mark.parametrize("path", reference.written(), ids=str)
def test_what_is_written_is_what_the_code_declares(root: Path, path: Path):
    text = (root / path).read_text(encoding="utf-8")
    assert text == reference.written()[path], "out of date: actionbytes params --write"


def test_every_parameter_says_what_it_means():
    silent = [f"{s.path}.{e.name}" for s in reference.sections() for e in s.entries if not e.meaning]
    assert not silent


def test_every_group_says_what_it_is():
    assert not [section.path for section in reference.sections() if not section.about]


def test_no_meaning_refers_to_a_page_that_is_not_there():
    text = reference.as_page()
    assert not [word for word in ("methods.md", "[R]", "[P]", "[C]") if word in text]


@pytest.mark.parametrize("method", known())
def test_all_parameters_of_a_method_are_there(method: str):
    (section,) = [s for s in reference.sections() if s.path == f"{method}: parameters"]
    group = method_parameters(method)
    assert [entry.name for entry in section.entries] == list(group.model_fields)
    for entry in section.entries:
        default = group.model_fields[entry.name].get_default(call_default_factory=True)
        if not isinstance(default, Parameters):
            assert json.loads(entry.default) == plain(default)
    assert all(f"{name} " in section.about for name in group.schedule)


def test_a_group_inside_a_group_has_the_defaults_of_where_it_stands():
    class Cut(Parameters):
        """How to cut."""

        merges: int = Field(2, description="Merges.")

    class Outer(Parameters):
        """What cuts."""

        usual: Cut = Field(Cut(), description="As always.")
        other: Cut = Field(Cut(merges=5), description="Otherwise.")

    told = {s.path: [entry.default for entry in s.entries] for s in reference._of_group("", "", Outer)}
    assert told == {"": ["", ""], "usual": ["2"], "other": ["5"]}


def test_limits_are_in_words():
    (training,) = [section for section in reference.sections() if section.path == "training"]
    allowed = {entry.name: entry.allowed for entry in training.entries}
    assert allowed["lr"] == "number > 0"
    assert allowed["iterations"] == "integer ≥ 1"
    assert allowed["precision"] == "fp32, bf16"


def test_a_word_finds_groups_and_parameters():
    assert {section.path for section in reference.matching("training")} >= {"training"}
    (found,) = [section for section in reference.matching("log_every") if section.path == "training"]
    assert [entry.name for entry in found.entries] == ["log_every"]


def test_the_command_prints_and_writes(cli, tmp_path: Path):
    status, out, _ = cli("params", "log_every")
    assert status == 0
    assert f"log_every = {Training().log_every}" in out
    status, _, err = cli("params", "nonsense")
    assert (status, err.count("\n")) == (2, 1)
    assert cli("params", "--write", "--root", tmp_path)[0] == 0
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*.*") if path.is_file()} == set(reference.written())


def test_params_yaml_fits_its_schema_and_a_wrong_key_does_not(root: Path):
    values = yaml.safe_load((root / "params.yaml").read_text())
    check = jsonschema.Draft202012Validator(reference.params_schema())
    check.check_schema(check.schema)
    check.validate(values)
    values["mini"]["methods"]["wtalc"]["parameters"]["latent"] = 5
    assert [list(error.path)[-2:] for error in check.iter_errors(values)] == [["wtalc", "parameters"]]


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.stem)
def test_papers_fit_their_schema(paper: Path):
    check = jsonschema.Draft202012Validator(reference.paper_schema())
    assert [error.message for error in check.iter_errors(yaml.safe_load(paper.read_text()))] == []


def test_an_experiment_has_the_parameters_of_its_method(root: Path):
    values = yaml.safe_load((root / "papers/stpn.yaml").read_text())
    name = next(name for name, experiment in values["experiments"].items() if experiment.get("method") == "stpn")
    values["experiments"][name]["parameters"] = {"clusters": 5}
    check = jsonschema.Draft202012Validator(reference.paper_schema())
    assert [list(error.path) for error in check.iter_errors(values)] == [["experiments", name, "parameters"]]


@pytest.mark.parametrize("file", ["params.yaml", *(f"papers/{path.name}" for path in PAPERS)])
def test_editors_find_the_schema(root: Path, file: str):
    first = (root / file).read_text().splitlines()[0]
    prefix = "# yaml-language-server: $schema="
    assert first.startswith(prefix)
    schema = ((root / file).parent / first.removeprefix(prefix)).resolve()
    assert schema.relative_to(root) in reference.written()
