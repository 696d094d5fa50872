"""STPN's localization: proposals and equation 7 by hand, and what public code gets wrong."""

import numpy as np
import pytest

from actionbytes.errors import UserError
from actionbytes.methods.stpn.detection import (
    StreamActivations,
    TCam,
    interpolated,
    localize_tcam,
    stratified_segments,
    tcam_proposals,
    uniform_segments,
)

PLAIN = TCam(scale=1, threshold=0.3, nms=1.0)


def one(tcam, attention, probability=(0.9,), share=1.0):
    return StreamActivations(np.array(tcam, float), np.array(attention), np.array(probability), share)


def rows(segments):
    return list(zip(segments.start.tolist(), segments.end.tolist(), segments.label.tolist(), strict=True))


def test_two_streams_by_hand():
    """RGB proposes segments 0 and 1, flow 1 and 2; each score averages the proposer's attention times the mixture."""
    rgb = one([[2.0], [4.0], [-3.0], [0.0]], [0.5, 1.0, 1.0, 0.5], share=0.25)
    flow = one([[-4.0], [0.0], [6.0], [1.0]], [1.0, 0.8, 0.4, 0.1], share=0.75)
    # rgb: 0.5 sigma(2) = 0.44, sigma(4) = 0.98, sigma(-3) = 0.05, 0.5 * 0.5 = 0.25
    # flow: sigma(-4) = 0.02, 0.8 * 0.5 = 0.4, 0.4 sigma(6) = 0.399, 0.1 sigma(1) = 0.07
    mixture = [0.25 * 2 - 0.75 * 4, 0.25 * 4, -0.25 * 3 + 0.75 * 6]  # -2.5, 1, 3.75
    by_rgb = (0.5 * mixture[0] + 1.0 * mixture[1]) / 2  # -0.125
    by_flow = (0.8 * mixture[1] + 0.4 * mixture[2]) / 2  # 1.15
    found = localize_tcam([rgb, flow], 8, PLAIN)  # 8 snippets, 4 segments: two snippets each
    assert rows(found) == [(2.0, 6.0, 0), (0.0, 4.0, 0)]
    assert found.score.tolist() == pytest.approx([by_flow, by_rgb])


def test_interpolation_moves_the_ends_by_hand():
    """From 0 to 1 in four steps: 0, 0.25, 0.5, 0.75, 1, held at the end."""
    assert interpolated(np.array([[0.0], [1.0]]), 4)[:, 0].tolist() == [0, 0.25, 0.5, 0.75, 1, 1, 1, 1]
    assert [x.tolist() for x in tcam_proposals(np.array([[0.0], [1.0], [0.0]]), 0.5, 4)] == [[2], [7], [0]]
    high = one([[30.0], [30.0], [30.0]], [0.0, 1.0, 0.0])  # attention alone shapes it
    found = localize_tcam([high], 3, TCam(scale=4, threshold=0.49))
    assert rows(found) == [(0.5, 1.75, 0)]
    assert found.score.tolist() == pytest.approx([30 * (0.5 + 0.75 + 1 + 0.75 + 0.5) / 5])


def test_class_zero_alone_is_detected():
    found = localize_tcam([one([[9.0, -9.0]] * 4, [0, 1, 1, 0], (0.8, 0.01))], 4, PLAIN)
    assert rows(found) == [(1, 3, 0)]


@pytest.mark.parametrize("scale", [1, 24])
def test_a_run_of_index_zero_is_detected(scale):
    attention = [1.0, 0.0, 0.0, 0.0]
    found = localize_tcam([one([[9.0]] * 4, attention)], 4, TCam(scale=scale))
    assert len(found.start) == 1 and found.start[0] == 0 and 0.9 < found.end[0] <= 1


def test_each_stream_keeps_its_own_classes_and_suppression_is_by_class_across_streams():
    same = [[9.0, 9.0]] * 4
    rgb = one(same, [0, 1, 1, 0], (0.8, 0.05), 0.5)
    flow = one(same, [0, 1, 1, 1], (0.8, 0.8), 0.5)
    everything = localize_tcam([rgb, flow], 4, PLAIN)
    assert rows(everything) == [(1, 3, 0), (1, 4, 0), (1, 4, 1)]  # equal scores: the shorter first
    kept = localize_tcam([rgb, flow], 4, PLAIN.model_copy(update={"nms": 0.5}))
    assert rows(kept) == [(1, 3, 0), (1, 4, 1)]  # tIoU 2 / 3 falls
    assert rows(localize_tcam([rgb, flow], 4, PLAIN.model_copy(update={"max_per_class": 1}))) == rows(kept)


def test_a_video_without_a_class_or_proposal_is_empty():
    assert rows(localize_tcam([one([[9.0]] * 4, [1.0] * 4, (0.1,))], 4, PLAIN)) == []
    assert rows(localize_tcam([one([[9.0]] * 4, [0.0] * 4)], 4, PLAIN)) == []


def test_values_that_are_not_finite_are_an_error():
    with pytest.raises(UserError, match="not finite"):
        localize_tcam([one([[np.nan]] * 4, [1.0] * 4)], 4, PLAIN)


def test_uniform_segments_repeat_or_skip():
    assert uniform_segments(2, 5).tolist() == [0, 0, 0, 1, 1]
    assert uniform_segments(10, 4).tolist() == [0, 2, 5, 7]
    assert uniform_segments(1, 3).tolist() == [0, 0, 0]


def test_stratified_segments_stay_in_their_parts():
    rng = np.random.default_rng(0)
    drawn = np.array([stratified_segments(40, 8, rng) for _ in range(400)])  # five snippets a part
    assert (drawn // 5 == np.arange(8)).all()
    assert all(len(set(column)) == 5 for column in drawn.T)
    assert set(stratified_segments(3, 400, rng).tolist()) == {0, 1, 2}
    share = np.mean([stratified_segments(2, 1, rng)[0] for _ in range(4000)])
    assert share == pytest.approx(0.5, abs=0.05)
