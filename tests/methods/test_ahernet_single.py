"""The anchor network alone: what fills its time lines, what it learns, and its network's shapes."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from actionbytes.errors import UserError
from actionbytes.features.store import PackedFeatures
from actionbytes.localization.nms import segment_iou
from actionbytes.methods.ahernet.anchornet import Backbone, Classifiers, Heads, cell_logits, convolution, padded
from actionbytes.methods.ahernet.anchors import anchors
from actionbytes.methods.ahernet.detection import AnchorRules, bounds, localize_anchors
from actionbytes.methods.ahernet_single.network import AhernetSingle
from actionbytes.methods.ahernet_single.parameters import AhernetSingleParameters
from actionbytes.training.batches import Batches
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import MODEL, load_run
from actionbytes.training.sources import training_set

NET = {"stem": (12, 12), "channels": (8, 8, 12, 12, 16)}  # 64 steps
DIM = 8


def quick(**changes):
    return Training(**{"iterations": 6, "lr": 3e-3, "log_every": 3, "weight_decay": 0.0, "batch": 4} | changes)


def videos(count=12, seed=0, timed=True):
    """Videos of 40 to 80 snippets, each with an action of 15 to 35 of them."""
    shown = 2 * np.random.default_rng(9).random((3, DIM))
    rng, rows, segments, kinds = np.random.default_rng(seed), [], [], np.arange(count) % 2
    for kind in kinds:
        length, width = int(rng.integers(40, 80)), int(rng.integers(15, 35))
        start = int(rng.integers(0, length - width))
        x = shown[[2]].repeat(length, 0)
        x[start : start + width] = shown[kind]
        rows.append(np.maximum(x + 0.1 * rng.normal(size=x.shape), 0))
        segments.append(np.array([[start, start + width, kind]], dtype=np.float64))
    lengths = np.array([len(x) for x in rows])
    offsets, names = np.concatenate([[0], np.cumsum(lengths)]), [f"v{i}" for i in range(count)]
    features = PackedFeatures(names, offsets, np.concatenate(rows).astype(np.float32), 0.5, lengths * 0.5)
    return training_set(features, np.eye(2, dtype=bool)[kinds], ("jump", "run"), tuple(segments) if timed else None)


def scene(**parameters):
    model = AhernetSingle(DIM, 2, AhernetSingleParameters(**NET | parameters), torch.Generator().manual_seed(0))
    batches = Batches(model, {"videos": videos()}, quick())
    return model.scene(batches.draw({"videos": np.random.default_rng(0)})[1]["videos"])


@pytest.mark.parametrize(
    ("values", "expected"), [([1, 2, 3, 4], [321, 43]), ([1, 2, 3, 4, 5], [210, 432, 54]), ([7], [70])]
)
def test_padding_worked_by_hand(values, expected):
    """TensorFlow's SAME: kernel 3, stride 2, weights 1, 10, 100."""
    layer = convolution(1, 1, torch.Generator(), 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[1.0, 10.0, 100.0]]]))
        assert padded(layer, torch.tensor([[values]], dtype=torch.float32))[0, 0].tolist() == expected


@pytest.mark.parametrize(
    ("steps", "lengths"), [(512, [128, 64, 32, 16, 8, 4, 2, 1]), (256, [64, 32, 16, 8, 4, 2, 1, 1])]
)
def test_lengths_worked_by_hand(steps, lengths):
    backbone = Backbone(2, (2, 2), [2] * 8, torch.Generator())
    assert [x.shape[2] for x in backbone(torch.rand(1, steps, 2))] == lengths


def test_predictions_lie_like_the_anchors():
    """Each anchor's offset from its own layer's convolution at its own cell, in the anchors' order."""
    heads = Heads((3, 4), torch.Generator().manual_seed(0))
    maps = [torch.rand(1, 3, 2), torch.rand(1, 4, 1)]
    anchored = heads(maps)
    assert anchored.offsets.shape == (1, len(anchors(8, 2)), 2) and anchored.overlap.shape == (1, 9)
    raw = F.conv1d(maps[0], heads.layers[0].weight, heads.layers[0].bias, padding=1)[0]  # (15, 2)
    cell, scale = 1, 2
    assert anchored.offsets[0, 3 * cell + scale].tolist() == raw[5 * scale + 2 : 5 * scale + 4, cell].tolist()


def test_cells_and_moments_share_weights():
    """On a map of one cell the classifier of moments says of the moment what its weights say of the cell."""
    classifiers, maps = Classifiers((3,), 2, torch.Generator().manual_seed(0)), [torch.rand(1, 3, 1)]
    torch.testing.assert_close(cell_logits(maps, classifiers.weights())[0], classifiers(maps)[0])


