"""STPN: loss and gradients against a plain loop, streams that do not touch each other, a toy that is learned."""

import numpy as np
import pytest
import torch

from actionbytes.errors import UserError
from actionbytes.features.store import PackedFeatures
from actionbytes.localization.nms import segment_iou
from actionbytes.methods.registry import method_class
from actionbytes.methods.sets import Batch
from actionbytes.methods.stpn.detection import TCam
from actionbytes.methods.stpn.parameters import StpnParameters as Stpn
from actionbytes.parameters import validated
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import LOG, MODEL, load_run
from actionbytes.training.sources import training_set

DIM = 12
QUICK = Training(**{**Stpn.schedule, "iterations": 20, "lr": 1e-2})


def batch(streams=2, segments=7, videos=4):
    rows = torch.rand(videos * segments, DIM * streams, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, 1], [1, 0, 0]])[:videos]
    alone = np.full(videos, -1)
    return Batch(rows, np.arange(videos + 1) * segments, labels, labels, alone, None, np.random.default_rng(0))


def built(**settings):
    given = Stpn(segments=7, hidden=5, **settings)
    return method_class("stpn")(DIM * len(given.streams), 3, given, torch.Generator().manual_seed(1))


def plain_loss(network, rows, labels, segments, settings):
    """One stream, one segment and one class at a time."""
    total = 0.0
    for i, wanted in enumerate(labels):
        video, norm = rows[i * segments : (i + 1) * segments], 0.0
        pooled = torch.zeros(DIM)
        for x in video:
            inner = torch.clamp(network.hidden.weight @ x + network.hidden.bias, min=0)
            weight = 1 / (1 + torch.exp(-(network.attend.weight[0] @ inner + network.attend.bias[0])))
            weight = weight if settings.attention else torch.ones(())
            pooled = pooled + weight * x / (segments if settings.pool == "mean" else 1)
            norm = norm + weight.abs()
        for c, y in enumerate(wanted):
            p = torch.sigmoid(network.classifier.weight[c] @ pooled + network.classifier.bias[c])
            total = total - (y * p.log() + (1 - y) * (1 - p).log()) / wanted.numel() / len(labels)
        if settings.attention:
            total = total + settings.beta * norm / len(labels)
    return total


