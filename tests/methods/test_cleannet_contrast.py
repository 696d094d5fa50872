"""CleanNet's evaluator: numbers worked out by hand, a slow loop, gradients, and AutoLoc's score."""

import numpy as np
import pytest
import torch

from actionbytes.localization.nms import segment_iou
from actionbytes.methods.cleannet.contrast import contrast_score, edgeness, outer_inner_score

PSI = np.array([0.05, 0.10, 0.20, 0.70, 0.90, 0.95, 0.80, 0.30, 0.15, 0.12, 0.08, 0.06])
EDGENESS = [0.216667, 0.2125, 0.18, 0.18, 0.2125, -0.266667, -0.2075, -0.174, -0.148333, -0.148, -0.06, 0]
TIED = np.array([0.1, 0.1, 0.2, 0.8, 0.9, 0.9, 0.8, 0.3, 0.1, 0.1, 0.1, 0.1])
CLOSE = {"abs": 2e-6, "rel": 0}


def test_edgeness_by_hand():
    e = edgeness(PSI)
    assert e.dtype == np.float64 and e == pytest.approx(np.array(EDGENESS), **CLOSE)


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        ("first", [0.233333, 0.2, 0.2, 0.2, 0, -0.2, -0.2, -0.2, 0, 0, 0, 0]),
        ("last", [0, 0.266667, 0.2, 0.2, 0.2, -0.266667, -0.2, -0.16, -0.133333, -0.14, -0.05, 0]),
        ("nearest", [0.233333] + 3 * [0.266667] + [0] + 3 * [-0.266667] + [0, 0, 0, 0]),
    ],
)
def test_equal_extremes_by_hand(ties, expected):
    assert edgeness(TIED, ties=ties) == pytest.approx(np.array(expected), **CLOSE)
    assert not edgeness(np.full(9, 0.4), ties=ties).any()


BY_HAND = [  # start, end, s_a, s_s, s_e, s
    (3, 7, 0.925, -0.02, -0.10925, 0.860375),  # bounds between snippets
    (2.5, 7.25, 0.892105, 0.047303, -0.062241, 0.884636),  # bounds within snippets
    (4, 6, 0.925, -0.50375, -0.562917, 0.391667),  # as much action as the first, too short
    (1, 9, 0.8375, 0.127292, 0.032583, 0.917438),  # too long scores more than the first
    (0, 2, 0.075, 0.108333, -0.39625, -0.068958),  # begins with the video
    (3, 12, 0.456111, 0.032778, 0.021556, 0.483278),  # ends with the video
    (2.6, 7.3, 0.896809, 0.036888, -0.058076, 0.886215),
]


@pytest.mark.parametrize(("start", "end", *["s_a", "s_s", "s_e", "s"]), BY_HAND)
def test_contrast_score_by_hand(start, end, s_a, s_s, s_e, s):
    assert list(contrast_score(PSI, edgeness(PSI), start, end)) == pytest.approx([s_a, s_s, s_e, s], **CLOSE)


def test_arrays_lists_and_tensors_score_as_single_numbers_do():
    start, end, *parts = np.array(BY_HAND).T
    e = edgeness(PSI)
    assert np.allclose(contrast_score(PSI, e, start, end), parts, atol=2e-6, rtol=0)
    lists = contrast_score(*(x.tolist() for x in (PSI, e, start, end)))
    assert np.array_equal(lists, contrast_score(PSI, e, start, end))
    for outside in ("zero", "clip"):
        tensors = contrast_score(*(torch.from_numpy(x) for x in (PSI, e, start, end)), outside)
        assert np.allclose(torch.stack(tensors).numpy(), contrast_score(PSI, e, start, end, outside), atol=1e-14)


def slow_mean(sequence, start, end, outside):
    """Snippet by snippet: how much of each lies in [start, end)."""
    total, width = 0.0, 0.0
    for t, x in enumerate(sequence):
        part = max(0.0, min(end, t + 1) - max(start, t))
        total, width = total + part * x, width + part
    width = end - start if outside == "zero" else width
    return total / width if width > 1e-9 else 0.0


