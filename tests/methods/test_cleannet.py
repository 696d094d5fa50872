"""CleanNet: losses against a plain loop, the switches of its Table 2, a toy on which proposals come to fit."""

import numpy as np
import pytest
import torch

from actionbytes.errors import UserError
from actionbytes.localization.nms import nms
from actionbytes.methods.cleannet.contrast import contrast_score, edgeness, outer_inner_score
from actionbytes.methods.cleannet.detection import ScoredProposals
from actionbytes.methods.cleannet.generator import regressed, sampled_snippets
from actionbytes.methods.cleannet.network import covered_snippets, whole_bounds
from actionbytes.methods.cleannet.parameters import CleanNetParameters
from actionbytes.methods.parameters import Optimization
from actionbytes.methods.registry import method_class
from actionbytes.methods.untrimmednet.parameters import UntrimmedNetParameters
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import CONFIG, LOG, MODEL, load_run
from actionbytes.training.sources import training_set

SMALL = {"channels": 8, "anchors": (2, 4, 8), "parts": 4}
QUICK = Training(**{**CleanNetParameters.schedule, "iterations": 20, "lr": 0.01, "lr_steps": [15]})
LOOSE = {"psi_threshold": 0.3, "positive": -0.8, "attention_level": 30.0}
ROWS = {  # of Table 2, without the UntrimmedNet baseline
    "plain": {"train_generator": False, "tsn_sampling": False, "joint": False},
    "actioness-only": {"edges": False, "joint": False},
    "edgeness-only": {"actioness": False, "joint": False},
    "simple": {"tsn_sampling": False, "joint": False},
    "t": {"joint": False},
    "j": {"tsn_sampling": False},
    "cleannet": {},
}


def untrimmednet(toy, classes=3, **settings):
    given = UntrimmedNetParameters(initial_std=0.4, **settings)
    dim = toy.DIM * len(given.streams)
    return method_class("untrimmednet")(dim, classes, given, torch.Generator().manual_seed(1))


def built(toy, **settings):
    given = CleanNetParameters(**{**SMALL, **LOOSE, "regression_std": 0.1, **settings})
    method = method_class("cleannet")(2 * toy.DIM, 3, given, torch.Generator().manual_seed(2))
    method.begin({"heads": untrimmednet(toy)})
    return method


def batch_of(toy, seed=0):
    rows = torch.rand(23 + 14, 2 * toy.DIM, generator=torch.Generator().manual_seed(seed))
    return toy.batch(rows, [23, 14], [[1, 0, 1], [0, 1, 0]], seed)


def plain_losses(method, rows, labels, rng):
    """One snippet, one anchor and one class at a time; the trunk of the generator is taken as it is."""
    s, network = method.settings, method.generator
    logits = torch.stack([method.head(x[None])[0][0] for x in rows])  # (T, 2, C)
    attention = torch.stack([method.head(x[None])[1][0] for x in rows])
    psi = torch.stack([sum(stream.softmax(0) for stream in x) / 2 for x in logits])
    numbers, phi = psi.detach().numpy().astype(float), attention.detach().numpy()
    classes = np.flatnonzero(labels)
    kept = [[t for t in range(len(rows)) if numbers[t, c] >= s.psi_threshold] for c in classes]
    kept = [[t for t in each if phi[t] >= np.percentile(phi, s.attention_level)] for each in kept]
    snippets = sorted(set().union(*kept))
    trunk = network.trunk(rows) if s.train_generator else None
    proposals = {}
    for a, size in enumerate(s.anchors):
        centres = np.array(snippets) + 0.5
        seen = (
            sampled_snippets(centres, size, s.parts, len(rows), rng) if s.tsn_sampling else np.array(snippets)[:, None]
        )
        for t, places in zip(snippets, seen, strict=True):
            shift = stretch = torch.zeros((), dtype=torch.float64)
            if s.train_generator:
                shift, stretch = (trunk[places].flatten() @ network.weight[a] + network.bias[a]).double()
            proposals[t, a] = regressed(torch.tensor(t + 0.5), torch.tensor(size), shift, stretch, s.most_stretch)
    terms, covered = [], set()
    for c, each in zip(classes, kept, strict=True):
        sequence, e = torch.from_numpy(numbers[:, c]), torch.from_numpy(edgeness(numbers[:, c]))
        for t in each:
            for a in range(len(s.anchors)):
                start, end = (x.double() for x in proposals[t, a])
                if s.evaluator == "outer_inner":
                    score = outer_inner_score(sequence, start, end)
                else:
                    parts = contrast_score(sequence, e, start, end)
                    both = s.actioness and s.edges
                    score = parts.score if both else parts.actioness if s.actioness else parts.start + parts.end
                if score > s.positive:
                    terms.append(2 - score)
                    covered |= {k for k in range(len(rows)) if start <= k + 0.5 < end}
    regression = sum(terms) / len(terms) if terms else torch.zeros(())
    classification = torch.zeros(())
    if s.joint and covered:
        chosen = sorted(covered)
        weights = [attention[k].exp() / sum(attention[i].exp() for i in chosen) for k in chosen]
        x = sum(w * psi[k] for w, k in zip(weights, chosen, strict=True))
        classification = -sum(x[c].log() for c in classes) / len(classes)
    return regression, classification, len(terms)


