"""ActionBytes' mining: bytes to clusters to pseudo-labels, and what learns from which labels."""

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from actionbytes.errors import UserError
from actionbytes.localization.bytes import bytes_of
from actionbytes.methods.actionbytes.network import ActionBytes, kmeans
from actionbytes.methods.actionbytes.parameters import ActionBytesParameters as Settings
from actionbytes.methods.sets import Batch, TrainingSet
from actionbytes.methods.wtalc.network import Wtalc
from actionbytes.methods.wtalc.parameters import WtalcParameters

DIM, ATOMS = 12, 4


@pytest.fixture
def world():
    """30 videos of nine snippets, three of each of three of four atoms; labels by the set of atoms."""
    rng = np.random.default_rng(0)
    atoms = 4 * rng.random((ATOMS, DIM))
    walks = np.stack([rng.permutation(ATOMS)[:3] for _ in range(30)])
    rows = np.concatenate([np.repeat(atoms[walk], 3, axis=0) for walk in walks])
    labels = np.ones((30, ATOMS), dtype=bool)
    labels[np.arange(30)[:, None], walks] = False  # the class is the atom that is missing
    return (rows + 0.01 * rng.random(rows.shape)).astype(np.float32), np.arange(31) * 9, labels, walks


def sets_of(world):
    """The world as a method's sets."""
    rows, offsets, labels, _ = world
    names = [f"v{i}" for i in range(30)]
    return {"videos": TrainingSet(names, rows, offsets, labels, tuple("abcd"), 0.64, ("rgb",), None, labels)}


def method(**settings):
    chosen = Settings(**{"latent_dim": 10, "clusters": 4, "dropout": 0.0} | settings)
    return ActionBytes(DIM, ATOMS, chosen, torch.Generator().manual_seed(0))


def test_bytes_of_one_atom_become_one_pseudo_class(world):
    walks = world[-1]
    ours = method(bytes={"percentiles": (70,), "sentinels": True})
    begun = ours.prepare(sets_of(world), 0, {}, np.random.default_rng(1))
    assert begun.facts["bytes"] > 0 and "nmi" not in begun.facts
    clusters = begun.memory["clusters"].reshape(30, 9)[:, [1, 4, 7]]  # at the middle of each atom
    assert len({(a, c) for a, c in zip(walks.ravel(), clusters.ravel(), strict=True)}) == ATOMS
    assert all(set(np.flatnonzero(t)) >= set(c) for t, c in zip(begun.targets["videos"], clusters, strict=True))


def test_a_round_keeps_the_hidden_layer_and_starts_the_others_anew(world):
    ours = method()
    before = {name: x.clone() for name, x in ours.state_dict().items()}
    first = ours.prepare(sets_of(world), 0, {}, np.random.default_rng(1))
    after = ours.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"classifier.weight", "transfer.weight"}
    second = ours.prepare(sets_of(world), 1, first.memory, np.random.default_rng(1))
    assert second.facts["nmi"] == pytest.approx(1)  # the same draws on the same latents
    assert np.array_equal(first.targets["videos"], second.targets["videos"])


def test_points_are_the_mean_latents_of_bytes(world):
    rows, offsets, _, _ = world
    ours = method()
    segments, owner, points = ours.mine(rows.astype(np.float16), offsets)
    latents = dict(ours.latents(rows.astype(np.float16), offsets))
    assert len(latents) == 30 and all(x.shape == (9, 10) for x in latents.values())
    expected = [(v, *s) for v in range(30) for s in (bytes_of(latents[v], ours.settings.bytes) + offsets[v]).tolist()]
    assert [(v, *s) for v, s in zip(owner.tolist(), segments.tolist(), strict=True)] == expected
    video, start, end = expected[-1]
    assert np.allclose(points[-1], latents[video][start - offsets[video] : end - offsets[video]].mean(0))


def batch_of(world, targets):
    rows, offsets, labels, _ = world
    return Batch(
        torch.from_numpy(rows[:54]),
        offsets[:7],
        torch.tensor(targets[:6], dtype=torch.float32),
        torch.tensor(labels[:6], dtype=torch.float32),
        np.repeat(np.arange(3), 2),
        None,
        np.random.default_rng(0),
    )


