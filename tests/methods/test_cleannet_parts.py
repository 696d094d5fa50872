"""CleanNet's head, generator and selection: numbers by hand, and each setting."""

import numpy as np
import pytest
import torch
from torch import nn

from actionbytes.errors import UserError
from actionbytes.methods.cleannet.detection import ScoredProposals, joined, looked_for, select
from actionbytes.methods.cleannet.generator import Generator, regressed, sampled_snippets
from actionbytes.methods.cleannet.head import Head, classification_loss, log_probabilities, predictions, video_scores
from actionbytes.methods.cleannet.parameters import CleanNetParameters
from actionbytes.parameters import validated

CLOSE = {"abs": 2e-6, "rel": 0}


def layer(weight, bias):
    linear = nn.Linear(len(weight[0]), len(weight))
    linear.weight.data, linear.bias.data = torch.tensor(weight), torch.tensor(bias)
    return linear


def started_head():
    head = Head(4, 2, 2)
    classify = [layer([[0.2, -0.1], [0.0, 0.4]], [0.1, -0.2]), layer([[0.3, 0.5], [-0.6, 0.1]], [0.0, 0.3])]
    head.start_from(classify, [layer([[0.5, 1.0]], [0.3]), layer([[-1.0, 0.2]], [-0.1])])
    return head


def test_the_head_starts_as_the_mean_of_its_streams():
    logits, attention = started_head()(torch.tensor([[1.0, -2.0, 0.5, 3.0]]))
    assert logits[0].flatten().tolist() == pytest.approx([0.5, -1, 1.65, 0.3], **CLOSE)
    assert attention.item() == pytest.approx(-0.6, **CLOSE)
    assert predictions(logits, "linear")[0].tolist() == pytest.approx([1.075, -0.35], **CLOSE)
    assert predictions(logits)[0].tolist() == pytest.approx([0.805852, 0.194148], **CLOSE)
    assert predictions(logits, "linear").softmax(1)[0].tolist() == pytest.approx([0.806121, 0.193879], **CLOSE)
    assert predictions(logits, "sigmoid")[0, 0].item() == pytest.approx(
        (1 / (1 + np.exp(-0.5)) + 1 / (1 + np.exp(-1.65))) / 2
    )


def test_video_scores_by_hand():
    psi = torch.tensor([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]])
    logits, attention, labels = psi.log()[:, None], torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0, 0.0])
    x = video_scores(logits, attention)
    assert x.tolist() == pytest.approx([0.565529, 0.280682, 0.153788], **CLOSE)
    assert classification_loss(log_probabilities(x), labels).item() == pytest.approx(0.920262, **CLOSE)
    first = video_scores(logits[:1], attention[:1])
    assert classification_loss(log_probabilities(first), labels).item() == pytest.approx(0.983056, **CLOSE)
    assert video_scores(logits, attention, rule="product").tolist() == pytest.approx([0.7, 0.2, 0.1], **CLOSE)
    for psi_rule, rule in (("softmax", "product"), ("softmax", "detector"), ("linear", "attention")):
        x = video_scores(logits, attention, psi_rule, rule)
        assert log_probabilities(x, psi_rule, rule).exp().sum().item() == pytest.approx(1)
    weight = 1 / (1 + np.exp(-1 / 3))
    by_hand = weight * logits[0, 0] + (1 - weight) * logits[1, 0]
    assert torch.allclose(video_scores(logits, attention, rule="detector"), by_hand)


def test_regression_by_hand():
    start, end = regressed(*(torch.tensor(x, dtype=torch.float64) for x in (10.5, 8, 0.25, np.log(0.5))))
    assert (start.item(), end.item()) == pytest.approx((10.5, 14.5))
    start, end = regressed(*map(torch.tensor, (10.5, 8.0, 0.0, -9.0)), 2)
    assert (end - start).item() == pytest.approx(8 * np.exp(-2))


def test_sampling_by_hand():
    assert sampled_snippets(np.array([10.5]), 8, 4, 100).tolist() == [[7, 9, 11, 13]]
    assert sampled_snippets(np.array([10.5]), 1, 8, 100).tolist() == [[10] * 8]
    assert sampled_snippets(np.array([0.5, 9.5]), 8, 4, 10).tolist() == [[0, 0, 1, 3], [6, 8, 9, 9]]
    rng = np.random.default_rng(0)
    drawn = np.concatenate([sampled_snippets(np.array([10.5]), 8, 4, 100, rng) for _ in range(200)])
    first = np.array([6.5, 8.5, 10.5, 12.5])
    assert (drawn >= np.floor(first)).all() and (drawn <= np.floor(first + 2)).all()
    assert len(np.unique(drawn[:, 0])) == 3  # a part of 2 snippets from 6.5 touches 6, 7 and 8


