"""CleanNet's evaluator of proposals: temporal edgeness, contrast score, and AutoLoc's score beside it.

Sources: Liu et al., Weakly Supervised Temporal Action Localization through Contrast Based Evaluation Networks (ICCV
2019), equations 6 to 12; Shou et al., AutoLoc (ECCV 2018), for the outer-inner-contrastive score.

Snippet t of a video is the stretch [t, t + 1); a sequence is constant on each. Bounds are real numbers in snippets, and
an average over [a, b) is an integral divided by b - a. So scores have gradients with respect to the bounds. Every
function takes NumPy arrays or torch tensors and computes in the kind that it was given, in double precision.
"""

from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ties = Literal["first", "last", "nearest"]
Outside = Literal["zero", "clip"]
Array = TypeVar("Array", bound=Any)  # np.ndarray or torch.Tensor


class Contrast(NamedTuple):
    """What a proposal scores (eqs. 9 to 12), each a number or an array in the shape of the bounds.

    actioness: s_a, how much of the action it holds; start, end: s_s, s_e, how well its bounds agree with edges; score:
    the contrast score, s_a + (s_s + s_e) / 2.
    """

    actioness: Any
    start: Any
    end: Any
    score: Any


class Edges(NamedTuple):
    """Where each snippet's window has its extremes, arrays (T,).

    high, low: snippet of the largest and of the smallest value; slope: sign of the edge divided by the distance of the
    two, 0 where the snippet does not lie between them.
    """

    high: NDArray[np.int64]
    low: NDArray[np.int64]
    slope: NDArray[np.float64]


def edges(psi: ArrayLike, window: int = 7, ties: Ties = "first") -> Edges:
    """Extremes of a sliding window, and the sign mask over their distance (eqs. 6 and 7 without the values).

    The paper prints eq. 6 as a formula for m; it is the one for c. Windows are cut off at the ends of the video.

    Args:
        psi: predictions (T,) of one class.
        window: length of the window in snippets, odd.
        ties: which of equal extremes counts: the first, the last, or the nearest to the window's centre (of two
            that are equally near, the first).

    Returns:
        The positions and signed slopes.
    """
    values = np.asarray(psi, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"a sequence has the shape (T,), not {values.shape}")
    if window < 1 or window % 2 == 0:
        raise ValueError(f"the window must be odd and positive, not {window}")
    high, low = _window_argmax(values, window, ties), _window_argmax(-values, window, ties)
    t = np.arange(len(values))
    rising, falling = (low <= t) & (t < high), (low > t) & (t >= high)
    distance = np.maximum(np.abs(high - low), 1)
    return Edges(high, low, (rising.astype(np.float64) - falling) / distance)


def edgeness(psi: ArrayLike, window: int = 7, ties: Ties = "first") -> NDArray[np.float64]:
    """Temporal edgeness of a sequence (eqs. 6 and 7): positive where it rises, negative where it falls.

    Args:
        psi: predictions (T,) of one class.
        window: length of the window in snippets, odd.
        ties: which of equal extremes of a window counts.

    Returns:
        (T,) float64; for psi within [0, 1] the values are within [-1, 1].
    """
    values = np.asarray(psi, dtype=np.float64)
    high, low, slope = edges(values, window, ties)
    return (values[high] - values[low]) * slope


def contrast_score(psi: Array, edgeness: Array, start: Any, end: Any, outside: Outside = "zero") -> Contrast:
    """Contrast score of proposals (eqs. 8 to 12).

    A proposal [x_s, x_e) of width w is widened and narrowed by w / 4 at both ends. s_a is the mean of psi in the
    narrowed one; s_s the mean edgeness around the start minus the mean of psi in the margin before it; s_e the same at
    the end, with the edgeness negative.

    Args:
        psi: predictions (T,) of one class.
        edgeness: temporal edgeness (T,) of psi.
        start: x_s in snippets, a number or an array; may lie outside the video.
        end: x_e in snippets, the same shape; greater than start.
        outside: what lies outside the video counts as "zero", or is left out of the averages ("clip"; an average over
            nothing is 0).

    Returns:
        Its parts and the score, in the shape of the bounds.

    Raises:
        ValueError: for bounds that are not finite or enclose nothing, or sequences of different lengths.
    """
    psi, edgeness, start, end = _checked(psi, edgeness, start, end)
    quarter = (end - start) / 4
    outer_start, inner_start = start - quarter, start + quarter
    inner_end, outer_end = end - quarter, end + quarter
    actioness = mean_between(psi, inner_start, inner_end, outside)
    rise = mean_between(edgeness, outer_start, inner_start, outside) - mean_between(psi, outer_start, start, outside)
    fall = -mean_between(edgeness, inner_end, outer_end, outside) - mean_between(psi, end, outer_end, outside)
    return Contrast(actioness, rise, fall, actioness + (rise + fall) / 2)