@pytest.mark.parametrize("settings", [*ROWS.values(), {"evaluator": "outer_inner"}], ids=str)
def test_losses_and_gradients_equal_plain_code(toy, settings):
    method, batch = built(toy, **settings), batch_of(toy)
    losses = method.loss(batch)
    rng = np.random.default_rng(0)
    videos = zip(batch.rows.split([23, 14]), batch.labels.numpy(), strict=True)
    plain = [plain_losses(method, rows, labels, rng) for rows, labels in videos]
    regression, classification, count = (sum(x) / 2 for x in zip(*plain, strict=True))
    assert losses["positive"].item() == count > 1
    assert losses["regression"].item() == pytest.approx(regression.item(), abs=1e-5)
    assert losses["classification"].item() == pytest.approx(classification.item(), abs=1e-5)
    weights = [x for x in method.parameters() if x.requires_grad]
    if weights:
        total = regression + method.settings.joint_weight * classification
        ours = torch.autograd.grad(losses["total"], weights, allow_unused=True, materialize_grads=True)
        theirs = torch.autograd.grad(total, weights, allow_unused=True, materialize_grads=True)
        for x, y in zip(ours, theirs, strict=True):
            torch.testing.assert_close(x, y, atol=2e-5, rtol=1e-3)


@pytest.mark.parametrize("row", ROWS)
def test_what_learns_in_each_row_of_table_2(toy, row):
    method, batch = built(toy, **ROWS[row]), batch_of(toy)
    before = {name: x.clone() for name, x in method.named_parameters()}
    optimizers = method.optimizers(Optimization(optimizer="sgd", lr=0.1))
    for _ in range(2):
        method.step({"videos": batch}, optimizers)
    changed = {name.split(".")[0] for name, x in method.named_parameters() if not torch.equal(x, before[name])}
    assert changed == ({"generator"} if row != "plain" else set()) | ({"head"} if row in ("j", "cleannet") else set())
    detected = method.eval().detect(batch.rows[:23].numpy(), ScoredProposals())
    assert len(detected.segments.start) and np.isfinite(detected.segments.score).all()
    assert (detected.segments.start >= 0).all() and (detected.segments.end <= 23).all()


def test_the_last_layer_has_its_own_weight_decay_and_a_frozen_head_has_no_optimizer(toy):
    groups = built(toy).optimizers(Optimization(weight_decay=0.5))["all"].param_groups
    assert [group["weight_decay"] for group in groups] == [0.5, 1.0]
    assert len(groups[0]["params"]) == 4 + 3 * 3 + 1 and len(groups[1]["params"]) == 1
    assert not built(toy, **ROWS["plain"]).optimizers(Optimization())


def test_the_head_starts_with_what_untrimmednet_says(toy):
    method, other, rows = built(toy), untrimmednet(toy), np.random.default_rng(0).random((9, 2 * toy.DIM))
    frames = other.detect(rows, UntrimmedNetParameters.localization(class_threshold=0))
    detected = method.eval().detect(rows, ScoredProposals())
    assert np.allclose(detected.activations, frames.activations, atol=1e-6)
    assert np.allclose(detected.curves["attention"], frames.curves["attention"], atol=1e-5)


def test_a_run_to_start_from_that_does_not_fit_is_an_error(toy):
    method = built(toy)
    for other, message in (
        (untrimmednet(toy, streams=("rgb",)), "streams"),
        (untrimmednet(toy, classes=5), "classes 5, this one 3"),
    ):
        with pytest.raises(UserError, match=message):
            method.begin({"heads": other})


