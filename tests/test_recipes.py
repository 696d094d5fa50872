from pathlib import Path

import pytest

from actionbytes.recipes import VERSIONS, Recipe, digest, plain
from actionbytes.video.parameters import Decoding


def test_order_of_keys_does_not_matter():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": (1, 2), "a": 1})


def test_every_value_matters():
    assert digest({"fps": 25}) != digest({"fps": 25.5})
    assert digest({"a": [1, 2]}) != digest({"a": [2, 1]})


def test_parameter_groups_and_paths_are_plain():
    assert plain({"how": Decoding(), "where": Path("a/b")})["where"] == "a/b"
    assert plain(Decoding())["fps"] == 25.0


def test_nan_has_no_digest():
    with pytest.raises(ValueError):
        digest({"x": float("nan")})


def test_name_changes_with_the_stage_version(monkeypatch: pytest.MonkeyPatch):
    before, after = (Recipe("decode", "25fps", {"decoding": Decoding()}) for _ in range(2))
    assert before.name == Recipe("decode", "25fps", {"decoding": Decoding()}).name
    monkeypatch.setitem(VERSIONS, "decode", VERSIONS["decode"] + 1)
    assert after.name != before.name
    assert after.name.startswith("25fps-")


def test_recipe_is_written_whole(tmp_path: Path):
    recipe = Recipe("decode", "25fps", {"decoding": Decoding()})
    recipe.write(tmp_path / "new")
    assert '"fps": 25.0' in (tmp_path / "new" / "recipe.json").read_text()
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["recipe.json"]
