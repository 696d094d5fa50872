"""UntrimmedNet's detector: the released one's numbers by hand, and each of its settings."""

import numpy as np
import pytest

from actionbytes.errors import UserError
from actionbytes.methods.untrimmednet.detection import (
    FrameScores,
    frame_probabilities,
    localize_frames,
    video_probability,
)

FRAMES = np.mean([[0.1, 0.6, 0.8, 0.2], [0.3, 0.4, 0.6, 0.2]], axis=0)[:, None]  # of two streams, one class
HOP = 15 / 30  # snippets of 15 frames, 30 frames a second


def test_the_released_detector_by_hand():
    """Smoothed .35 .6 .45 .2, threshold .3, three snippets and one more to the right."""
    segments = localize_frames(FRAMES, np.array([0.5]), FrameScores())
    assert [len(x) for x in segments] == [1, 1, 1, 1]
    assert segments.start * HOP == pytest.approx(1 / 30) and segments.end * HOP == pytest.approx(61 / 30)
    assert segments.score == pytest.approx(0.5) and segments.label == 0


@pytest.mark.parametrize(
    ("settings", "start", "end", "score"),
    [
        ({"grow": 0}, 0, 3, 1.4 / 3 + 0.1),
        ({"grow": 9}, 0, 4, 0.5),
        ({"smooth": False, "grow": 0}, 1, 3, 0.6 + 0.1),
        ({"fraction": 0.7, "grow": 0}, 1, 3, 0.525 + 0.1),
        ({"video_weight": 0.0}, 0, 4, 0.4),
    ],
    ids=str,
)
def test_settings(settings, start, end, score):
    segments = localize_frames(FRAMES, np.array([0.5]), FrameScores(offset=0, **settings))
    assert [float(x[0]) for x in segments] == pytest.approx([start, end, 0, score])


def test_classes_below_the_threshold_are_left_out_and_the_rest_ordered():
    frames = np.repeat(FRAMES, 3, axis=1)
    frames[0, 2] = 0.9  # two stretches
    frames[1, 2] = 0.05
    settings = FrameScores(smooth=False, grow=0, fraction=0.6)
    segments = localize_frames(frames, np.array([0.5, 0.1, 0.4]), settings)
    assert segments.label.tolist() == [0, 2, 2] and segments.score[1] > segments.score[2]
    assert not len(localize_frames(frames, np.zeros(3), settings).start)
    assert localize_frames(frames[:1], np.ones(3), settings).end == pytest.approx([1 + 1 / 15] * 3)


def test_attention_weighs_raw_outputs_before_the_softmax():
    logits, attention = np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([3 * np.log(3.0), 0.0])
    logit = np.array([0.75 * 2, 0.25])
    assert video_probability(logits, attention) == pytest.approx(np.exp(logit) / np.exp(logit).sum())


def test_softmax_of_each_stream_then_mean():
    probabilities = frame_probabilities([np.array([[0.5, -1.0]]), np.array([[1.65, 0.3]])])
    assert probabilities[0] == pytest.approx([0.805852, 0.194148], abs=2e-6)


def test_activations_that_are_not_finite_are_an_error():
    with pytest.raises(UserError, match="not finite"):
        localize_frames(np.full((4, 1), np.nan), np.array([0.5]), FrameScores())