def test_the_regression_loss_reaches_class_predictions_only_if_told(toy):
    for detach in (True, False):
        method = built(toy, detach=detach)
        method.loss(batch_of(toy))["regression"].backward()
        assert (method.head.classify.weight.grad is None) == detach


def test_without_joint_the_head_can_learn_from_all_snippets(toy):
    method, batch = built(toy, joint=False, head_without_joint="all", positive=9.0), batch_of(toy)
    losses = method.loss(batch)
    assert losses["positive"] == 0 and losses["classification"] > 0 and losses["regression"] == 0


def test_a_batch_without_a_positive_proposal_changes_nothing(toy):
    method = built(toy, positive=9.0)
    before = {name: x.clone() for name, x in method.named_parameters()}
    method.step({"videos": batch_of(toy)}, method.optimizers(QUICK))
    assert all(torch.equal(x, before[name]) for name, x in method.named_parameters())
    method = built(toy, attention_rule="value", attention_level=1e6)
    assert method.loss(batch_of(toy))["positive"] == 0
    assert not len(method.eval().detect(np.ones((5, 2 * toy.DIM)), ScoredProposals()).segments.start)


@pytest.mark.parametrize("selection", ["all", "best", "nms"])
def test_which_proposals_can_be_positive(toy, selection):
    method, batch = built(toy, train_select=selection, positive=0.1, **ROWS["plain"]), batch_of(toy)
    rows = batch.rows[:23]
    logits, attention = method.head(rows)
    (proposals,) = method.proposals(rows, logits.softmax(2).mean(1), attention, [0], None)
    start, end, score = (x.numpy() for x in (proposals.start, proposals.end, proposals.score))
    mask = method.positives(proposals)
    assert (score[mask] > 0.1).all()
    best = score == score.max(axis=1, keepdims=True)
    if selection == "all":
        assert mask.sum() == (score > 0.1).sum() > (best & mask).sum()
    elif selection == "best":
        assert np.array_equal(mask, best & (score > 0.1))
    else:
        chosen = best & (score > 0.1)
        left = nms(start[chosen], end[chosen], score[chosen], 0.4)
        assert sorted(score[mask]) == sorted(score[chosen][left]) and mask.sum() < chosen.sum()


def test_covered_snippets():
    for seed in range(50):
        rng = np.random.default_rng(seed)
        start = rng.uniform(-3, 12, size=rng.integers(0, 4))
        end = start + rng.uniform(0.01, 4, size=len(start))
        centres = [any(a <= t + 0.5 < b for a, b in zip(start, end, strict=True)) for t in range(10)]
        parts = [any(a < t + 1 and b > t for a, b in zip(start, end, strict=True)) for t in range(10)]
        assert covered_snippets(start, end, 10).tolist() == centres
        assert covered_snippets(start, end, 10, touched=True).tolist() == parts


def test_whole_bounds_pass_the_gradient():
    start, end = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in ([1.2, 3.7], [2.6, 3.9]))
    first, last = whole_bounds(start, end)
    assert first.tolist() == [1, 4] and last.tolist() == [3, 5]
    slopes = torch.autograd.grad((2 * first + 3 * last).sum(), (start, end))
    assert [x.tolist() for x in slopes] == [[2, 2], [3, 3]]


def sets_of(features, labels):
    return {"videos": training_set(features, labels, [f"c{i}" for i in range(labels.shape[1])])}


@pytest.fixture(scope="module")
def heads(toy, tmp_path_factory):
    """A finished UntrimmedNet run on the toy world."""
    schedule = {**UntrimmedNetParameters.schedule, "iterations": 200, "batch": 8, "lr": 0.05, "lr_steps": [150]}
    out = tmp_path_factory.mktemp("heads")
    return fit("untrimmednet", UntrimmedNetParameters(), Training(**schedule), sets_of(*toy.world()), 0, out)


def run(out, toy, heads, training=QUICK, seed=0, settings=None, data=None, **more):
    given = CleanNetParameters(**{**SMALL, **(settings or {})})
    return fit("cleannet", given, training, sets_of(*(data or toy.world())), seed, out, {"heads": heads}, **more)


def contents(folder):
    return [(folder / name).read_bytes() for name in (MODEL, LOG, CONFIG)]


