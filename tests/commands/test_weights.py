"""`actionbytes weights`: what it prints, what it writes, how it fails."""

import pytest
import torch
from click.testing import CliRunner

from actionbytes.backbones.i3d import I3D, initialize
from actionbytes.backbones.published import git_blob_id, weights_digest
from actionbytes.backbones.weights import load_i3d, read_weights
from actionbytes.commands.weights import weights
from actionbytes.errors import UserError


@pytest.fixture
def published_like(tmp_path):
    """A `.pt` as published: no counters, and the older file format."""
    model = I3D(2, 12, 0.125)
    initialize(model, torch.Generator().manual_seed(0))
    state = {key: value for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "flow.pt", _use_new_zipfile_serialization=False)
    return tmp_path / "flow.pt"


def run(*arguments):
    return CliRunner().invoke(weights, [str(argument) for argument in arguments], catch_exceptions=False)


def test_inspect_says_what_it_is(published_like):
    output = run("inspect", published_like).output
    lines = {line[:10].strip(): line[11:] for line in output.splitlines()}
    assert lines["stream"] == "flow (2 channels)"
    assert lines["width"] == "0.125 (128-d features)"
    assert lines["classes"] == "12"
    assert lines["tensors"].startswith("287 (")
    assert lines["sha256"] == weights_digest(published_like)
    assert lines["git blob"] == git_blob_id(published_like)
    assert lines["published"].startswith("no")


def test_convert_keeps_values_and_says_where_from(published_like):
    result = run("convert", published_like)
    out = published_like.with_suffix(".safetensors")
    assert str(out) in result.output
    before, after = load_i3d(published_like).state_dict(), load_i3d(out, "flow", 12).state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert read_weights(out)[1]["source"]["sha256"] == weights_digest(published_like)
    assert run("inspect", out).output.count(weights_digest(published_like)) == 1


def test_convert_refuses_to_overwrite_its_input_and_other_formats(published_like, tmp_path):
    with pytest.raises(UserError, match="must end in"):
        run("convert", published_like, "--out", tmp_path / "x.pt")
    run("convert", published_like)
    with pytest.raises(UserError, match="safetensors already"):
        run("convert", published_like.with_suffix(".safetensors"))


def test_a_broken_file_is_one_line(tmp_path):
    (tmp_path / "x.pt").write_bytes(b"PK\x03\x04 nothing more")
    with pytest.raises(UserError, match="damaged or cut short"):
        run("inspect", tmp_path / "x.pt")
