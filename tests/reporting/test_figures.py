"""Curves and pictures over frames: the right numbers, whole files, nothing that depends on the day."""

import csv
import json
from dataclasses import replace
from importlib import import_module
from typing import get_args

import matplotlib.pyplot as plt
import numpy as np
import pytest

from actionbytes.data.annotations import Instance
from actionbytes.data.detections import Detections, write_detections
from actionbytes.errors import UserError
from actionbytes.features.kinds import STREAMS
from actionbytes.features.store import VideoFeatures, load_features, write_shard
from actionbytes.localization.thresholds import Localization
from actionbytes.methods.registry import method_parameters
from actionbytes.methods.stpn.parameters import StpnParameters as Stpn
from actionbytes.methods.wtalc.parameters import WtalcParameters as Wtalc
from actionbytes.papers.figures import ActionBytesFigure, AnyFigure, Attention, Curve, Qualitative
from actionbytes.reporting.figures import strips
from actionbytes.reporting.figures.curve import LOSS, as_csv, draw_curve, losses, places
from actionbytes.reporting.figures.draw import draw
from actionbytes.reporting.figures.strips import Bars, Strip, draw_strips, truth_bars
from actionbytes.reporting.inputs import FigureInputs, Shown
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import MODEL, load_run
from actionbytes.training.sources import training_set
from actionbytes.video.stills import read_stills, write_stills

FACTS = {"suite": "mini", "tier": "C"}


def figure(**changes) -> Curve:
    values = {
        "number": "Figure 5",
        "caption": "K",
        "kind": "curve",
        "x_label": "K",
        "columns": [{"dataset": "thumos14", "tiou": [0.5]}],
        "points": [{"x": 20, "experiment": "a"}, {"x": 50, "experiment": "b"}],
    }
    return Curve(**values | changes)


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


def picture(stored, kind, method, parameters, **rest):
    """What a picture is drawn from, with a run of a few steps."""
    features = load_features([stored / "shard.h5"])
    training = Training(**{**type(parameters).schedule, "iterations": 2, "max_length": 50})
    labels = np.array([[1, 0], [1, 1]], np.float32)
    sets = {"videos": training_set(features, labels, ["jump", "walk"])}
    fit(method, parameters, training, sets, 0, stored / method)
    points = [{"x": "M", "experiment": "a"}]
    values = {"number": "Figure 9", "caption": "A picture", "dataset": "thumos14", "points": points}
    kinds = {"attention": Attention, "actionbytes": ActionBytesFigure, "qualitative": Qualitative}
    return FigureInputs(
        figure=kinds[kind](kind=kind, **values),
        facts=FACTS,
        shown=[Shown(0, "thumos14", "a", "thumos14", 0)],
        version=1,
        stills=stored / "stills.h5",
        truth=[stored / "truth.json"],
        models=[stored / method / MODEL],
        features=[stored / "shard.h5"],
        localization=method_parameters(method).localization(),
        **rest,
    )


def files(tmp_path):
    return [tmp_path / f"a.{kind}" for kind in ("png", "pdf", "csv")]


def test_attention_and_the_activations_of_the_classes_in_view_are_drawn(stored, tmp_path):
    inputs = picture(stored, "attention", "stpn", Stpn(segments=8, hidden=4))
    png, pdf, table = files(tmp_path)
    runs = draw(inputs, png, pdf, table)
    assert runs == [{"experiment": "a", "seed": 0, "model": str(stored / "stpn" / MODEL)}]
    assert min(png.stat().st_size, pdf.stat().st_size) > 5000
    expected = load_run(stored / "stpn")[0].predict(load_features([stored / "shard.h5"]).video(1)).attention
    rows = list(csv.DictReader(table.open()))
    assert {(row["video"], row["curve"]) for row in rows} == {
        (name, curve) for name in LENGTHS for curve in ("attention", "T-CAM of jump")
    }
    values = [float(row["value"]) for row in rows if (row["video"], row["curve"]) == ("v2", "attention")]
    np.testing.assert_allclose(values, expected, atol=1e-4)


