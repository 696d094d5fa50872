"""Every method of the registry keeps what a method promises; what is missing is one line."""

import numpy as np
import pytest
import torch

from actionbytes.errors import UserError
from actionbytes.methods import registry
from actionbytes.methods.registry import known, method_class, method_parameters

DIM = 12


@pytest.mark.parametrize("name", known())
def test_every_method_detects_and_says_what_it_is(name):
    group = method_parameters(name)
    assert group.summary.endswith(".") and "\n" not in group.summary
    assert set(group.starts_from.values()) <= set(known())
    settings = group()
    sizes = dict.fromkeys(settings.sources, 3)
    method = method_class(name).built(DIM, 3, sizes, settings, torch.Generator().manual_seed(0))
    detected = method.detect(np.ones((4, DIM)), group.localization())
    assert all(scores.shape == (3,) and scores.dtype == np.float32 for scores in detected.scores.values())
    assert "fusion" in detected.scores
    assert detected.activations is None or detected.activations.shape == (4, 3)
    assert all(curve.shape == (4,) for curve in detected.curves.values())
    assert group.localization().slug


@pytest.mark.parametrize("name", known())
def test_every_parameter_is_described(name):
    group = method_parameters(name)
    for fields in (group.model_fields, group.localization.model_fields):
        assert all(field.description for field in fields.values())


def test_an_unknown_method_is_named():
    with pytest.raises(UserError, match=f"known: {', '.join(known())}"):
        method_class("wtacl")


def test_a_folder_without_a_network_is_named(monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "__init__.py").write_text("")
    room = registry.actionbytes.methods
    monkeypatch.setattr(room, "__path__", [*room.__path__, str(tmp_path)])
    with pytest.raises(UserError, match=r"method empty: has no network\.py; see docs/add-a-method\.md"):
        method_class("empty")
    (tmp_path / "empty" / "parameters.py").write_text("X = 1\n")
    with pytest.raises(UserError, match="defines no MethodParameters named after its folder"):
        method_parameters("empty")
