"""Outputs: tried before the work, never over an input or a file of another kind."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from actionbytes.backbones.i3d import I3D
from actionbytes.backbones.weights import save_i3d
from actionbytes.commands.outputs import (
    AUDIT,
    DETECTIONS,
    FEATURES,
    LISTING,
    METRICS,
    PICTURE,
    SCORES,
    WEIGHTS,
    check_output,
)
from actionbytes.data.detections import Detections, write_detections
from actionbytes.errors import UserError
from actionbytes.reporting.figures.timeline import Timeline, draw_timeline

TRUTH = {"database": {"v": {"subset": "test", "duration": 9.0, "annotations": [{"label": "x", "segment": [0, 1]}]}}}
OF_KIND = {
    "d.json": (DETECTIONS, b' {"version": 1, "results": {}}'),
    "d.json.gz": (DETECTIONS, gzip.compress(b'{"results": {}}')),
    "d.txt": (DETECTIONS, b"v\t0.0\t1.0\tx\t0.5\n"),
    "m.json": (METRICS, b'{"map": []}'),
    "m.csv": (METRICS, b"protocol,class\n"),
    "s.csv": (SCORES, b"video,part,x\n"),
    "f.h5": (FEATURES, b"\x89HDF\r\n"),
    "w.safetensors": (WEIGHTS, b"\x10" + b"\0" * 7 + b"{}"),
    "p.png": (PICTURE, b"\x89PNG\r\n"),
    "a.csv": (AUDIT, b"rule,about\n"),
    "videos.csv": (LISTING, b"video,subset,file\n"),
}


@pytest.mark.parametrize("name", OF_KIND)
def test_a_file_of_the_kind_is_replaced_and_no_other(tmp_path: Path, name: str):
    kind, content = OF_KIND[name]
    path = tmp_path / name
    for there in (content, b""):
        path.write_bytes(there)
        check_output("--out", path, kind)
    for other in (b"\0\0\0\x18ftypmp42", json.dumps(TRUTH).encode(), b"my notes\n", b"\x1f\x8bbroken"):
        path.write_bytes(other)
        with pytest.raises(UserError, match="is there already and is not"):
            check_output("--out", path, kind)
        assert path.read_bytes() == other


@pytest.mark.parametrize("link", ["same", "symlink", "hard link"])
def test_an_input_is_no_output(tmp_path: Path, link: str):
    given, out = tmp_path / "d.json", tmp_path / "out.json"
    given.write_text('{"results": {}}')
    if link == "same":
        out = tmp_path / "." / "d.json"
    elif link == "symlink":
        out.symlink_to(given)
    else:
        os.link(given, out)
    with pytest.raises(UserError, match="is an input of this command"):
        check_output("--out", out, DETECTIONS, (None, given))


def test_places_where_nothing_can_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.json").mkdir()
    for name in ("file/d.json", "folder.json", "x" * 260 + ".json", "a\0b.json", "\ud800.json"):
        with pytest.raises(UserError, match="cannot be written"):
            check_output("--out", tmp_path / name, DETECTIONS)
    with pytest.raises(UserError, match="cannot be written"):
        check_output("--out", Path("/proc/x.json"), DETECTIONS)
    with pytest.raises(UserError, match=r"must end in \.json"):
        check_output("--out", tmp_path / "d.jsn", DETECTIONS)
    check_output("--out", tmp_path / "new" / "deep" / "d.json", DETECTIONS)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder.json"}, "a check leaves nothing"


@pytest.fixture
def world(tmp_path: Path) -> Path:
    (tmp_path / "gt.json").write_text(json.dumps(TRUTH))
    write_detections(tmp_path / "d.json", Detections.from_rows([("v", "x", 0.0, 1.0, 0.5)]))
    (tmp_path / "clip.mp4").write_bytes(b"video")
    (tmp_path / "names.txt").write_text("v\n")
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        "evaluate d.json gt.json --out gt.json",
        "evaluate d.json gt.json --out d.json",
        "evaluate d.json gt.json --out clip.mp4",
        "submission d.json gt.json --subset test --out gt.json",
        "submission d.json gt.json --subset test --out d.json",
        "analyze d.json gt.json --out gt.json",
        "analyze d.json gt.json --out names.txt/x",
        "detect clip.mp4 --run run --out clip.mp4",
        "detect clip.mp4 --run run --out gt.json --annotations gt.json",
        "detect clip.mp4 --run run --out gt.json",
        "detect clip.mp4 --run run --plot a.xyz",
        "detect clip.mp4 --run run --plot d.json",
        "localize run --features f --out gt.json --annotations gt.json",
        "localize run --features names.txt --out names.txt",
        "localize run --features f --out new.json --scores gt.json",
        "train wtalc --features f --annotations gt.json --subset test --out names.txt/run",
        "audit --out names.txt",
    ],
)
def test_commands_lose_nothing(world: Path, cli, monkeypatch: pytest.MonkeyPatch, command: str):
    monkeypatch.chdir(world)
    before = {path.name: path.read_bytes() for path in world.iterdir()}
    status, out, err = cli(*command.split())
    assert (status, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1
    assert {path.name: path.read_bytes() for path in world.iterdir()} == before


def test_convert_replaces_only_what_is_named(tmp_path: Path, cli):
    torch.manual_seed(0)
    weights = {f"{k}": v for k, v in I3D(3, 5, 0.125).state_dict().items()}
    torch.save(weights, tmp_path / "a.pt")
    there = tmp_path / "a.safetensors"
    there.write_bytes(b"mine")
    status, _, err = cli("weights", "convert", tmp_path / "a.pt")
    assert (status, there.read_bytes()) == (2, b"mine")
    assert "is there already; name it with --out" in err
    assert cli("weights", "convert", tmp_path / "a.pt", "--out", there)[0] == 2, "it is no safetensors"
    save_i3d(I3D(3, 5, 0.125), there)
    assert cli("weights", "convert", tmp_path / "a.pt", "--out", there)[0] == 0


def test_index_replaces_only_its_list(tmp_path: Path, cli):
    (tmp_path / "annotations.json").write_text(json.dumps(TRUTH))
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "v.mp4").write_bytes(b"x")
    (tmp_path / "videos.csv").write_text("my,notes\n")
    assert cli("index", tmp_path)[0] == 2
    assert (tmp_path / "videos.csv").read_text() == "my,notes\n"
    (tmp_path / "videos.csv").unlink()
    assert cli("index", tmp_path)[0] == cli("index", tmp_path)[0] == 0


def test_names_with_a_dollar_sign_are_drawn(tmp_path: Path):
    rows = [(r"$\frac{$", 0.0, 1.0, 0.5)]
    timeline = Timeline("a$b_{", 2.0, 1.0, [r"$\frac{$"], np.zeros((2, 1), np.float32), rows)
    draw_timeline(timeline, tmp_path / "t.png")
    assert (tmp_path / "t.png").stat().st_size > 1000
