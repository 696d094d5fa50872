"""Batches: couples, windows, packing, segments."""

import numpy as np
import pytest
import torch

from actionbytes.errors import UserError
from actionbytes.features.store import PackedFeatures
from actionbytes.methods.stpn.parameters import StpnParameters
from actionbytes.methods.wtalc.network import Wtalc
from actionbytes.methods.wtalc.parameters import WtalcParameters
from actionbytes.training.batches import Batches, in_rows
from actionbytes.training.parameters import Training
from actionbytes.training.sources import training_set

LENGTHS = np.array([3, 8, 20, 5, 12, 7])
OFFSETS = np.concatenate([[0], np.cumsum(LENGTHS)])
ROWS = np.arange(OFFSETS[-1], dtype=np.float32)[:, None].repeat(4, 1)  # a row holds its number
TARGETS = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=bool)
FEATURES = PackedFeatures(list("abcdef"), OFFSETS, ROWS, 0.64, LENGTHS * 0.64)


def drawn(training=None, least=1, targets=TARGETS, count=200, segments=None, **settings):
    """Videos and batch of some steps of W-TALC."""
    parameters = WtalcParameters(latent_dim=2, **settings)
    method = Wtalc(4, targets.shape[1], parameters, torch.Generator())
    method.least_shared = least
    sets = {"videos": training_set(FEATURES, targets, [f"c{i}" for i in range(targets.shape[1])], segments)}
    batches = Batches(method, sets, training or Training())
    steps = [batches.draw({"videos": np.random.default_rng(i)}) for i in range(count)]
    return [(draws["videos"].videos, batch["videos"]) for draws, batch in steps]


def test_couples_share_a_class_and_rows_are_the_videos():
    for videos, batch in drawn():
        assert len(videos) == 10 and batch.groups.tolist() == [0, 0, 1, 1, 2, 2, -1, -1, -1, -1]
        for m, n in videos[:6].reshape(3, 2):
            assert (TARGETS[m] & TARGETS[n]).any()
        assert np.array_equal(np.diff(batch.offsets), LENGTHS[videos])
        expected = np.concatenate([np.arange(OFFSETS[v], OFFSETS[v + 1]) for v in videos])
        assert np.array_equal(batch.rows[:, 0].numpy(), expected)
        assert np.array_equal(batch.targets.numpy(), TARGETS[videos]) and batch.rows.dtype == torch.float32
        assert batch.segments is None


def test_a_class_of_one_video_makes_couples_only_where_allowed():
    assert any(5 in videos[:6] for videos, _ in drawn())
    assert not any(5 in videos[:6] for videos, _ in drawn(least=2))
    assert any(5 in videos[6:] for videos, _ in drawn(least=2))


def test_without_any_shared_class_all_videos_are_random():
    for videos, batch in drawn(least=2, targets=np.eye(6, dtype=bool), count=5):
        assert (batch.groups == -1).all() and len(videos) == 10


def test_the_number_of_couples_is_a_parameter_of_the_method():
    assert drawn(pairs=1, count=1)[0][1].groups.tolist() == [0, 0] + [-1] * 8
    assert drawn(pairs=0, count=1)[0][1].groups.tolist() == [-1] * 10


def test_long_videos_give_one_window_anywhere_inside():
    starts = {v: set() for v in range(6)}
    for videos, batch in drawn(Training(max_length=6), count=400):
        assert np.array_equal(np.diff(batch.offsets), np.minimum(LENGTHS[videos], 6))
        for v, a, b in zip(videos, batch.offsets[:-1], batch.offsets[1:], strict=True):
            window = batch.rows[a:b, 0].numpy().astype(int)
            assert window[0] >= OFFSETS[v] and window[-1] < OFFSETS[v + 1] and (np.diff(window) == 1).all()
            starts[v].add(int(window[0] - OFFSETS[v]))
    assert starts[0] == {0} and starts[2] == set(range(14))  # [0, T - 6), as the public code draws


def test_the_same_generator_gives_the_same_batch():
    (videos, batch), (again, same) = drawn(count=1) + drawn(count=1)
    assert np.array_equal(videos, again) and torch.equal(batch.rows, same.rows)
    assert batch.rng.random() == same.rng.random()


def test_bf16_rows():
    assert drawn(Training(precision="bf16"), count=1)[0][1].rows.dtype == torch.bfloat16


def test_segments_move_with_the_window():
    whole = tuple(np.array([[0.5, length - 0.5, 1]]) for length in LENGTHS)
    for videos, batch in drawn(Training(max_length=6), segments=whole, count=50):
        for v, a, b, segments in zip(videos, batch.offsets[:-1], batch.offsets[1:], batch.segments, strict=True):
            first = int(batch.rows[a, 0]) - OFFSETS[v]
            expected = [max(0.5 - first, 0), min(LENGTHS[v] - 0.5 - first, b - a), 1]
            assert segments.tolist() == [expected]


def test_segments_in_snippets_that_are_picked_one_by_one():
    segments = np.array([[0.0, 2.0, 4], [2.4, 4.6, 5], [7.0, 9.0, 6]])
    assert in_rows(segments, np.array([0, 0, 2, 4, 5]), 5).tolist() == [[0, 2, 4], [2, 4, 5]]
    assert in_rows(segments, slice(2, 8), 6).tolist() == [[pytest.approx(0.4), pytest.approx(2.6), 5], [5, 6, 6]]


def test_pairs_must_fit_the_batch():
    with pytest.raises(UserError, match="6 pairs need a batch of at least 12, not 10"):
        WtalcParameters(pairs=6).check_training(Training())
    WtalcParameters(pairs=5).check_training(Training())
    StpnParameters().check_training(Training(batch=1))
