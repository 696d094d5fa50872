import pytest
from pydantic import Field

from actionbytes.errors import UserError
from actionbytes.parameters import Parameters, read_yaml, validated, with_overrides
from actionbytes.training.parameters import Training


class Outer(Parameters):
    training: Training = Training()


class Suite(Parameters):
    world: Outer | None = None
    methods: dict[str, Outer] = Field(default_factory=dict)
    points: list[Training] = Field(default_factory=list)


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ({"world": {"train": 1}}, "training"),
        ({"methods": {"stpn": {"train": 1}}}, "training"),
        ({"methods": {"stpn": {"training": {"rate": 1}}}}, ", ".join(sorted(Training.model_fields))),
        ({"points": [{}, {"rate": 1}]}, ", ".join(sorted(Training.model_fields))),
    ],
)
def test_an_unknown_key_is_answered_with_the_keys_of_its_own_group(values: dict, allowed: str):
    with pytest.raises(UserError, match=f"no such parameter; known here: {allowed}$"):
        validated(Suite, values, "params.yaml")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"training": {"lr": -1}}, ["training.lr", "-1", "greater than 0"]),
        ({"training": {"lr": "fast"}}, ["training.lr", "'fast'", "number"]),
        ({"training": {"iteration": 5}}, ["training.iteration", "no such parameter", "iterations"]),
        ({"trainings": {}}, ["trainings", "no such parameter", "training"]),
    ],
)
def test_errors_name_key_value_and_what_is_allowed(values: dict, words: list[str]):
    with pytest.raises(UserError) as caught:
        validated(Outer, values, "params.yaml")
    text = str(caught.value)
    assert text.startswith("params.yaml: ")
    assert "\n" not in text
    assert all(word in text for word in words), text


def test_overrides_go_below_and_leave_the_original():
    values = {"training": {"lr": 0.1, "batch": 4}}
    changed = with_overrides(values, ("training.lr=0.2", "name=x"))
    assert changed == {"training": {"lr": 0.2, "batch": 4}, "name": "x"}
    assert values["training"]["lr"] == 0.1


@pytest.mark.parametrize("setting", ["lr", "=3", "a.b.c=1"])
def test_unusable_settings(setting: str):
    with pytest.raises(UserError, match="--set"):
        with_overrides({"a": {"b": 1}}, (setting,))


def test_yaml_is_read_safely(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("a: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(UserError, match="not valid YAML"):
        read_yaml(path)
    with pytest.raises(UserError, match="no such file"):
        read_yaml(tmp_path / "absent.yaml")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)
