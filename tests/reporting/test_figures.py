"""Curves and pictures over frames: the right numbers, whole files, nothing that depends on the day."""

import csv
import json
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from actionbytes.data.annotations import Instance
from actionbytes.errors import UserError
from actionbytes.features.kinds import STREAMS
from actionbytes.features.store import VideoFeatures, load_features, write_shard
from actionbytes.methods.stpn.parameters import StpnParameters as Stpn
from actionbytes.methods.wtalc.parameters import WtalcParameters as Wtalc
from actionbytes.papers.declared import Figure
from actionbytes.reporting.figures import strips
from actionbytes.reporting.figures.curves import LOSS, as_csv, draw_curve, losses, places
from actionbytes.reporting.figures.draw import draw
from actionbytes.reporting.figures.strips import Bars, Strip, draw_strips, truth_bars
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import MODEL, load_run
from actionbytes.training.sources import training_set
from actionbytes.video.stills import read_stills, write_stills

FACTS = {"suite": "mini", "tier": "C"}


def figure(**changes) -> Figure:
    values = {
        "number": "Figure 5",
        "caption": "K",
        "kind": "curve",
        "x_label": "K",
        "columns": [{"dataset": "thumos14", "tiou": [0.5]}],
        "points": [{"x": 20, "experiment": "a"}, {"x": 50, "experiment": "b"}],
    }
    return Figure(**values | changes)


def metrics(value: float) -> dict:
    return {"wtalc": {"tiou": [0.3, 0.5], "map": [2 * value, value], "videos": {"evaluated": 1, "listed": 1}}}


def test_places_are_means_over_seeds_at_the_column_and_tiou():
    found = places(figure(), {(0, "thumos14"): [metrics(1.0), metrics(3.0)], (1, "thumos14"): [metrics(5.0)]})
    assert [(p.x, p.mean, p.n_seeds) for p in found] == [(20, 2.0, 2), (50, 5.0, 1)]
    assert found[0].std == pytest.approx(2**0.5)
    assert found[1].std is None
    assert as_csv(found).splitlines()[1:] == [
        '"thumos14, tIoU 0.5",20,2.0000,1.4142,2',
        '"thumos14, tIoU 0.5",50,5.0000,,1',
    ]


def test_losses_go_by_round():
    logs = [[{"round": "1", "objective": "4"}, {"round": "2", "objective": "2"}], [{"round": "1", "objective": "6"}]]
    assert [(p.line, p.x, p.mean, p.n_seeds) for p in losses(logs)] == [(LOSS, 1, 5.0, 2), (LOSS, 2, 2.0, 1)]