@pytest.mark.parametrize("backprop", [False, True])
@pytest.mark.parametrize("dropout", [False, True])
def test_true_labels_shape_the_latent_only_when_asked(world, backprop, dropout):
    ours = method(transfer_backprop=backprop, transfer_dropout=dropout, dropout=0.2)
    begun = ours.prepare(sets_of(world), 0, {}, np.random.default_rng(0))
    losses = ours.loss(batch_of(world, begun.targets["videos"]))
    gradients = torch.autograd.grad(losses["transfer"], list(ours.parameters()), allow_unused=True)
    reached = {n for (n, _), g in zip(ours.named_parameters(), gradients, strict=True) if g is not None and g.any()}
    below = {"hidden.weight", "hidden.bias", "classifier.weight"}
    assert {"transfer.weight", "transfer.bias"} <= reached
    assert (below <= reached) if backprop else not (below & reached)
    assert losses["total"].item() == pytest.approx(
        0.5 * losses["mil"].item() + 0.5 * losses["coactivity"].item() + losses["transfer"].item()
    )


def test_the_transfer_layer_learns_with_dropout_only_when_asked(world):
    begun = method().prepare(sets_of(world), 0, {}, np.random.default_rng(0))
    losses = {}
    for share in (0.0, 0.6):
        for behind in (False, True):
            ours = method(transfer_dropout=behind, dropout=share)
            losses[share, behind] = ours.loss(batch_of(world, begun.targets["videos"]))["transfer"].item()
    assert losses[0.0, False] == losses[0.0, True] == losses[0.6, False] != losses[0.6, True]


def test_centring_is_blind_to_what_all_pseudo_classes_share():
    pseudo = torch.randn(7, 4)
    centred, raw = method(), method(transfer_centre=False)
    raw.load_state_dict(centred.state_dict())
    torch.testing.assert_close(centred.source(pseudo + 5), centred.source(pseudo))
    torch.testing.assert_close(centred.source(pseudo), raw.source(pseudo - pseudo.mean(1, keepdim=True)))
    assert not torch.allclose(raw.source(pseudo + 5), raw.source(pseudo))


def test_prediction_is_over_true_classes():
    found = method(clusters=9).predict(np.ones((5, DIM), dtype=np.float32))
    assert found.cas.shape == (5, ATOMS) and found.scores.shape == (ATOMS,) and found.latent.shape == (5, 10)


def test_it_starts_from_the_hidden_layer_of_wtalc():
    base = Wtalc(DIM, ATOMS, WtalcParameters(latent_dim=10), torch.Generator().manual_seed(9))
    ours = method()
    ours.begin({"baseline": base})
    assert torch.equal(ours.hidden.weight, base.hidden.weight)
    with pytest.raises(UserError, match="hidden layer"):
        method(latent_dim=11).begin({"baseline": base})
    start = Settings(latent_dim=7, margin=0.2, pairs=2).start_parameters("baseline")
    assert start == WtalcParameters(latent_dim=7, margin=0.2, pairs=2)


def test_kmeans_is_the_same_with_any_number_of_threads():
    points = np.random.default_rng(0).random((600, 20), dtype=np.float32)
    found = []
    for count in (1, 2):
        with threadpool_limits(count):
            found.append(kmeans(points.copy(), 12, 20, np.random.default_rng(5)))
    assert np.array_equal(found[0][0], found[1][0]) and found[0][1] == found[1][1]
    distances = ((points - np.stack([points[found[0][0] == k].mean(0) for k in range(12)])[found[0][0]]) ** 2).sum()
    assert found[0][1] == pytest.approx(distances, rel=1e-3)


def test_fewer_bytes_than_clusters_is_an_error():
    with pytest.raises(UserError, match="3 bytes cannot make 5 clusters"):
        kmeans(np.zeros((3, 2), dtype=np.float32), 5, 10, np.random.default_rng(0))
