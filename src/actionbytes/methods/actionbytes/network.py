"""ActionBytes: learning from trimmed videos to localize actions (Jain, Ghodrati, Snoek, CVPR 2020): the mining.

How a video is cut is in `localization/bytes.py`, the transfer of labels in `localization/transfer.py`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.nn import functional as F

from actionbytes.errors import UserError
from actionbytes.localization.bytes import bytes_of
from actionbytes.methods.actionbytes.parameters import ActionBytesParameters
from actionbytes.methods.base import Method
from actionbytes.methods.layers import linear, project
from actionbytes.methods.sets import Batch, Round, TrainingSet
from actionbytes.methods.wtalc.network import Wtalc, kmax_scores, mil_loss, relu_dropout

Ints = NDArray[np.int64]
ROWS_AT_ONCE = 8192


class ActionBytes(Wtalc):
    """Section 3 of the paper: rounds of cutting, clustering and training on the clusters as classes.

    W-TALC's network with K pseudo-classes; a transfer layer, linear from pseudo-classes to the C true ones at every
    snippet, gives the activations. It starts from the hidden layer of a W-TALC run on the true labels (the paper's
    Baseline). By default true labels train the transfer layer alone, so that pseudo-labels alone shape the latent, and
    it learns from centred activations without dropout: behind dropout it converges several times more slowly.
    """

    settings: ActionBytesParameters
    least_shared = 2  # a pseudo-class of one video has no couple to compare

    def __init__(self, dim: int, classes: int, parameters: ActionBytesParameters, generator: torch.Generator) -> None:
        """Set up W-TALC's network for K pseudo-classes, and the transfer layer to the C true ones; see `Method`."""
        super().__init__(dim, parameters.clusters, parameters, generator)
        self.classes = classes
        self.transfer = linear(parameters.clusters, classes, generator)

    @property
    def rounds(self) -> int:
        """One for each mining round."""
        return self.settings.rounds

    def begin(self, runs: Mapping[str, Method]) -> None:
        """Take the hidden layer of a finished W-TALC run, "baseline".

        Raises:
            UserError: If its hidden layer has another shape.
        """
        baseline = cast(Wtalc, runs["baseline"])
        theirs, ours = baseline.hidden.weight.shape, self.hidden.weight.shape
        if theirs != ours:
            raise UserError(f"the run to start from has a hidden layer of {tuple(theirs)}, this one {tuple(ours)}")
        self.hidden.load_state_dict(baseline.hidden.state_dict())

    def prepare(
        self,
        sets: Mapping[str, TrainingSet],
        round: int,
        memory: Mapping[str, NDArray[Any]],
        rng: np.random.Generator,
    ) -> Round:
        """One round's mining: cut every video, cluster the mean latents of its bytes, let the clusters be its labels.

        Classifier and transfer layer start anew, since clusters of two rounds have nothing to do with each other.
        """
        from sklearn.metrics import normalized_mutual_info_score  # a second to load: only mining pays

        ((source, videos),) = sets.items()
        segments, owner, points = self.mine(videos.rows, videos.offsets)
        cluster, objective = kmeans(points, self.settings.clusters, self.settings.kmeans_iterations, rng)
        targets = np.zeros((len(videos.names), self.settings.clusters), dtype=bool)
        targets[owner, cluster] = True
        fresh = torch.Generator().manual_seed(int(rng.integers(2**63)))
        for layer in (self.classifier, self.transfer):
            nn.init.xavier_uniform_(layer.weight, generator=fresh)
            nn.init.zeros_(layer.bias)
        snippets = np.full(videos.offsets[-1], -1, dtype=np.int32)  # cluster of each snippet, to compare rounds
        for (start, end), number in zip(segments, cluster, strict=True):
            snippets[start:end] = number
        facts = {
            "bytes": float(len(cluster)),
            "bytes_per_video": len(cluster) / len(videos.names),
            "byte_length": float((segments[:, 1] - segments[:, 0]).mean()),
            "objective": objective,
            "objective_per_byte": objective / len(cluster),
            "shared_clusters": float((targets.sum(0) >= 2).sum()),
        }
        if "clusters" in memory:
            both = (memory["clusters"] >= 0) & (snippets >= 0)
            facts["nmi"] = float(normalized_mutual_info_score(memory["clusters"][both], snippets[both]))
        return Round({source: targets}, {"clusters": snippets}, facts)

    def mine(self, rows: NDArray[np.floating], offsets: Ints) -> tuple[Ints, Ints, NDArray[np.float32]]:
        """Cut all videos into ActionBytes.

        Args:
            rows: (sum T, D) features of all videos.
            offsets: (N + 1,) first row of each video.

        Returns:
            Of all n bytes: start and end in rows (n, 2), video (n,), mean latent (n, l).
        """
        limit = int(offsets[-1]) * len(self.settings.bytes.percentiles)
        points = np.empty(
            (limit, self.settings.latent_dim), dtype=np.float32
        )  # pages that are never written take no memory
        segments, owners, count = [], [], 0
        for video, latent in self.latents(rows, offsets):
            pieces = bytes_of(latent, self.settings.bytes)  # (n, 2)
            for start, end in pieces:
                latent[start:end].mean(0, out=points[count])
                count += 1
            segments.append(pieces + offsets[video])
            owners.append(np.full(len(pieces), video))
        return np.concatenate(segments), np.concatenate(owners), points[:count]

    def latents(self, rows: NDArray[np.floating], offsets: Ints) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Latents without dropout, computed for many videos at once.

        Args:
            rows: (sum T, D) features of all videos.
            offsets: (N + 1,) first row of each video.

        Yields:
            Video and its latent (T, l), one by one.
        """
        first = 0
        while first < len(offsets) - 1:
            last = max(first + 1, int(np.searchsorted(offsets, offsets[first] + ROWS_AT_ONCE, "right")) - 1)
            block = np.asarray(rows[offsets[first] : offsets[last]], dtype=np.float32)
            with torch.inference_mode():
                latent = F.relu(self.hidden(torch.from_numpy(block))).numpy()
            for video in range(first, last):
                yield video, latent[offsets[video] - offsets[first] : offsets[video + 1] - offsets[first]]
            first = last

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """W-TALC's losses on pseudo-classes, and k-max MIL with the true labels on the transfer layer."""
        s = self.settings
        before = project(batch.rows, self.hidden)  # (R, l), before ReLU
        latent = relu_dropout(before, s.dropout, batch.rng)
        pseudo = self.classifier(latent)  # (R, K)
        losses = self.weak_losses(pseudo, latent, batch)
        with torch.set_grad_enabled(s.transfer_backprop):
            seen = pseudo if s.transfer_dropout else self.classifier(F.relu(before))
        source = self.source(seen if s.transfer_backprop else seen.detach())  # (R, C)
        transfer = mil_loss(kmax_scores(source, batch.offsets, s.topk_divisor), batch.labels)
        return losses | {"total": losses["total"] + s.transfer_weight * transfer, "transfer": transfer}

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor, None]:
        """Activations (R, C) of the true classes and latent (R, l) of snippets (R, D)."""
        latent = F.relu(self.hidden(rows))
        return self.source(self.classifier(latent)), latent, None

    def source(self, pseudo: Tensor) -> Tensor:
        """Activations (R, C) of the true classes from those of the pseudo-classes (R, K).

        What is common to all pseudo-classes is subtracted first, which the transfer layer could do itself: no loss
        holds it in place, it is most of the variance, and the layer does not learn in front of it.
        """
        if self.settings.transfer_centre:
            pseudo = pseudo - pseudo.mean(1, keepdim=True)
        return self.transfer(pseudo)


def kmeans(points: NDArray[np.float32], clusters: int, iterations: int, rng: np.random.Generator) -> tuple[Ints, float]:
    """k-means++ and Lloyd's algorithm, one run.

    One thread, so that the result does not depend on the machine's cores. An empty cluster is filled by scikit-learn
    with the point farthest from its centre.

    Args:
        points: (n, l); used as scratch space.
        clusters: Number of clusters.
        iterations: Most iterations.
        rng: Source of the seed.

    Returns:
        Cluster of each point (n,), and the sum of squared distances.

    Raises:
        UserError: If n < clusters.
    """
    from sklearn.cluster import KMeans

    if len(points) < clusters:
        raise UserError(f"{len(points)} bytes cannot make {clusters} clusters; lower clusters or add videos")
    seed = int(rng.integers(2**31))
    model = KMeans(clusters, n_init=1, max_iter=iterations, random_state=seed, copy_x=False, algorithm="lloyd")
    with threadpool_limits(1):
        model.fit(points)
    return model.labels_.astype(np.int64), float(model.inertia_)
