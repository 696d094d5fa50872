"""metrics.json is what was measured, or it is refused."""

import json
from pathlib import Path

import pytest

from actionbytes.errors import UserError
from actionbytes.evaluation.metric_files import read_metrics, write_metrics

METRICS = {"wtalc": {"tiou": [0.3, 0.5], "map": [12.345678901234567, float("nan")], 7: None}}


def test_what_was_measured_is_read(tmp_path: Path):
    write_metrics(tmp_path / "metrics.json", METRICS)
    metrics = read_metrics(tmp_path / "metrics.json")
    assert list(metrics) == ["wtalc"] and metrics["wtalc"]["map"][0] == 12.345678901234567
    assert metrics["wtalc"]["7"] is None
    (tmp_path / "old.json").write_text(json.dumps({"wtalc": {"map": [1.0]}}))
    assert read_metrics(tmp_path / "old.json") == {"wtalc": {"map": [1.0]}}, "of a version that wrote no digest"


def test_a_number_changed_by_hand_is_refused(tmp_path: Path):
    path = tmp_path / "metrics.json"
    write_metrics(path, METRICS)
    path.write_text(path.read_text().replace("12.34", "92.34"))
    with pytest.raises(UserError, match=r"metrics\.json: was changed since it was written; remove it"):
        read_metrics(path)
    path.write_text("[]")
    with pytest.raises(UserError, match="holds no metrics"):
        read_metrics(path)