@pytest.mark.parametrize("names", [(20, 50), ("none", "{1}")])
def test_a_curve_is_drawn_twice_to_the_same_bytes(tmp_path, names):
    declared = figure(points=[{"x": x, "experiment": "a"} for x in names])
    found = places(declared, {(k, "thumos14"): [metrics(k + 1.0), metrics(k + 2.0)] for k in range(2)})
    found += losses([[{"round": "1", "objective": "4"}]])
    for folder in ("one", "two"):
        draw_curve(declared, found, FACTS, [tmp_path / folder / "a.png", tmp_path / folder / "a.pdf"])
    for name in ("a.png", "a.pdf"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert len((tmp_path / "one/a.png").read_bytes()) > 5000


def test_strips_show_frames_bars_and_curves(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (9, 16, 16, 3), dtype=np.uint8)
    truth = truth_bars("truth", [Instance("a", 0.5, 2.0), Instance("b", 3.0, 4.0)], text=True)
    assert truth.segments == [(0.5, 2.0, 1.0, "a"), (3.0, 4.0, 1.0, "b")]
    assert truth_bars("truth", [Instance("a", 0, 1), Instance("b", 3, 4)], "b").segments == [(3, 4, 1.0, "")]
    bars = [truth, Bars("none", []), Bars("bytes", [(0, 1, 1.0, ""), (1, 2, 1.0, "")], alternate=True)]
    strip = Strip("video", frames, 0.64, 5.76, bars, [("change", np.arange(9.0))], "change")
    draw_strips([strip, Strip("other", frames[:1], 0.64, 0.64, [])], "note", [tmp_path / "a.png"])
    assert (tmp_path / "a.png").stat().st_size > 5000


@pytest.mark.parametrize("lines", [0, 1, 2])
def test_letters_stay_within_the_bars_of_a_single_row(tmp_path, monkeypatch, lines):
    sheets = []
    monkeypatch.setattr(strips, "save", lambda sheet, path: sheets.append(sheet))
    frames, curves = np.zeros((9, 16, 16, 3), np.uint8), [(f"curve {k}", np.arange(9.0)) for k in range(lines)]
    strip = Strip("video", frames, 0.64, 5.76, [Bars("truth", [(0.0, 5.0, 1.0, "Jump")])], curves)
    draw_strips([strip] * 3, "note", [tmp_path / "a.png"])
    (sheet,) = sheets
    sheet.canvas.draw()
    labelled = [axes for axes in sheet.axes if axes.texts]
    assert len(labelled) == 3
    for axes in labelled:
        letters, bar = axes.texts[0].get_window_extent(), axes.patches[0].get_window_extent()
        assert bar.y0 <= letters.y0 < letters.y1 <= bar.y1
    plt.close(sheet)


def test_stills_round_trip_and_same_bytes(tmp_path):
    stills = {name: np.full((2, 4, 4, 3), k, np.uint8) for k, name in enumerate(("b", "a"))}
    for name in ("one.h5", "two.h5"):
        write_stills(tmp_path / name, stills, 0.64)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
    found, hop = read_stills(tmp_path / "one.h5")
    assert list(found) == ["b", "a"]
    assert hop == 0.64
    assert (found["a"] == 1).all()


LENGTHS = {"v1": 9, "v2": 12}  # snippets


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """What pictures over frames are drawn from, of two videos: stills, features, truth."""
    folder, rng = tmp_path_factory.mktemp("stored"), np.random.default_rng(0)
    write_stills(folder / "stills.h5", {n: np.zeros((t, 4, 4, 3), np.uint8) for n, t in LENGTHS.items()}, 0.64)
    features = {
        name: VideoFeatures(
            {s: rng.normal(size=(t, 6)).astype(np.float32) for s in STREAMS}, 0.64 * t, 16 * t, 25, 16, 0.64
        )
        for name, t in LENGTHS.items()
    }
    write_shard(folder / "shard.h5", features.items(), {})
    entries = {
        name: {"subset": "test", "duration": 0.64 * t, "annotations": [{"label": "jump", "segment": [0.5, 3.0]}]}
        for name, t in LENGTHS.items()
    }
    (folder / "truth.json").write_text(json.dumps({"database": entries}))
    return folder


def drawing(stored, method, parameters, **rest):
    """A drawing of a figure of some kind, with a run of a few steps."""
    features = load_features([stored / "shard.h5"])
    training = Training(**{**type(parameters).schedule, "iterations": 2, "max_length": 50})
    labels = np.array([[1, 0], [1, 1]], np.float32)
    sets = {"videos": training_set(features, labels, ["jump", "walk"])}
    fit(method, parameters, training, sets, 0, stored / method)
    made = SimpleNamespace(file=stored / "stills.h5")
    return {
        "figure": figure(kind="attention", dataset="thumos14", columns=[], points=[{"x": 1, "experiment": "a"}]),
        "facts": FACTS,
        "stills": made,
        "truth": [stored / "truth.json"],
        "seed": 0,
        "models": [stored / method / MODEL],
        "features": [stored / "shard.h5"],
    } | rest


def test_attention_and_the_activations_of_the_classes_in_view_are_drawn(stored, tmp_path):
    drawn = drawing(stored, "stpn", Stpn(segments=8, hidden=4))
    png, pdf, table = (tmp_path / f"a.{kind}" for kind in ("png", "pdf", "csv"))
    sources = draw(drawn, png, pdf, table)
    assert sources == [{"experiment": "a", "seed": 0, "model": str(stored / "stpn" / MODEL)}]
    assert min(png.stat().st_size, pdf.stat().st_size) > 5000
    expected = load_run(stored / "stpn")[0].predict(load_features([stored / "shard.h5"]).video(1)).attention
    rows = list(csv.DictReader(table.open()))
    assert {(row["video"], row["curve"]) for row in rows} == {
        (name, curve) for name in LENGTHS for curve in ("attention", "T-CAM of jump")
    }
    values = [float(row["value"]) for row in rows if (row["video"], row["curve"]) == ("v2", "attention")]
    np.testing.assert_allclose(values, expected, atol=1e-4)


def test_a_method_without_attention_cannot_be_drawn_so(stored, tmp_path):
    drawn = drawing(stored, "wtalc", Wtalc(latent_dim=4))
    with pytest.raises(UserError, match="attends to nothing"):
        draw(drawn, tmp_path / "a.png", tmp_path / "a.pdf", tmp_path / "a.csv")
