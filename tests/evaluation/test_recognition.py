"""Classification: mAP by hand and against scikit-learn, top-1 accuracy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from actionbytes.evaluation.recognition import average_precisions, mean_average_precision, top1_accuracy


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_equal_to_scikit_learn_where_scores_differ(seed, n, classes):
    rng = np.random.default_rng(seed)
    scores = rng.permutation(n * classes).reshape(n, classes) / 10
    labels = rng.random((n, classes)) < 0.4
    labels[0] = True
    expected = [average_precision_score(labels[:, c], scores[:, c]) for c in range(classes)]
    assert np.allclose(average_precisions(scores, labels), expected, rtol=0, atol=1e-12)
    assert mean_average_precision(scores, labels) == pytest.approx(100 * np.mean(expected))


def test_by_hand():
    """Positives at ranks 1 and 3: (1 + 2/3) / 2. Equal scores keep their order. No positive, no AP."""
    scores = np.array([[3.0, 1.0, 0.0], [2.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    labels = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]])
    ap = average_precisions(scores, labels)
    assert ap[0] == pytest.approx(5 / 6) and ap[1] == pytest.approx(1 / 2) and np.isnan(ap[2])
    assert mean_average_precision(scores, labels) == pytest.approx(100 * 2 / 3)


def test_top1_by_hand():
    scores = np.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1], [0.1, 0.9]])
    assert top1_accuracy(scores, np.array([1, 1, 0, 0])) == 50
    assert top1_accuracy(scores, np.array([[1, 1], [1, 0], [0, 1], [0, 1]])) == 75


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (np.zeros((2, 2)), np.zeros((2, 3)), "both be"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "not empty"),
        (np.full((1, 1), np.nan), np.ones((1, 1)), "finite"),
        (np.zeros((1, 1)), np.full((1, 1), 2), "0 or 1"),
        (np.zeros((1, 1)), np.zeros((1, 1)), "no class has a positive"),
    ],
)
def test_what_does_not_fit_is_said(scores, labels, message):
    with pytest.raises(ValueError, match=message):
        mean_average_precision(scores, labels)
