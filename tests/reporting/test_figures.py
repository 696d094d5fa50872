"""Curves and pictures over frames: the right numbers, whole files, nothing that depends on the day."""

import numpy as np
import pytest

from actionbytes.data.annotations import Instance
from actionbytes.reporting.curves import LOSS, as_csv, draw_curve, losses, places
from actionbytes.reporting.papers import Figure
from actionbytes.reporting.strips import Bars, Strip, draw_strips, truth_bars
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


def test_losses_go_by_stage():
    logs = [[{"stage": "1", "objective": "4"}, {"stage": "2", "objective": "2"}], [{"stage": "1", "objective": "6"}]]
    assert [(p.line, p.x, p.mean, p.n_seeds) for p in losses(logs)] == [(LOSS, 1, 5.0, 2), (LOSS, 2, 2.0, 1)]


@pytest.mark.parametrize("names", [(20, 50), ("none", "{1}")])
def test_a_curve_is_drawn_twice_to_the_same_bytes(tmp_path, names):
    declared = figure(points=[{"x": x, "experiment": "a"} for x in names])
    found = places(declared, {(k, "thumos14"): [metrics(k + 1.0), metrics(k + 2.0)] for k in range(2)})
    found += losses([[{"stage": "1", "objective": "4"}]])
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


def test_stills_round_trip_and_same_bytes(tmp_path):
    stills = {name: np.full((2, 4, 4, 3), k, np.uint8) for k, name in enumerate(("b", "a"))}
    for name in ("one.h5", "two.h5"):
        write_stills(tmp_path / name, stills, 0.64)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
    found, hop = read_stills(tmp_path / "one.h5")
    assert list(found) == ["b", "a"]
    assert hop == 0.64
    assert (found["a"] == 1).all()
