"""SRNet: attention and its regularizers against numbers worked by hand, detection, and what a run of it does."""

import numpy as np
import pytest
import torch

from actionbytes.errors import UserError
from actionbytes.features.store import PackedFeatures
from actionbytes.methods.sets import Batch
from actionbytes.methods.srnet.detection import AttendedFrames, StreamScores, localize_attended, scaled, weighted_scores
from actionbytes.methods.srnet.network import Srnet
from actionbytes.methods.srnet.parameters import SrnetParameters
from actionbytes.methods.srnet.stream import Stream, class_loss, smoothness, sparsity
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import MODEL, load_run
from actionbytes.training.sources import training_set

CLASSES = ("jump", "run", "throw")
SMALL = {"attention_hidden": 8, "hidden": 12, "dropout": 0.3}
ATTENTION = [0.107320, 0.041141, 0.646647, 0.204891]


def quick(**changes):
    settings = {"optimizer": "sgd", "momentum": 0.9, "iterations": 12, "lr": 0.02, "log_every": 4, "weight_decay": 0.0}
    return Training(**settings | {"batch": 6} | changes)


def world(count=24, width=6, noise=0.1, streams=("rgb", "flow")):
    """Videos of 9 to 14 frames, the middle third of which shows their class in both streams."""
    rng = np.random.default_rng(0)
    shown, background = 3 * rng.random((3, 2 * width)), rng.random(2 * width)
    kinds, videos = np.arange(count) % 3, []
    for kind in kinds:
        x = np.tile(background, (rng.integers(9, 15), 1))
        third = len(x) // 3
        x[third : 2 * third] = shown[kind]
        videos.append(np.maximum(x + noise * rng.normal(size=x.shape), 0))
    lengths = np.array([len(x) for x in videos])
    rows = np.concatenate(videos).astype(np.float32)
    columns = np.concatenate([np.arange(width) + width * ("rgb", "flow").index(s) for s in streams])
    names, offsets = [f"clip{i}" for i in range(count)], np.concatenate([[0], np.cumsum(lengths)])
    features = PackedFeatures(names, offsets, rows[:, columns], 0.64, lengths * 0.64, streams)
    return training_set(features, np.eye(3, dtype=bool)[kinds], CLASSES)


def run(out, training=None, seed=0, videos=None, **parameters):
    settings = SrnetParameters(**SMALL | parameters)
    videos = videos or world(streams=settings.streams)
    return fit("srnet", settings, training or quick(), {"videos": videos}, seed, out)


def stream(**settings):
    return Stream(2, 2, SrnetParameters(**settings), torch.Generator().manual_seed(0)).double()


def by_hand(**settings):
    network = stream(attention_hidden=2, hidden=3, **settings)
    with torch.no_grad():
        network.look.weight.copy_(torch.tensor([[0.5, -1.0], [1.0, 0.25]]))
        network.weigh.weight.copy_(torch.tensor([[2.0, -1.0]]))
    return network, torch.tensor([[1.0, 0.5], [0.0, 1.0], [2.0, -1.0], [-1.0, 0.0]], dtype=torch.float64)


def test_attention_worked_by_hand():
    network, rows = by_hand()
    videos = network(rows, [4])
    assert videos.attention[0][0].tolist() == pytest.approx(ATTENTION, abs=2e-6)
    assert videos.attended[0].tolist() == pytest.approx([1.195722, -0.551845], abs=2e-6)
    assert sparsity(videos.attention[0]).item() == pytest.approx(1)


def test_each_video_is_attended_by_itself():
    network, rows = by_hand()
    both = network(torch.cat([rows, rows[:2]]), [4, 2])
    assert both.attended[0].tolist() == pytest.approx(network(rows, [4]).attended[0].tolist())
    assert both.attended[1].tolist() == pytest.approx(network(rows[:2], [2]).attended[0].tolist())


def test_without_attention_a_video_is_its_mean():
    network, rows = by_hand(attention="none")
    assert network(rows, [4]).attended[0].tolist() == pytest.approx(rows.mean(0).tolist())