def outer_inner_score(psi: Array, start: Any, end: Any, outside: Outside = "zero", least_margin: float = 1.0) -> Any:
    """AutoLoc's score: mean of psi inside a proposal minus its mean in the margins on both sides together.

    AutoLoc's loss is (1 - this) / 2. Deviation: its code counts whole snippets, with both ends inside.

    Args:
        psi: predictions (T,) of one class.
        start: start in snippets, a number or an array.
        end: end in snippets, the same shape; greater than start.
        outside: as in `contrast_score`.
        least_margin: a margin is a quarter of the proposal's width, but at least so many snippets (AutoLoc's code: 1).

    Returns:
        Scores in the shape of the bounds; within [-1, 1] for psi within [0, 1].

    Raises:
        ValueError: as `contrast_score`.
    """
    psi, _, start, end = _checked(psi, psi, start, end)
    margin = ((end - start) / 4).clip(least_margin)
    before, width_before = _integral_between(psi, start - margin, start, outside)
    after, width_after = _integral_between(psi, end, end + margin, outside)
    return mean_between(psi, start, end, outside) - (before + after) / (width_before + width_after).clip(_NARROW)


_NARROW = 1e-9  # narrower regions hold nothing that could be averaged


def mean_between(sequence: Array, start: Array, end: Array, outside: Outside = "zero") -> Array:
    """Mean of a piecewise constant `sequence` (T,) over [start, end), bounds (N,) or single."""
    total, width = _integral_between(sequence, start, end, outside)
    return total / width.clip(_NARROW)


def _integral_between(sequence: Array, start: Array, end: Array, outside: Outside) -> tuple[Array, Array]:
    """Integral over [start, end), and the width that counts: all of it, or the part inside the video."""
    length = len(sequence)
    inside = start.clip(0, length), end.clip(0, length)
    before = sequence.cumsum(0) - sequence  # (T,) integral up to each snippet
    first, last = (before[k] + (x - k) * sequence[k] for x, k in ((x, _snippet(x, length)) for x in inside))
    return last - first, inside[1] - inside[0] if outside == "clip" else end - start


def _snippet(position: Any, length: int) -> Any:
    """The snippet that each position in [0, length] lies in; the end of the video belongs to the last one."""
    if isinstance(position, (np.ndarray, np.floating)):
        return np.minimum(position.astype(np.int64), length - 1)
    return position.detach().long().clip(max=length - 1)


def _checked(psi: Any, edgeness: Any, start: Any, end: Any) -> tuple[Any, Any, Any, Any]:
    """All four in double precision, NumPy arrays unless they are tensors."""
    if isinstance(psi, (np.ndarray, list, tuple)):
        psi, edgeness, start, end = (np.asarray(x, dtype=np.float64) for x in (psi, edgeness, start, end))
        start, end = np.broadcast_arrays(start, end)
        finite = np.isfinite(start).all() and np.isfinite(end).all()
    else:
        psi, edgeness, start, end = (x.double() for x in (psi, edgeness, start, end))
        finite = bool(start.isfinite().all() and end.isfinite().all())
    if psi.ndim != 1 or not len(psi) or psi.shape != edgeness.shape:
        raise ValueError(f"psi and edgeness must have one shape (T,), not {psi.shape} and {edgeness.shape}")
    if not finite or not bool((end > start).all()):
        raise ValueError("bounds must be finite, and each end greater than its start")
    return psi, edgeness, start, end


def _window_argmax(values: NDArray[np.float64], window: int, ties: Ties) -> NDArray[np.int64]:
    """Position (T,) of the largest value in the window around each snippet."""
    reach = window // 2
    padded = np.pad(values, reach, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, window)  # (T, window)
    largest = windows == windows.max(axis=1, keepdims=True)
    if ties == "first":
        place = largest.argmax(axis=1)
    elif ties == "last":
        place = window - 1 - largest[:, ::-1].argmax(axis=1)
    else:
        distance = np.abs(np.arange(window) - reach)
        place = np.where(largest, distance, window).argmin(axis=1)
    return np.arange(len(values)) + place - reach
