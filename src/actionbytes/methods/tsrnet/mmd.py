"""The squared maximum mean discrepancy of two samples, with Gaussian kernels (TSRNet, eq. 7)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from actionbytes.methods.tsrnet.parameters import FACTORS


def squared_mmd(t: Tensor, u: Tensor, bandwidth: float | None = None, factors: Sequence[float] = FACTORS) -> Tensor:
    """Squared distance of the means of two samples in the space of a kernel: 0 for equal samples, never negative.

    This is the paper's eq. 7, the biased estimate (a V-statistic): every mean runs over all pairs, those of a point
    with itself too. The paper has one "predefined Gaussian kernel" of a width that it does not give; the sum of several
    widths is what public code of its time uses. A single kernel is `factors=(1,)`.

    Args:
        t: one sample, (n, d), n >= 1.
        u: the other sample, (m, d), m >= 1.
        bandwidth: gamma of the kernel, the sum over `factors` q of exp(-|x - y|^2 / (q gamma)), in squared units of
            the samples; None: the mean of |x - y|^2 over all pairs of both samples together. No gradient flows
            through that mean.
        factors: multiples q of the bandwidth.

    Returns:
        The discrepancy, a scalar with gradients to both samples.
    """
    points = torch.cat([t, u])  # (n + m, d)
    distances = squared_distances(points)
    gamma = mean_squared_distance(distances) if bandwidth is None else bandwidth
    kernel = torch.stack([torch.exp(-distances / (q * gamma)) for q in factors]).sum(0)  # (n + m, n + m)
    n = len(t)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


def squared_distances(points: Tensor) -> Tensor:
    """|x - y|^2 of every pair of points (n, d), as (n, n); exactly 0 on the diagonal."""
    return (points[:, None] - points[None]).square().sum(-1)


def mean_squared_distance(distances: Tensor) -> Tensor:
    """Mean over pairs i < j of a symmetric (n, n) with zeros on its diagonal, n >= 2, without gradient.

    Points that all coincide have no width; then the smallest number stands in that keeps kernels and gradients finite.
    """
    count = len(distances)
    return (distances.detach().sum() / (count * (count - 1))).clamp_min(torch.finfo(distances.dtype).eps)