def slow_edgeness(psi, window):
    e = []
    for t in range(len(psi)):
        around = range(max(0, t - window // 2), min(len(psi), t + window // 2 + 1))
        high, low = max(around, key=lambda i: psi[i]), min(around, key=lambda i: psi[i])  # the first of equals
        c = (psi[high] - psi[low]) / abs(high - low) if high != low else 0.0
        e.append(c if low <= t < high else -c if low > t >= high else 0.0)
    return e


def random_case(seed):
    """A sequence, with ties in every second one, and proposals that may leave the video."""
    rng = np.random.default_rng(seed)
    psi = rng.random(int(rng.integers(1, 40)))
    psi = np.round(psi, 1) if seed % 2 else psi
    start = rng.uniform(-3, len(psi) + 1, size=12)
    return psi, start, start + rng.uniform(0.05, 20, size=12), int(rng.choice([1, 3, 7, 15]))


def test_a_slow_loop_agrees_on_200_random_sequences():
    for seed in range(200):
        psi, start, end, window = random_case(seed)
        e = edgeness(psi, window)
        assert np.allclose(e, slow_edgeness(psi, window), atol=1e-12)
        for outside in ("zero", "clip"):
            scores = contrast_score(psi, e, start, end, outside)
            outer = outer_inner_score(psi, start, end, outside)
            for i, (a, b) in enumerate(zip(start, end, strict=True)):
                q = (b - a) / 4
                s_a = slow_mean(psi, a + q, b - q, outside)
                s_s = slow_mean(e, a - q, a + q, outside) - slow_mean(psi, a - q, a, outside)
                s_e = -slow_mean(e, b - q, b + q, outside) - slow_mean(psi, b, b + q, outside)
                expected = [s_a, s_s, s_e, s_a + (s_s + s_e) / 2]
                assert np.allclose([x[i] for x in scores], expected, atol=1e-9)
                margin = max(q, 1)
                around = [(slow_mean(psi, *x, "zero") * margin) for x in ((a - margin, a), (b, b + margin))]
                spans = [min(y, len(psi)) - max(x, 0) for x, y in ((a - margin, a), (b, b + margin))]
                width = 2 * margin if outside == "zero" else sum(max(x, 0) for x in spans)
                outer_mean = sum(around) / width if width > 1e-9 else 0.0
                assert outer[i] == pytest.approx(slow_mean(psi, a, b, outside) - outer_mean, abs=1e-9)


def test_gradient_by_hand():
    start, end = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (2.6, 7.3))
    score = contrast_score(torch.from_numpy(PSI), torch.from_numpy(edgeness(PSI)), start, end).score
    slopes = torch.autograd.grad(score, (start, end))
    assert [x.item() for x in slopes] == pytest.approx([-0.012419, 0.056745], abs=1e-5)


@pytest.mark.parametrize("outside", ["zero", "clip"])
@pytest.mark.parametrize("name", ["contrast", "outer-inner"])
def test_gradients_agree_with_finite_differences(name, outside):
    step = 1e-6
    for seed in range(40):
        psi, start, end, window = random_case(seed)
        e = edgeness(psi, window)

        def score(psi, e, a, b):
            return (
                contrast_score(psi, e, a, b, outside).score
                if name == "contrast"
                else outer_inner_score(psi, a, b, outside)
            )

        bounds = [torch.from_numpy(x).requires_grad_() for x in (start, end)]
        slopes = torch.autograd.grad(score(torch.from_numpy(psi), torch.from_numpy(e), *bounds).sum(), bounds)
        for shift, slope in zip(((step, 0), (0, step)), slopes, strict=True):
            plus = score(psi, e, start + shift[0], end + shift[1])
            minus = score(psi, e, start - shift[0], end - shift[1])
            assert np.allclose(slope.numpy(), (plus - minus) / (2 * step), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("length", "start", "end", "score"),
    [
        (1, 20, 21, 0.95625),
        (2, 19, 23, 1.00125),
        (3, 19, 23, 1.00125),
        (4, 19, 24, 1.0335),
        (6, 19, 26, 1.025357),
        (8, 19, 28, 1.010833),
        (12, 20, 32, 0.9925),
        (16, 20, 36, 0.969375),
    ],
)
def test_the_best_proposal_of_a_clean_action_is_the_action_or_up_to_a_snippet_more(length, start, end, score):
    """An edge between t and t + 1 is booked on t: short actions are widened to the left."""
    psi = np.full(48, 0.05)
    psi[20 : 20 + length] = 0.95
    starts, ends = np.triu_indices(49, 1)
    scores = contrast_score(psi, edgeness(psi), starts, ends).score
    assert scores.max() == pytest.approx(score, **CLOSE)
    best = scores.argmax()
    assert (starts[best], ends[best]) == (start, end)
    assert segment_iou(starts[best], ends[best], 20, 20 + length) >= 0.5
    assert abs(starts[best] - 20) <= 1 and abs(ends[best] - 20 - length) <= 1


def test_what_has_no_score_is_an_error():
    e = edgeness(PSI)
    for start, end in ((3, 3), (5, 4), (np.nan, 4), (3, np.inf)):
        with pytest.raises(ValueError, match="bounds must be finite"):
            contrast_score(PSI, e, start, end)
    with pytest.raises(ValueError, match="one shape"):
        contrast_score(PSI, e[1:], 3, 4)
    with pytest.raises(ValueError, match="odd"):
        edgeness(PSI, window=4)
    with pytest.raises(ValueError, match="shape"):
        edgeness(np.zeros((3, 2)))
