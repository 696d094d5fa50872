"""Checkpoints and runs that are damaged, foreign or not what they say."""

import logging

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tests.training.test_loop import CLASSES, contents, interrupt, run, stop_after, training_set, world

from actionbytes.errors import UserError
from actionbytes.methods.wtalc.parameters import WtalcParameters
from actionbytes.training.checkpoints import CHECKPOINT
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import CONFIG, MODEL, load_run, read_config


@pytest.fixture
def cut(tmp_path):
    """The folder of a run that was interrupted."""
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", progress=stop_after(2, interrupt), checkpoint_s=0)
    assert (tmp_path / "cut" / CHECKPOINT).exists()
    return tmp_path / "cut"


def rewrite(path, **notes):
    """The checkpoint with other notes; None takes one away."""
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        metadata = {**file.metadata(), **notes}
    save_file(tensors, path, {key: text for key, text in metadata.items() if text is not None})


def position(round: str, step: str) -> str:
    return f'{{"round": {round}, "step": {step}, "log": [], "facts": []}}'


@pytest.mark.parametrize(
    "notes",
    [
        {"position": position("0", "1000000000")},
        {"position": position("7", "1")},
        {"position": position("0", "-1")},
        {"position": position("0", '"4"')},
        {"position": "5"},
        {"position": "["},
        {"position": None},
        {"run": None},
    ],
)
def test_a_position_that_cannot_be_is_not_gone_on_from(tmp_path, cut, notes):
    run(tmp_path / "whole")
    rewrite(cut / CHECKPOINT, **notes)
    run(cut)
    assert contents(cut) == contents(tmp_path / "whole")


@pytest.mark.parametrize("keep", [0, 7, 300, -1])
def test_a_damaged_checkpoint_costs_only_itself(tmp_path, cut, caplog, keep):
    caplog.set_level(logging.INFO)
    run(tmp_path / "whole")
    (cut / CHECKPOINT).write_bytes((cut / CHECKPOINT).read_bytes()[:keep])
    run(cut)
    assert "training begins anew" in caplog.text
    assert contents(cut) == contents(tmp_path / "whole")


def test_a_checkpoint_that_lacks_weights_costs_only_itself(tmp_path, cut):
    run(tmp_path / "whole")
    with safe_open(cut / CHECKPOINT, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(cut / CHECKPOINT)
    tensors.pop(next(key for key in tensors if key.startswith("model.")))
    save_file(tensors, cut / CHECKPOINT, metadata)
    run(cut)
    assert contents(cut) == contents(tmp_path / "whole")


def test_a_checkpoint_of_another_run_is_refused(cut):
    (cut / CONFIG).unlink()
    with pytest.raises(UserError, match="of a run of another configuration"):
        run(cut, seed=1)
    assert (cut / CHECKPOINT).exists()


@pytest.mark.parametrize("keep", [0, 5, -1])
def test_a_model_that_is_cut_is_no_finished_run(tmp_path, keep):
    run(tmp_path / "whole")
    run(tmp_path / "cut")
    model = tmp_path / "cut" / MODEL
    model.write_bytes(model.read_bytes()[:keep])
    with pytest.raises(UserError, match="weights"):
        load_run(tmp_path / "cut")
    with pytest.raises(UserError, match="is not finished"):
        run(tmp_path / "next", "actionbytes", starts={"baseline": tmp_path / "cut"})
    run(tmp_path / "cut")
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


@pytest.mark.parametrize("text", ["- 1\n", "5\n", "", "dim: -1\n"])
def test_a_configuration_that_is_none_is_one_line(tmp_path, text):
    run(tmp_path / "x")
    if text.startswith("dim"):
        content = (tmp_path / "x" / CONFIG).read_text().replace("dim: 20", "dim: -1")
    else:
        content = text
    (tmp_path / "x" / CONFIG).write_text(content)
    with pytest.raises(UserError, match=r"config\.yaml") as refused:
        read_config(tmp_path / "x")
    assert "\n" not in str(refused.value)


def test_one_class_teaches_wtalc_nothing_and_it_says_so(tmp_path, caplog):
    features, labels = world()
    labels[:] = True
    sets = {"videos": training_set(features, labels[:, :1], ["fall"])}
    fit("wtalc", WtalcParameters(latent_dim=16), Training(iterations=1), sets, 0, tmp_path / "one")
    assert "with fall alone its classification loss is 0" in caplog.text
    caplog.clear()
    run(tmp_path / "three")
    assert len(CLASSES) == 3 and "alone" not in caplog.text
