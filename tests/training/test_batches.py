"""Batches: couples, windows, packing."""

import numpy as np
import pytest
import torch

from actionbytes.errors import UserError
from actionbytes.parameters import validated
from actionbytes.training.batches import Batches
from actionbytes.training.parameters import Training

LENGTHS = np.array([3, 8, 20, 5, 12, 7])
OFFSETS = np.concatenate([[0], np.cumsum(LENGTHS)])
ROWS = np.arange(OFFSETS[-1], dtype=np.float32)[:, None].repeat(4, 1)  # a row holds its number
TARGETS = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=bool)


def drawn(training=None, min_videos=1, targets=TARGETS, count=200):
    batches = Batches(ROWS, OFFSETS, targets, TARGETS, training or Training(), min_videos)
    return [batches.draw(np.random.default_rng(i)) for i in range(count)]


def test_couples_share_a_class_and_rows_are_the_videos():
    for videos, batch in drawn():
        assert len(videos) == 10 and batch.pairs == 3
        for m, n in videos[:6].reshape(3, 2):
            assert (TARGETS[m] & TARGETS[n]).any()
        assert np.array_equal(np.diff(batch.offsets), LENGTHS[videos])
        expected = np.concatenate([np.arange(OFFSETS[v], OFFSETS[v + 1]) for v in videos])
        assert np.array_equal(batch.rows[:, 0].numpy(), expected)
        assert np.array_equal(batch.targets.numpy(), TARGETS[videos]) and batch.rows.dtype == torch.float32


def test_a_class_of_one_video_makes_couples_only_where_allowed():
    assert any(5 in videos[:6] for videos, _ in drawn())
    assert not any(5 in videos[:6] for videos, _ in drawn(min_videos=2))
    assert any(5 in videos[6:] for videos, _ in drawn(min_videos=2))


def test_without_any_shared_class_all_videos_are_random():
    for videos, batch in drawn(min_videos=2, targets=np.eye(6, dtype=bool), count=5):
        assert batch.pairs == 0 and len(videos) == 10


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


def test_pairs_must_fit_the_batch():
    with pytest.raises(UserError, match="6 pairs need a batch of at least 12, not 10"):
        validated(Training, {"pairs": 6}, "params.yaml")
