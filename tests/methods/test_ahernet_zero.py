"""AherNet^0: cutting at many thresholds, and what a run of it does."""

import numpy as np
import pytest
import torch

from actionbytes.errors import UserError
from actionbytes.features.store import PackedFeatures
from actionbytes.methods.ahernet_zero.detection import MultiThreshold, localize_multi_threshold
from actionbytes.methods.ahernet_zero.network import AhernetZero
from actionbytes.methods.ahernet_zero.parameters import AhernetZeroParameters
from actionbytes.methods.sets import Batch
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import load_run
from actionbytes.training.sources import training_set


def spans(rows, **rules):
    found = localize_multi_threshold(np.array(rows), MultiThreshold(**rules))
    return list(zip(found.start.tolist(), found.end.tolist(), found.label.tolist(), strict=True)), found.score


def test_runs_above_shares_of_the_largest_score():
    rows = [[0.1, 0.9], [0.4, 0.6], [0.8, 0.2], [0.4, 0.6], [0.1, 0.9]]
    found, score = spans(rows, thresholds=(0.4, 0.9))
    assert found == [(0, 1, 1), (4, 5, 1), (2, 3, 0), (0, 2, 1), (3, 5, 1), (1, 4, 0)]
    assert score == pytest.approx([0.9, 0.9, 0.8, 0.75, 0.75, 1.6 / 3])


def test_the_same_run_at_two_thresholds_is_one_segment():
    assert spans([[0.0], [1.0], [0.0]])[0] == [(1, 2, 0)]


def test_worse_segments_fall_and_the_best_are_kept():
    rows = [[0.5]] + [[1.0]] * 19
    assert len(spans(rows, thresholds=(0.4, 0.6), nms=0.9)[0]) == 1
    assert len(spans(rows, thresholds=(0.4, 0.6), nms=0.96)[0]) == 2
    assert spans([[0.0], [1.0], [0.0], [0.9]], max_per_video=1)[0] == [(1, 2, 0)]


def test_scores_that_are_not_finite_are_an_error():
    with pytest.raises(UserError, match="training diverged"):
        spans([[np.nan]])


def test_every_video_weighs_the_same_however_long():
    method = AhernetZero(3, 2, AhernetZeroParameters(hidden=4), torch.Generator().manual_seed(0))
    rows, labels = torch.rand(5, 3), torch.tensor([[1.0, 0.0], [0.0, 1.0]])

    def loss(*parts):
        rows, chosen = torch.cat([x for x, _ in parts]), labels[[k for _, k in parts]]
        offsets = np.concatenate([[0], np.cumsum([len(x) for x, _ in parts])])
        batch = Batch(rows, offsets, chosen, chosen, np.zeros(len(parts)), None, np.random.default_rng(0))
        return method.loss(batch)["total"].item()

    both, first, second = loss((rows[:1], 0), (rows[1:], 1)), loss((rows[:1], 0)), loss((rows[1:], 1))
    assert both == pytest.approx((first + second) / 2)


def test_it_learns_snippets_from_moments_and_finds_them_in_a_video(tmp_path):
    rng = np.random.default_rng(0)
    looks, kinds = 3 * rng.random((3, 6)), np.arange(12) % 2
    videos = [looks[k] + 0.1 * rng.normal(size=(8, 6)) for k in kinds]
    offsets = np.arange(13) * 8
    rows = np.concatenate(videos).astype(np.float32)
    features = PackedFeatures([f"m{i}" for i in range(12)], offsets, rows, 0.5, np.full(12, 4.0))
    moments = training_set(features, np.eye(2, dtype=bool)[kinds], ("jump", "run"))
    training = Training(iterations=60, lr=1e-2, log_every=20, batch=6, weight_decay=0.0)
    fit("ahernet_zero", AhernetZeroParameters(hidden=16), training, {"videos": moments}, 0, tmp_path)
    method, _ = load_run(tmp_path)
    video = np.concatenate([looks[[1]].repeat(6, 0), looks[[0]].repeat(5, 0), looks[[1]].repeat(4, 0)])
    found = method.detect(video.astype(np.float32), MultiThreshold()).segments
    inside = {(s, e) for s, e, k in zip(found.start.tolist(), found.end.tolist(), found.label, strict=True) if k == 0}
    assert (6, 11) in inside