@pytest.mark.parametrize("row", ["plain", "simple", "cleannet"])
def test_trained_twice_is_equal_and_killed_and_resumed_too(toy, heads, tmp_path, row):
    whole = run(tmp_path / "whole", toy, heads, settings=ROWS[row])
    assert contents(whole) == contents(run(tmp_path / "again", toy, heads, settings=ROWS[row]))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", toy, heads, settings=ROWS[row], progress=toy.stop_after(1), checkpoint_s=0)
    cut = run(tmp_path / "cut", toy, heads, settings=ROWS[row])
    assert contents(whole) == contents(cut)
    if row != "plain":
        other = run(tmp_path / "other", toy, heads, seed=1, settings=ROWS[row])
        assert contents(whole)[0] != contents(other)[0]


@pytest.mark.slow
def test_proposals_come_to_score_more_and_to_fit_better(toy, heads, tmp_path):
    """The only anchor size, 3, is that of no action here: they have 4 to 10 snippets."""
    features, labels = toy.world()
    overlaps, scores = {}, {}
    for row, steps in (("plain", 1), ("simple", 600), ("cleannet", 600)):
        training = QUICK.model_copy(update={"iterations": steps, "lr": 0.003, "lr_steps": (450,)})
        method, _ = load_run(run(tmp_path / row, toy, heads, training, settings={**ROWS[row], "anchors": (3,)}))
        overlaps[row] = np.mean(toy.overlaps(method, features, labels, ScoredProposals()))
        best = [method.detect(features.video(i), ScoredProposals()).segments.score.max() for i in range(len(labels))]
        scores[row] = np.mean(best)
    for row in ("simple", "cleannet"):
        assert scores[row] > scores["plain"] + 0.2 and overlaps[row] > overlaps["plain"] + 0.1


def test_a_run_to_start_from_must_be_named(toy, tmp_path):
    with pytest.raises(UserError, match="untrimmednet"):
        fit("cleannet", CleanNetParameters(**SMALL), QUICK, sets_of(*toy.world()), 0, tmp_path)


def test_nan_in_features_and_divergence_are_errors(toy, heads, tmp_path):
    features, labels = toy.world()
    features.rows[features.offsets[7] : features.offsets[8]] = np.nan
    with pytest.raises(UserError, match="v7: features hold NaN"):
        run(tmp_path / "nan", toy, heads, QUICK.model_copy(update={"batch": 24}), data=(features, labels))
    with pytest.raises(UserError, match=r"training diverged; lower training\.lr"):
        run(tmp_path / "fast", toy, heads, QUICK.model_copy(update={"lr": 1e30}))


def test_detection_may_sample_at_random_and_repeats_all_the_same(toy):
    method, rows = built(toy, regression_std=0.5).eval(), np.random.default_rng(3).random((40, 2 * toy.DIM))
    middles, again = (method.detect(rows, ScoredProposals()).segments for _ in range(2))
    drawn, repeated = (method.detect(rows, ScoredProposals(sampling="random")).segments for _ in range(2))
    assert all(map(np.array_equal, middles, again)) and all(map(np.array_equal, drawn, repeated))
    assert not np.array_equal(middles.score, drawn.score)


def test_whole_bounds_give_whole_segments(toy):
    method, rows = built(toy, bounds="whole").eval(), np.random.default_rng(3).random((40, 2 * toy.DIM))
    segments = method.detect(rows, ScoredProposals()).segments
    assert len(segments.start) and not np.mod(segments.start, 1).any() and not np.mod(segments.end, 1).any()


@pytest.mark.parametrize("psi", ["softmax", "sigmoid", "linear"])
@pytest.mark.parametrize("video_score", ["attention", "product", "detector"])
def test_every_reading_of_predictions_trains_and_detects(toy, psi, video_score):
    method = built(toy, psi=psi, video_score=video_score, psi_threshold=-9, outside="clip", ties="nearest")
    losses = method.step({"videos": batch_of(toy)}, method.optimizers(QUICK))
    assert losses["positive"] > 0 and losses["total"].isfinite()
    detected = method.eval().detect(np.random.default_rng(3).random((40, 2 * toy.DIM)), ScoredProposals())
    assert np.isfinite(detected.scores["fusion"]).all() and len(detected.segments.start)


def test_one_stream_alone(toy):
    given = CleanNetParameters(**{**SMALL, **LOOSE, "streams": ("flow",)})
    method = method_class("cleannet")(toy.DIM, 3, given, torch.Generator().manual_seed(2))
    other = untrimmednet(toy, streams=("flow",))
    method.begin({"heads": other})
    rows = np.random.default_rng(3).random((9, toy.DIM))
    frames = other.detect(rows, UntrimmedNetParameters.localization())
    assert np.allclose(method.eval().detect(rows, ScoredProposals()).activations, frames.activations, atol=1e-6)
