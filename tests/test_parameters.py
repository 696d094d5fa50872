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


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", r"line 3: the key 'a' is there twice; keep one"),
        ("a:\n  b: 1\n  b: 2\n", r"line 3: the key 'b' is there twice"),
        ("[{a: 1, a: 2}]", "there twice"),
        ("a: &a [*a]", "aliases"),
        ("a: *nowhere", "line 1: not valid YAML"),
        (f"- &a0 [{'x, ' * 9}]\n" + "".join(f"- &a{i} [{f'*a{i - 1}, ' * 9}]\n" for i in range(1, 9)), "aliases"),
        ("a: {<<: {b: 1}}", "a key must be text or a number"),
        ("a: 2024-01-01", "'2024-01-01' is taken for a date; put it in quotes"),
        ("a: 2024-99-99", "taken for a date"),
        ("a: 1:30", "'1:30' is taken for a time"),
        ("a: " + "9" * 5000, "more than 18 digits"),
        ("a: !!bool maybe", "not valid YAML"),
        ("a: !!timestamp x", "taken for a date"),
        ("a: !!binary eA==", "no tags"),
        ("a: !!float x", "not valid YAML"),
        ("a: !!int x", "not valid YAML"),
        ("a: !!map x", "must be a map"),
        ("a: !!seq x", "not valid YAML"),
        ("on: 1", "not 'on'; put it in quotes"),
        ("? [1]\n: 2\n", "a key must be text or a number"),
        ("[" * 3000, "more than 50 levels"),
        ("a: b: c", r"line 1: not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("a: \x07", "not valid YAML"),
    ],
)
def test_yaml_that_would_surprise_is_refused_in_one_line(tmp_path, text, problem):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(UserError, match=problem) as error:
        read_yaml(tmp_path / "p.yaml")
    assert str(error.value).startswith(f"{tmp_path / 'p.yaml'}: ")
    assert "\n" not in str(error.value)


def test_plain_yaml_is_what_it_says(tmp_path):
    (tmp_path / "p.yaml").write_text("a: [1, -2.5, yes, null, '2024-01-01', \"1:30\"]\n3: {b: text}\nc: 1e-3\n")
    assert read_yaml(tmp_path / "p.yaml") == {
        "a": [1, -2.5, True, None, "2024-01-01", "1:30"],
        3: {"b": "text"},
        "c": "1e-3",
    }


class Numbers(Parameters):
    rate: float = 1.0
    seeds: tuple[int, ...] = (0,)
    most: int | None = None
    flag: bool = False
    flag_or_count: bool | int = 0
    by_name: dict[str, float] = Field(default_factory=dict)


@pytest.mark.parametrize(
    "values", [{"rate": True}, {"seeds": [True]}, {"seeds": [0, False]}, {"most": True}, {"by_name": {"a": True}}]
)
def test_a_boolean_is_no_number(values: dict):
    with pytest.raises(UserError, match="a number is meant"):
        validated(Numbers, values, "params.yaml")


def test_a_few_aliases_are_written_out(tmp_path):
    (tmp_path / "p.yaml").write_text("a: &x [1, 2]\nb: *x\n")
    assert read_yaml(tmp_path / "p.yaml") == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize("value", [float("inf"), float("nan"), [1.0]])
def test_numbers_are_finite(value):
    with pytest.raises(UserError, match=r"rate: .* is not allowed"):
        validated(Numbers, {"rate": value}, "params.yaml")


def test_booleans_are_booleans():
    assert validated(Numbers, {"flag": True, "flag_or_count": True}, "params.yaml").flag_or_count is True


@pytest.mark.parametrize("values", [[1], "text", 5])
def test_what_is_no_map_is_one_line(values):
    with pytest.raises(UserError, match=r"config\.yaml: must hold keys and values"):
        validated(Numbers, values, "config.yaml")
