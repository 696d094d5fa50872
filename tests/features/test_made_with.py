"""How features were made, as a run keeps it, read from anywhere and from any folder."""

import json

import pytest

from actionbytes.errors import UserError
from actionbytes.features.made_with import FILE, WeightFile, making_of
from actionbytes.recipes import plain


def test_a_run_is_used_from_another_folder(tmp_path, made_with, monkeypatch):
    """Weights are named relative to the project in which the run lies."""
    project, run = tmp_path / "project", tmp_path / "project" / "results" / "seed0"
    run.mkdir(parents=True)
    values = plain(made_with)
    for stream in ("rgb", "flow"):
        (project / f"{stream}.safetensors").write_bytes(made_with.weights[stream].file.read_bytes())
        values["weights"][stream]["file"] = f"{stream}.safetensors"
    (run / FILE).write_text(json.dumps(values))
    monkeypatch.chdir(project)
    assert making_of(run).weights["rgb"].checked("rgb").samefile(project / "rgb.safetensors")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert making_of(run).weights["rgb"].checked("rgb") == project / "rgb.safetensors"
    (project / "rgb.safetensors").write_bytes(b"other weights")
    with pytest.raises(UserError, match="is not the rgb weight file"):
        making_of(run).weights["rgb"].checked("rgb")
    (project / "rgb.safetensors").unlink()
    with pytest.raises(UserError, match="are gone"):
        making_of(run).weights["rgb"].checked("rgb")


@pytest.mark.parametrize("text", ["5", "null", "[1]", "{", "[" * 100_000, '{"weights": 5}', '{"extraction": 5}'])
def test_what_is_no_recipe_is_one_line(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(UserError) as refused:
        making_of(tmp_path)
    assert "\n" not in str(refused.value)


def test_features_of_no_video_leave_the_file_that_is_there(tmp_path, cli, made_with):
    (tmp_path / "x.h5").write_bytes(b"what is there")
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    weights = [f"--weights-{stream}={WeightFile.of(made_with.weights[stream].file).file}" for stream in ("rgb", "flow")]
    status, _, err = cli("features", tmp_path / "bad.mp4", "--out", tmp_path / "x.h5", *weights)
    assert status == 2 and len(err.strip().splitlines()) == 1
    assert (tmp_path / "x.h5").read_bytes() == b"what is there"
