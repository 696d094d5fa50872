"""Label transfer from source to target classes."""

import numpy as np
import pytest
import torch

from actionbytes.errors import UserError
from actionbytes.localization.bytes import proposals
from actionbytes.localization.thresholds import Localization, localize
from actionbytes.localization.transfer import LabelTransfer, Transfer, transfer_cas, transfer_matrix
from actionbytes.methods.base import ActivationMethod, Prediction
from actionbytes.methods.parameters import MethodParameters
from actionbytes.steps.detect import Localizer

SIMILARITY = np.array([[0.6, 0.2, -0.9, 0.2], [-0.1, 0.5, 0.4, 0.1]])


def test_the_most_similar_are_kept_and_scaled():
    assert np.allclose(transfer_matrix(SIMILARITY, LabelTransfer(top_k=2)), [[0.75, 0.25, 0, 0], [0, 5 / 9, 4 / 9, 0]])
    assert np.allclose(transfer_matrix(SIMILARITY, LabelTransfer(top_k=1)), [[1, 0, 0, 0], [0, 1, 0, 0]])


def test_all_classes_negative_ones_included():
    literal = LabelTransfer(top_k=0, clip_negative=False, normalise=False)
    assert np.allclose(transfer_matrix(SIMILARITY, literal), SIMILARITY)
    scaled = transfer_matrix(SIMILARITY, LabelTransfer(top_k=0, clip_negative=False))
    assert np.allclose(np.abs(scaled).sum(1), 1) and scaled[0, 2] < 0
    assert (transfer_matrix(SIMILARITY, LabelTransfer(top_k=0)) >= 0).all()


def test_more_wanted_than_there_are_keeps_all():
    assert np.array_equal(
        transfer_matrix(SIMILARITY, LabelTransfer(top_k=50)), transfer_matrix(SIMILARITY, LabelTransfer(top_k=0))
    )


def test_activations_are_weighted_sums_of_probabilities():
    cas = np.array([[0.0, 0.0, np.log(2.0)], [1000.0, 0.0, 0.0]])
    matrix = np.array([[1.0, 0.0, 1.0], [0.0, 2.0, 0.0]])
    assert np.allclose(transfer_cas(cas, matrix, LabelTransfer()), [[0.75, 0.5], [1.0, 0.0]])
    raw = transfer_cas(cas, matrix, LabelTransfer(softmax=False))
    assert np.allclose(raw, [[np.log(2), 0], [1000, 0]], rtol=1e-6)
    assert raw.dtype == np.float32


@pytest.mark.parametrize(
    ("similarity", "line"),
    [([[0.5, 0.1], [-0.2, -0.3]], "target class number 1"), ([[0.5, np.nan]], "no word vector")],
)
def test_a_target_without_a_source_is_an_error(similarity, line):
    with pytest.raises(UserError, match=line):
        transfer_matrix(np.array(similarity), LabelTransfer())


class Given(ActivationMethod):
    """Predicts what it was given; scores are maxima."""

    def __init__(self, prediction):
        super().__init__(3, 4, MethodParameters(), torch.Generator())
        self.prediction = prediction

    def predict(self, features):
        return self.prediction

    def scores(self, cas, attention):
        return cas.max(0).values


@pytest.mark.parametrize("softmax", [True, False])
def test_proposals_are_scored_by_transferred_probabilities_as_they_are(softmax):
    rng = np.random.default_rng(0)
    cas, latent = rng.normal(0, 3, (40, 4)).astype(np.float32), rng.normal(0, 1, (40, 6)).astype(np.float32)
    parameters, rules = LabelTransfer(softmax=softmax), Localization(proposals=True)
    transfer = Transfer(parameters, transfer_matrix(SIMILARITY, parameters))
    method = Given(Prediction(cas.mean(0), cas, latent))
    video = Localizer(method, 3, ("rgb",), ["a", "b"], rules, transfer)(np.zeros((40, 3)), 1.0, 40.0)
    carried, pieces = video.detected.activations, proposals(latent, rules.cut)
    assert np.array_equal(carried, transfer.activations(cas))
    right, wrong = (localize(carried, rules, pieces, probabilities).score for probabilities in (softmax, not softmax))
    scores = [score for *_, score in video.rows]
    assert np.allclose(scores, right) and not (len(wrong) == len(right) and np.allclose(scores, wrong))


def test_class_scores_are_those_of_the_target_classes():
    cas = np.random.default_rng(0).normal(0, 3, (40, 4)).astype(np.float32)
    transfer = Transfer(LabelTransfer(), transfer_matrix(SIMILARITY, LabelTransfer()))
    detected = Given(Prediction(cas.max(0), cas)).detect(np.zeros((40, 3)), Localization(), transfer)
    assert np.array_equal(detected.scores["fusion"], transfer.activations(cas).max(0))


def test_how_a_video_is_cut_is_part_of_localization():
    rng = np.random.default_rng(0)
    method = Given(Prediction(np.ones(4), rng.normal(0, 3, (40, 4)).astype(np.float32), rng.normal(0, 1, (40, 6))))
    few, many = (Localization(proposals=True, cut={"merges": merges}) for merges in ((1,), (1, 2, 3)))
    found = [method.detect(np.zeros((40, 3)), rules).segments for rules in (few, many)]
    assert len(found[0].start) < len(found[1].start)


def test_proposals_of_a_method_without_a_latent_are_an_error():
    method = Given(Prediction(np.ones(4), np.ones((40, 4), dtype=np.float32)))
    with pytest.raises(UserError, match="this method has none; leave them off"):
        method.detect(np.zeros((40, 3)), Localization(proposals=True))
