"""CleanNet's generator of proposals: anchors at every snippet, moved and stretched by a small convolutional network.

Source: Liu et al., CleanNet (ICCV 2019), section 3.3.1 and Figure 2. What the paper leaves open (layers, their width,
initial weights) is as in the code of AutoLoc (Shou et al., ECCV 2018), whose generator this is without TSN sampling.
"""

from itertools import pairwise
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from actionbytes.methods.cleannet.parameters import CleanNetParameters


def regressed(
    centre: Tensor, size: Tensor, shift: Tensor, stretch: Tensor, most: float | None = None
) -> tuple[Tensor, Tensor]:
    """Proposals from anchors: x_c = centre + size * shift, x_w = size * exp(stretch).

    The paper prints the second as x_c once more.

    Args:
        centre: of the anchors, in snippets.
        size: their widths, in snippets.
        shift: r_c, in widths of the anchor.
        stretch: r_w.
        most: `stretch` is held within [-most, most]; None: free.

    Returns:
        Start and end in snippets, in the common shape of the arguments.
    """
    stretch = stretch if most is None else stretch.clip(-most, most)
    middle, half = centre + size * shift, size * stretch.exp() / 2
    return middle - half, middle + half


def sampled_snippets(
    centre: NDArray[np.floating], size: int, parts: int, length: int, rng: np.random.Generator | None = None
) -> NDArray[np.int64]:
    """TSN sampling: one snippet from each of the equal parts of an anchor.

    Args:
        centre: (n,) centres of the anchors, in snippets.
        size: their width in snippets.
        parts: K, how many equal parts an anchor has.
        length: T; places outside the video are taken from its first or last snippet.
        rng: draws a place within each part; None: the middle of the part.

    Returns:
        (n, K) snippets.
    """
    within = 0.5 if rng is None else rng.random((len(centre), parts))
    place = np.asarray(centre)[:, None] + size * ((np.arange(parts) + within) / parts - 0.5)
    return np.clip(np.floor(place), 0, length - 1).astype(np.int64)


class Generator(nn.Module):
    """Three temporal convolutions, then for every anchor size a linear layer on the samples of the anchor.

    Without TSN sampling the anchor's one sample is the snippet at its centre.
    """

    def __init__(self, dim: int, settings: CleanNetParameters, generator: torch.Generator) -> None:
        """Draw all weights from `generator`; dim: D of the features."""
        super().__init__()
        self.settings = settings
        widths = [dim] + [settings.channels] * settings.layers
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        for before, after in pairwise(widths):
            layer = nn.utils.skip_init(nn.Conv1d, before, after, settings.kernel, padding="same", bias=False)
            nn.init.kaiming_normal_(layer.weight, generator=generator)
            self.convolutions.append(layer)
            self.norms.append(nn.BatchNorm1d(after))
        self.parts = settings.parts if settings.tsn_sampling else 1
        heads = 1 if settings.tsn_sampling and settings.shared_regression else len(settings.anchors)
        self.weight = nn.Parameter(torch.empty(heads, self.parts * widths[-1], 2))
        self.bias = nn.Parameter(torch.zeros(heads, 2))
        nn.init.normal_(self.weight, std=settings.regression_std, generator=generator)

    def trunk(self, rows: Tensor) -> Tensor:
        """(T, channels) from features (T, D): convolution, normalization, leaky ReLU with slope 0.1, each three times.

        A video of one snippet has no variance: it is normalized by the running statistics in training too.
        """
        x = rows.T[None]  # (1, D, T)
        training = self.training and len(rows) > 1
        for convolution, module in zip(self.convolutions, self.norms, strict=True):
            norm = cast(nn.BatchNorm1d, module)
            statistics = norm.running_mean, norm.running_var
            scaled = F.batch_norm(
                convolution(x), *statistics, norm.weight, norm.bias, training, self.settings.norm_momentum, norm.eps
            )
            x = F.leaky_relu(scaled, 0.1)
        return x[0].T

    def forward(
        self, rows: Tensor, snippets: NDArray[np.int64], rng: np.random.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Proposals at some snippets of one video.

        Args:
            rows: (T, D) features of the video.
            snippets: (n,) where anchors are centred.
            rng: places the samples of TSN sampling at random; None: in the middles of the parts.

        Returns:
            Start and end (n, A) in snippets, A anchor sizes; they may lie outside the video.
        """
        features, sizes = self.trunk(rows), self.settings.anchors
        centre = self.centres(snippets)
        picked = snippets[None, :, None]  # (1, n, 1)
        if self.settings.tsn_sampling:
            samples = [sampled_snippets(centre, size, self.parts, len(rows), rng) for size in sizes]
            picked = np.stack(samples)  # (A, n, K)
        seen = features[torch.from_numpy(picked)].flatten(2)  # (A or 1, n, K * channels)
        offsets = (seen @ self.weight + self.bias[:, None]).double()  # (A, n, 2)
        width = torch.tensor(sizes, dtype=torch.float64)[:, None]
        bounds = regressed(
            torch.from_numpy(centre), width, offsets[..., 0], offsets[..., 1], self.settings.most_stretch
        )
        return bounds[0].T, bounds[1].T

    def anchors(self, snippets: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """The anchors themselves, as start and end (n, A) in snippets."""
        centre = torch.from_numpy(self.centres(snippets))[:, None]
        half = torch.tensor(self.settings.anchors, dtype=torch.float64) / 2
        return centre - half, centre + half

    def centres(self, snippets: NDArray[np.int64]) -> NDArray[np.float64]:
        """Where anchors at `snippets` (n,) are centred."""
        return snippets.astype(np.float64) + (0.5 if self.settings.anchor_centre == "middle" else 0.0)
