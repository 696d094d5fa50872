"""Every protocol equals plain loops of its original, equals of every kind included, on 300 random worlds each."""

import numpy as np
import pytest

from actionbytes.evaluation.detection import evaluate_all
from actionbytes.evaluation.parameters import Evaluation
from actionbytes.evaluation.recall import recall_metrics
from actionbytes.evaluation.ties import portable_argsort

WORLDS = 300
TIOU = [0.25, 0.5, 0.75]


def expected(plain_loops, name, rows, instances, ambiguous):
    """mAP (K,) in percent by the plain loops."""
    if name in ("wtalc", "3cnet"):
        return 100 * plain_loops.wtalc(rows, instances, TIOU, ambiguous, three_c=name == "3cnet")
    if name.startswith("thumos14"):
        ap = plain_loops.thumos14(rows, instances, TIOU, ambiguous, eleven_points=name == "thumos14-11pt")
    else:
        ap = getattr(plain_loops, name)(rows, instances, TIOU)
    return 100 * ap.mean(axis=1)


@pytest.mark.parametrize("name", ["activitynet", "thumos14", "wtalc", "3cnet", "co2net", "thumos14-11pt"])
def test_detection_map(plain_loops, worlds, name):
    for seed in range(WORLDS):
        videos, detections = worlds.odd_world(np.random.default_rng(seed))
        instances, ambiguous = worlds.parts_of(videos)
        got = evaluate_all(detections, videos, TIOU, protocols=(name,), unknown_videos="count", classes=["a", "b"])
        plain = expected(plain_loops, name, worlds.rows_of(detections), instances, ambiguous)
        assert np.abs(np.array(got[name]["map"]) - plain).max() < 1e-10, f"world {seed}"


def test_average_recall(plain_loops, worlds):
    for seed in range(WORLDS):
        rng = np.random.default_rng(seed)
        videos, detections = worlds.odd_world(rng)
        most = int(rng.choice([2, 5, 100]))
        instances, _ = worlds.parts_of(videos)
        got = recall_metrics(detections, videos, (), TIOU, Evaluation(unknown_videos="count", max_proposals=most))
        rows = worlds.rows_of(detections)
        if any(name in {i[0] for i in instances} for name, *_ in rows):
            recall, number = plain_loops.ar_an(rows, instances, TIOU, most)
            assert np.allclose(got["average_recall"], 100 * recall, rtol=0, atol=1e-10), f"world {seed}"
            assert np.allclose(got["average_number"], number, rtol=1e-12, atol=0), f"world {seed}"


def test_the_order_of_equals_is_what_the_worlds_try(worlds):
    """Orders of the file and of a vectorised sort give other numbers in many of the worlds."""
    differ = 0
    for seed in range(60):
        videos, detections = worlds.odd_world(np.random.default_rng(seed))
        maps = [
            evaluate_all(
                detections,
                videos,
                TIOU,
                protocols=("activitynet",),
                ties=ties,
                unknown_videos="count",
                classes=["a", "b"],
            )["activitynet"]["map"]
            for ties in ("original", "file")
        ]
        differ += maps[0] != maps[1]
    assert differ > 20


def test_the_portable_sort_is_the_quicksort_of_the_plain_loops(plain_loops):
    rng = np.random.default_rng(0)
    for n in range(400):
        values = rng.integers(0, rng.integers(1, 40), n) / 8
        assert portable_argsort(values).tolist() == plain_loops.quick_order(values.tolist()), n