def test_a_method_without_attention_cannot_be_drawn_so(stored, tmp_path):
    with pytest.raises(UserError, match="attends to nothing"):
        draw(picture(stored, "attention", "wtalc", Wtalc(latent_dim=4)), *files(tmp_path))


def test_bytes_are_drawn_with_the_cut_of_the_localization_and_at_the_hop_of_the_features(stored, tmp_path):
    inputs = picture(stored, "actionbytes", "wtalc", Wtalc(latent_dim=4))
    cut = Localization(cut={"segments": "fixed", "fixed_length": 3})
    draw(replace(inputs, localization=cut), *files(tmp_path))
    rows = [row for row in csv.DictReader(files(tmp_path)[2].open()) if row["video"] == "v1"]
    assert [(row["start"], row["end"]) for row in rows] == [("0.00", "1.92"), ("1.92", "3.84"), ("3.84", "5.76")]


def test_a_method_that_cuts_nothing_cannot_be_drawn_so(stored, tmp_path):
    with pytest.raises(UserError, match="cuts no videos"):
        draw(picture(stored, "actionbytes", "stpn", Stpn(segments=8, hidden=4)), *files(tmp_path))


def test_the_best_detections_are_drawn_as_many_as_there_are_instances(stored, tmp_path):
    rows = [("v1", "jump", 0.5, 3.0, 0.9), ("v1", "jump", 4.0, 5.0, 0.8), ("v1", "walk", 0.0, 1.0, 0.95)]
    write_detections(tmp_path / "detections.json", Detections.from_rows(rows))
    inputs = picture(stored, "qualitative", "wtalc", Wtalc(latent_dim=4), detections=[tmp_path / "detections.json"])
    runs = draw(inputs, *files(tmp_path))
    assert runs == [{"experiment": "a", "seed": 0, "detections": str(tmp_path / "detections.json")}]
    drawn = [
        (row["video"], row["method"], row["label"], row["score"]) for row in csv.DictReader(files(tmp_path)[2].open())
    ]
    assert drawn == [("v1", "M", "jump", "0.9000")]


def test_a_curve_is_drawn_from_the_metrics_of_its_points(tmp_path):
    paths = [tmp_path / f"{k}.json" for k in range(3)]
    for path, value in zip(paths, (1.0, 3.0, 5.0), strict=True):
        path.write_text(json.dumps(metrics(value)))
    (tmp_path / "rounds.csv").write_text("round,objective\n1,4.0\n2,2.0\n")
    shown = [
        Shown(place, "thumos14", name, "thumos14", seed)
        for place, name, seed in [(0, "a", 0), (0, "a", 1), (1, "b", 0)]
    ]
    inputs = FigureInputs(
        figure=figure(loss=True),
        facts=FACTS,
        shown=shown,
        version=1,
        metrics=paths,
        rounds=[tmp_path / "rounds.csv", tmp_path / "absent.csv"],
    )
    runs = draw(inputs, *files(tmp_path))
    assert [(run["experiment"], run["seed"], run["metrics"]) for run in runs] == [
        (entry.experiment, entry.seed, str(path)) for entry, path in zip(shown, paths, strict=True)
    ]
    drawn = [(row["x"], row["mean"]) for row in csv.DictReader(files(tmp_path)[2].open())]
    assert drawn == [("20", "2.0000"), ("50", "5.0000"), ("1", "4.0000"), ("2", "2.0000")]


def test_every_kind_of_figure_has_a_file_that_draws_it():
    kinds = {tag.tag for kind in get_args(get_args(AnyFigure)[0]) for tag in kind.__metadata__} - {"printed"}
    assert kinds > {"curve", "qualitative"}
    for kind in kinds:
        assert callable(import_module(f"actionbytes.reporting.figures.{kind}").draw)
