"""Files of the error analysis: numbers that can be read back, pictures that are pictures."""

import csv

import numpy as np
import pytest

from actionbytes.data.annotations import Instance, Video
from actionbytes.data.detections import Detections
from actionbytes.errors import UserError
from actionbytes.evaluation.diagnosis import KINDS, Curve, diagnose
from actionbytes.evaluation.truth import Truth
from actionbytes.reporting.analysis import interpolated, write_analysis

VIDEOS = {"v, 1": Video("v, 1", "test", 60.0, 25.0, (Instance("a", 0.0, 10.0), Instance("b", 20.0, 30.0)))}
FOUND = Detections.from_rows(
    [("v, 1", "a", 0.0, 10.0, 0.9), ("v, 1", "a", 50.0, 60.0, 0.8), ("v, 1", "b", 20.0, 24.0, 0.7)]
)


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_tables_and_pictures(tmp_path):
    paths = write_analysis(diagnose(FOUND, Truth.of(VIDEOS)), tmp_path)
    assert sorted(path.name for path in paths) == sorted(path.name for path in tmp_path.iterdir())
    assert [row["kind"] for row in read(tmp_path / "detections.csv")] == ["true positive", "background", "localization"]
    assert read(tmp_path / "detections.csv")[0]["video"] == "v, 1"
    assert [float(row["ap_0.5"]) for row in read(tmp_path / "per_class.csv")] == [100, 0, 50]
    assert sum(int(row["detections"]) for row in read(tmp_path / "cost.csv")) == 3
    assert {row["kind"] for row in read(tmp_path / "false_positives.csv")} == set(KINDS)
    assert sum(int(row["instances"]) for row in read(tmp_path / "lengths.csv")) == 2
    assert [row["class"] for row in read(tmp_path / "precision_recall.csv")] == ["a"]
    for path in paths:
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000


def test_same_detections_same_bytes(tmp_path):
    for folder in ("one", "two"):
        write_analysis(diagnose(FOUND, Truth.of(VIDEOS)), tmp_path / folder)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_nothing_found_can_be_drawn(tmp_path):
    paths = write_analysis(diagnose(Detections.from_rows([]), Truth.of(VIDEOS)), tmp_path)
    assert all(path.stat().st_size for path in paths)


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        write_analysis(diagnose(FOUND, Truth.of(VIDEOS)), tmp_path / "file")


def test_interpolated_curve_by_hand():
    curve = Curve(np.array([3.0, 2.0]), np.array([0.25, 0.5]), np.array([0.5, 2 / 3]))
    assert interpolated(curve, np.array([0.0, 0.25, 0.5, 0.51, 1.0])).tolist() == pytest.approx(
        [2 / 3, 2 / 3, 2 / 3, 0, 0]
    )