def test_sigmoid_attention_averages_and_its_norm_has_a_gradient():
    network, rows = by_hand(attention="sigmoid")
    videos = network(rows, [4])
    weights = videos.attention[0]
    assert videos.attended[0].tolist() == pytest.approx((weights @ rows / 4)[0].tolist())
    sparsity(weights).backward()
    assert network.weigh.weight.grad.ne(0).all()


def test_several_sets_of_weights_are_averaged_and_regularized_together():
    network = stream(attention_rows=3)
    rows = torch.rand(5, 2, dtype=torch.float64)
    videos = network(rows, [5])
    weights = videos.attention[0]
    assert weights.shape == (3, 5) and sparsity(weights).item() == pytest.approx(3)
    assert videos.attended[0].tolist() == pytest.approx((weights.mean(0) @ rows).tolist())
    assert smoothness(weights).item() == pytest.approx(sum(smoothness(x[None]).item() for x in weights))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [(ATTENTION, 0.566164), ([0.1, 0.4, 0.3, 0.2], 0.11), ([0.25] * 4, 0), ([1.0], 0)],
)
def test_smoothness_worked_by_hand(weights, expected):
    assert smoothness(torch.tensor([weights])).item() == pytest.approx(expected, abs=2e-6)


def test_class_losses_worked_by_hand():
    logits, labels = torch.tensor([[1.0, 0.5, -1.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    assert class_loss(logits, labels, "softmax").item() == pytest.approx(0.804957, abs=2e-6)
    assert class_loss(logits, labels, "sigmoid").item() == pytest.approx(0.366867, abs=2e-6)


def classifier(activation):
    method = Srnet(2, 2, SrnetParameters(streams=("rgb",), hidden=3, fc_activation=activation), torch.Generator())
    network = method.networks["rgb"]
    with torch.no_grad():
        network.fc1.weight.copy_(torch.tensor([[1.0, 0.5], [0.0, -1.0], [2.0, 1.0]]))
        network.fc2.weight.copy_(torch.tensor([[1.0, 0.0, 0.5], [0.5, 1.0, 0.0]]))
    return method, network


def test_the_composite_classifier_worked_by_hand():
    method, network = classifier("none")
    frame = torch.tensor([[0.3, -0.4]])
    assert network.composite().tolist() == [[2, 1], [0.5, -0.75]]
    frames = method.frame_scores(network, frame, "weights")
    assert frames[0].tolist() == pytest.approx([0.549834, 0.610639], abs=2e-6)
    weighted = weighted_scores([StreamScores(np.array([0.25]), frames.detach().numpy(), 1.0)])
    assert weighted[0] == pytest.approx([0.137459, 0.152660], abs=2e-6)
    assert method.frame_scores(network, frame, "head")[0].tolist() == pytest.approx([0.549834, 0.610639], abs=2e-6)
    softmax = method.frame_scores(network, frame, "softmax")[0]
    assert softmax.sum().item() == pytest.approx(1) and softmax[1] > softmax[0]


def test_equation_10_needs_layers_that_compose():
    method, network = classifier("relu")
    with pytest.raises(UserError, match="take frame_score head or softmax"):
        method.frame_scores(network, torch.zeros(1, 2), "weights")
    assert method.frame_scores(network, torch.tensor([[0.3, -0.4]]), "head").shape == (1, 2)


RGB = np.array([0.02, 0.10, 0.30, 0.26, 0.04, 0.28])
FLOW = np.array([0.0, 0.12, 0.20, 0.30, 0.02, 0.36])


def both(theta):
    return [StreamScores(x, np.ones((6, 1)), share) for x, share in ((RGB, theta), (FLOW, 1 - theta))]


def segments(theta=0.5, probability=1.0, **rules):
    found, _ = localize_attended(both(theta), np.array([probability]), AttendedFrames(**rules))
    return list(zip(found.start.tolist(), found.end.tolist(), strict=True)), found.score


def test_detection_worked_by_hand():
    fused = weighted_scores(both(0.5))
    assert fused[:, 0] == pytest.approx([0.01, 0.11, 0.25, 0.28, 0.03, 0.32])
    expected = [0, 0.322581, 0.774194, 0.870968, 0.064516, 1]
    assert scaled(fused, "minmax")[:, 0] == pytest.approx(expected, abs=2e-6)
    assert segments(score_norm="none")[0] == [(2, 4), (5, 6)]
    runs, score = segments()
    assert runs == [(1, 4), (5, 6)]
    assert score == pytest.approx([np.mean(expected[1:4]), 1])
    assert segments(score_norm="length")[0] == [(1, 4), (5, 6)]


def test_theta_is_the_share_of_rgb():
    assert weighted_scores(both(1.0))[:, 0] == pytest.approx(RGB)
    assert weighted_scores(both(0.0))[:, 0] == pytest.approx(FLOW)


def test_a_class_that_the_video_does_not_show_is_not_detected():
    assert segments(probability=0.1)[0] == [] and segments(probability=0.11)[1].max() == pytest.approx(0.11)


def test_scores_that_are_not_finite_are_an_error():
    with pytest.raises(UserError, match="training diverged"):
        localize_attended([StreamScores(np.array([np.nan]), np.ones((1, 1)), 1.0)], np.ones(1), AttendedFrames())


def test_each_stream_is_bit_for_bit_a_run_on_that_stream_alone(tmp_path):
    together = load_run(run(tmp_path / "both"))[0].state_dict()
    for name in ("rgb", "flow"):
        alone = load_run(run(tmp_path / name, streams=(name,)))[0].state_dict()
        assert alone and all(x.equal(together[key]) for key, x in alone.items())


def test_flow_has_a_learning_rate_of_its_own():
    method = Srnet(4, 2, SrnetParameters(**SMALL), torch.Generator())
    rates = {name: x.param_groups[0]["lr"] for name, x in method.optimizers(quick(lr=1e-4)).items()}
    assert rates == {"rgb": 1e-4, "flow": pytest.approx(5e-4)}


def test_dropout_is_in_training_alone_and_repeats():
    method = Srnet(12, 3, SrnetParameters(**SMALL), torch.Generator().manual_seed(0))
    videos = world()
    offsets, labels = np.array([0, 9]), torch.tensor([[1.0, 0, 0]])

    def loss(seed):
        rows = torch.from_numpy(videos.rows[:9])
        batch = Batch(rows, offsets, labels, labels, np.array([-1]), None, np.random.default_rng(seed))
        return method.loss(batch)["total"].item()

    assert loss(1) == loss(1) != loss(2)
    first, second = (method.detect(videos.video(0), AttendedFrames()) for _ in range(2))
    assert (first.scores["fusion"] == second.scores["fusion"]).all()


@pytest.mark.parametrize("attention", ["softmax", "sigmoid", "none"])
@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_it_learns_the_toy(tmp_path, attention, loss):
    videos = world()
    training = quick(iterations=150)
    method, _ = load_run(run(tmp_path, training, videos=videos, attention=attention, class_loss=loss))
    right, inside = 0, []
    for i, label in enumerate(videos.labels.argmax(1)):
        detected = method.detect(videos.video(i), AttendedFrames())
        assert set(detected.scores) == {"fusion", "rgb", "flow"}
        right += detected.scores["fusion"].argmax() == label
        third = len(videos.video(i)) // 3
        inside.append(detected.curves["attention"][third : 2 * third].sum() / detected.curves["attention"].sum())
    assert right >= 0.9 * len(videos.labels)
    if attention == "softmax":
        assert np.mean(inside) > 0.5  # a third of the frames


def test_fusion_of_equal_streams_is_either_of_them():
    method = Srnet(12, 3, SrnetParameters(**SMALL), torch.Generator())
    other = Srnet(12, 3, SrnetParameters(**SMALL, fusion="probabilities"), torch.Generator())
    logits = [torch.tensor([1.0, 0.0, -1.0]), torch.tensor([0.0, 2.0, 0.0])]
    for one in (method, other):
        torch.testing.assert_close(one.fused([logits[0]] * 2), logits[0].softmax(0))
    assert not method.fused(logits).allclose(other.fused(logits))
    assert other.fused(logits).allclose(torch.stack([x.softmax(0) for x in logits]).mean(0))


def test_trained_twice_is_the_same(tmp_path):
    assert (run(tmp_path / "a") / MODEL).read_bytes() == (run(tmp_path / "b") / MODEL).read_bytes()
    assert (run(tmp_path / "a") / MODEL).read_bytes() != (run(tmp_path / "c", seed=1) / MODEL).read_bytes()