@pytest.mark.parametrize(
    "settings",
    [{}, {"pool": "sum"}, {"beta": 0.1}, {"attention": False}, {"streams": ("flow",), "beta": 0.5}],
    ids=str,
)
def test_loss_and_gradients_equal_plain_code(settings):
    method = built(**settings)
    given = batch(len(method.settings.streams))
    ours = method.loss(given)["total"]
    plain = sum(
        plain_loss(network, given.rows[:, i * DIM : (i + 1) * DIM], given.labels, 7, method.settings)
        for i, network in enumerate(method.networks.values())
    )
    assert ours.item() == pytest.approx(plain.item(), abs=1e-5)
    parameters = list(method.parameters())
    for mine, theirs in zip(
        torch.autograd.grad(ours, parameters, materialize_grads=True, allow_unused=True),
        torch.autograd.grad(plain, parameters, materialize_grads=True, allow_unused=True),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_a_stream_that_is_named_twice_or_unknown_is_an_error():
    for streams in (["rgb", "rgb"], [], ["audio"]):
        with pytest.raises(UserError, match="streams"):
            validated(Stpn, {"streams": streams}, "--set")
    assert Stpn(streams=("flow", "rgb")).streams == ("rgb", "flow")


def world(count=48, classes=8):
    """Videos of 8 to 20 snippets, noise; the middle third shows their class on top, each stream in its own way."""
    rng = np.random.default_rng(0)
    shown = 4 * rng.random((classes, 2 * DIM)) * (rng.random((classes, 2 * DIM)) < 0.5)
    kinds, videos = np.arange(count) % classes, []
    for kind in kinds:
        x = rng.random((int(rng.integers(8, 21)), 2 * DIM))
        third = len(x) // 3
        x[third : 2 * third] += shown[kind]
        videos.append(x)
    lengths = np.array([len(x) for x in videos])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.concatenate(videos).astype(np.float16)
    names = [f"v{i}" for i in range(count)]
    return PackedFeatures(names, offsets, rows, 0.64, lengths * 0.64), np.eye(classes, dtype=bool)[kinds]


def one_stream(features, stream):
    part = features.rows[:, :DIM] if stream == "rgb" else features.rows[:, DIM:]
    return PackedFeatures(features.names, features.offsets, part, 0.64, features.durations, (stream,))


def run(out, features, labels, training=QUICK, seed=0, **settings):
    sets = {"videos": training_set(features, labels, list("abcdefgh"))}
    return fit("stpn", Stpn(**{"segments": 16, **settings}), training, sets, seed, out)


def test_trained_twice_is_equal_and_each_stream_is_as_if_trained_alone(tmp_path):
    features, labels = world()
    both = run(tmp_path / "both", features, labels)
    again = run(tmp_path / "again", features, labels)
    assert (both / MODEL).read_bytes() == (again / MODEL).read_bytes()
    assert (both / LOG).read_bytes() == (again / LOG).read_bytes()
    other = run(tmp_path / "other", features, labels, seed=1)
    assert (both / MODEL).read_bytes() != (other / MODEL).read_bytes()
    whole = load_run(both)[0].state_dict()
    for stream in ("rgb", "flow"):
        alone = run(tmp_path / stream, one_stream(features, stream), labels, streams=(stream,))
        weights = load_run(alone)[0].state_dict()
        assert len(weights) == 6
        assert all(torch.equal(x, whole[name]) for name, x in weights.items())


def found_videos(method, features, labels):
    """In how many videos the best segment is of the right class and has tIoU > 0.5 with the middle third."""
    hits = 0
    for i, wanted in enumerate(labels):
        found = method.detect(features.video(i), TCam(threshold=0.1)).segments
        third = len(features.video(i)) // 3
        best = [x[found.score.argmax()] for x in found]
        hits += wanted[best[2]] and segment_iou(best[0], best[1], third, 2 * third) > 0.5
    return int(hits)


def test_it_learns_where_classes_are_and_attention_helps(tmp_path):
    features, labels = world()
    training, hits = QUICK.model_copy(update={"iterations": 300}), []
    for attention in (True, False):
        out = run(tmp_path / str(attention), features, labels, training, attention=attention, beta=1e-3)
        hits.append(found_videos(load_run(out)[0], features, labels))
    assert hits[0] > 0.8 * len(labels) and hits[1] < 0.6 * len(labels)


def test_sparsity_lowers_attention(tmp_path):
    features, labels = world()
    means = []
    for beta in (0.0, 0.02):
        training = QUICK.model_copy(update={"iterations": 200})
        method, _ = load_run(run(tmp_path / str(beta), features, labels, training, beta=beta))
        means.append(np.mean([method.predict(features.video(i)).attention.mean() for i in range(len(labels))]))
    assert means[1] < 0.8 * means[0]


def test_prediction_is_of_every_snippet_and_of_the_segments():
    method = built()
    prediction = method.predict(np.random.default_rng(0).random((30, 2 * DIM)))
    assert prediction.cas.shape == (30, 3) and prediction.attention.shape == (30,)
    assert [s.cas.shape for s in prediction.streams.values()] == [(7, 3)] * 2
    assert [s.attention.shape for s in prediction.streams.values()] == [(7,)] * 2
    picked = np.arange(7) * 30 // 7
    assert np.allclose(np.mean([s.attention for s in prediction.streams.values()], 0), prediction.attention[picked])
    assert method.predict(np.ones((1, 2 * DIM))).cas.shape == (1, 3)


def test_class_scores_are_of_each_stream_and_of_all():
    features = np.random.default_rng(0).random((30, 2 * DIM))
    detected, prediction = built().detect(features, TCam()), built().predict(features)
    assert list(detected.scores) == ["fusion", "rgb", "flow"]
    assert np.allclose(detected.scores["fusion"], (detected.scores["rgb"] + detected.scores["flow"]) / 2)
    assert np.array_equal(detected.scores["flow"], prediction.streams["flow"].scores)
    assert np.array_equal(detected.curves["attention"], prediction.attention)
    assert list(built(streams=("flow",)).detect(features[:, :DIM], TCam()).scores) == ["fusion", "flow"]


def test_it_sees_its_own_streams_and_detects_its_own_classes():
    assert Stpn(streams=("flow",)).streams_of(("rgb", "flow")) == ("flow",)
    with pytest.raises(UserError, match="detects the classes that it has learned"):
        Stpn.check_transfer("run")