def test_what_is_to_be_localized():
    _, segments = scene()
    features, whole = scene(truth="whole")
    assert segments.iou.max() < 1 and whole.truth[0, -1].tolist() == [32, 64]
    assert whole.iou[0].max() == pytest.approx(63 / 64)  # anchors end at the last step but one
    lines, inside = scene(truth="inside")
    assert not lines.equal(features)
    for line, truth in zip(lines, inside.truth, strict=True):
        centre, width = truth[-1].tolist()
        filled = line.ne(0).any(1).nonzero()[:, 0]
        assert centre - width / 2 <= filled[0] <= centre - width / 2 + 1
        assert width / 2 + centre - 2 <= filled[-1] <= width / 2 + centre - 1


def test_bounds_are_inside_the_video():
    found = bounds(np.array([[160.0, 236.317785], [10.0, 100.0]]), 512, 256)
    assert found == pytest.approx(np.array([[20.920554, 139.079446], [0, 30]]), abs=2e-6)


P = np.array([[0.7, 0.3], [0.2, 0.8], [0.75, 0.25]])
OVERLAP = np.array([0.5, 0.9, 0.4])
APART = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])


def test_ranking_worked_by_hand():
    found = localize_anchors(APART, OVERLAP, P, AnchorRules())
    assert found.label.tolist() == [1, 0, 0] and found.score == pytest.approx([0.72, 0.35, 0.30])
    found = localize_anchors(APART, OVERLAP, P, AnchorRules(score="video"))
    assert found.label.tolist() == [0, 0, 0] and found.score == pytest.approx([0.495, 0.275, 0.22])


def test_only_segments_of_one_class_compete_or_all_by_overlap():
    same = np.array([[0.0, 1.0]] * 3)
    assert len(localize_anchors(same, OVERLAP, P, AnchorRules()).start) == 2
    found = localize_anchors(same, OVERLAP, P[[1, 0, 0]], AnchorRules(nms_by="overlap"))
    assert found.label.tolist() == [0] and found.score == pytest.approx([0.63])


def test_empty_segments_and_those_without_a_score_are_left_out():
    spans = np.array([[1.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    found = localize_anchors(spans, np.array([0.9, 0.5, 0.0]), P, AnchorRules())
    assert found.start.tolist() == [2.0]
    assert len(localize_anchors(APART, OVERLAP, P, AnchorRules(max_per_video=2)).start) == 2
    with pytest.raises(UserError, match="training diverged"):
        localize_anchors(APART, OVERLAP * np.nan, P, AnchorRules())


@pytest.mark.slow
@pytest.mark.parametrize("adams", ["summed", "separate"])
def test_it_localizes_the_toy(tmp_path, adams):
    settings = AhernetSingleParameters(**NET, adams=adams)
    names = {"summed": {"all"}, "separate": {"proposals", "classes"}}
    assert set(AhernetSingle(DIM, 2, settings, torch.Generator()).optimizers(quick())) == names[adams]
    training = quick(iterations=200, batch=8)
    model, _ = load_run(fit("ahernet_single", settings, training, {"videos": videos(24)}, 0, tmp_path))
    fresh = AhernetSingle(DIM, 2, settings, torch.Generator().manual_seed(0))
    (right, overlap), (_, before) = quality(model), quality(fresh)
    assert right >= 0.75 and overlap > 0.6 > before


def quality(model):
    """Share of videos whose best detection has their class, and mean tIoU with the truth of the best of three."""
    test, right, overlaps = videos(8, seed=3), [], []
    for i in range(8):
        found = model.detect(test.video(i), AnchorRules()).segments
        start, end, label = test.segments[i][0]
        right.append(found.label[0] == label)
        overlaps.append(segment_iou(found.start[:3], found.end[:3], start, end).max())
    return np.mean(right), np.mean(overlaps)


@pytest.mark.parametrize("truth", ["segments", "whole", "inside"])
def test_trained_twice_is_the_same(tmp_path, truth):
    settings = AhernetSingleParameters(**NET, truth=truth)
    models = [
        (fit("ahernet_single", settings, quick(), {"videos": videos()}, seed, tmp_path / name) / MODEL).read_bytes()
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    assert models[0] == models[1] != models[2]


def test_segments_are_needed_unless_videos_are_moments(tmp_path):
    bare = {"videos": videos(timed=False)}
    with pytest.raises(UserError, match="set `supervision: segments`"):
        fit("ahernet_single", AhernetSingleParameters(**NET), quick(), bare, 0, tmp_path / "a")
    for truth in ("whole", "inside"):
        fit("ahernet_single", AhernetSingleParameters(**NET, truth=truth), quick(), bare, 0, tmp_path / truth)