def generator(**settings):
    given = CleanNetParameters(channels=8, anchors=(1, 4), **settings)
    return Generator(6, given, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "settings", [{}, {"shared_regression": True}, {"tsn_sampling": False}, {"anchor_centre": "start"}], ids=str
)
def test_the_generator_regresses_each_anchor_from_its_samples(settings):
    network = generator(parts=3, regression_std=0.3, **settings)
    rows, snippets, given = torch.rand(9, 6), np.array([0, 4, 8]), network.settings
    start, end = (x.detach().numpy() for x in network(rows, snippets, None))
    features = network.trunk(rows).detach().numpy()
    for i, t in enumerate(snippets):
        for a, size in enumerate(given.anchors):
            centre = t + (0.5 if given.anchor_centre == "middle" else 0)
            places = [centre + size * ((k + 0.5) / 3 - 0.5) for k in range(3)]
            seen = [int(np.clip(np.floor(x), 0, 8)) for x in places] if given.tsn_sampling else [t]
            head = 0 if given.shared_regression else a
            shift, stretch = np.concatenate(features[seen]) @ network.weight[head].detach().numpy()
            width = size * np.exp(np.clip(stretch, -2, 2))
            middle = centre + size * shift
            assert (start[i, a], end[i, a]) == pytest.approx((middle - width / 2, middle + width / 2), abs=1e-5)
    anchors = network.anchors(snippets)
    assert (anchors[1] - anchors[0]).tolist() == [[1, 4]] * 3


def test_a_video_of_one_snippet_is_normalized_by_running_statistics():
    network = generator().train()
    before = [norm.running_mean.clone() for norm in network.norms]
    assert network(torch.rand(1, 6), np.array([0]), None)[0].isfinite().all()
    assert all(torch.equal(a, norm.running_mean) for a, norm in zip(before, network.norms, strict=True))
    network(torch.rand(5, 6), np.array([0]), None)
    assert not torch.equal(before[0], network.norms[0].running_mean)


def test_classes_that_are_looked_for():
    scores = np.array([0.05, 0.3, 0.2, 0.08])
    assert looked_for(scores, ScoredProposals()).tolist() == [1, 2]
    assert looked_for(scores / 10, ScoredProposals()).tolist() == [1]
    assert not len(looked_for(scores / 10, ScoredProposals(least_classes=0)))
    assert looked_for(scores, ScoredProposals(class_threshold=1, least_classes=3)).tolist() == [1, 2, 3]


START, END = np.array([[2.0, 1.0], [2.5, 8.0], [-3.0, 20.0]]), np.array([[6.0, 3.0], [6.0, 12.0], [1.0, 25.0]])
SCORE = np.array([[0.9, 0.4], [0.8, 0.7], [0.3, 0.6]])


@pytest.mark.parametrize(
    ("settings", "starts"),
    [
        ({}, [2]),  # the last snippet's best lies outside the video, 2.5 to 6 is suppressed
        ({"nms": 0.9}, [2, 2.5]),
        ({"select": "all"}, [2, 8, 1, 0]),
        ({"select": "all", "least_score": 0.5}, [2, 8]),
    ],
    ids=str,
)
def test_what_is_selected_of_the_scored_proposals(settings, starts):
    segments = select(START, END, SCORE, 3, 0.5, 10, ScoredProposals(**settings))
    assert segments.start.tolist() == starts and set(segments.label) == {3} and segments.end.max() <= 10
    assert segments.score[0] == 0.9
    weighted = select(START, END, SCORE, 3, 0.5, 10, ScoredProposals(video_weight=0.2, **settings))
    assert np.allclose(weighted.score, segments.score + 0.1)


def test_segments_of_several_classes_are_ordered_and_none_is_fine():
    parts = [select(START, END, SCORE, label, 0.5, 10, ScoredProposals(select="all")) for label in (2, 0)]
    assert joined(parts).label.tolist() == [0] * 4 + [2] * 4
    assert not len(joined([]).start)
    assert not len(select(START[:0], END[:0], SCORE[:0], 1, 0.5, 10, ScoredProposals()).start)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"actioness": False, "edges": False}, "needs a score"),
        ({"evaluator": "outer_inner", "edges": False}, "outer_inner needs both"),
        ({"train_generator": False}, "tsn_sampling is a way"),
        ({"detach": False, "joint": False}, "frozen"),
        ({"window": 6}, "odd"),
        ({"anchors": [0, 2]}, "at least one snippet"),
        ({"attention_level": 140}, "percentile"),
        ({"streams": ["rgb", "rgb"]}, "twice"),
    ],
    ids=str,
)
def test_settings_that_contradict_each_other_are_an_error(values, message):
    with pytest.raises(UserError, match=message):
        validated(CleanNetParameters, values, "--set")
