"""TSRNet: SRNet that sees untrimmed videos as a trained network sees trimmed clips (Zhang et al., AAAI 2019)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from actionbytes.errors import UserError
from actionbytes.features.kinds import STREAMS
from actionbytes.methods.base import Method
from actionbytes.methods.parameters import MethodParameters, Optimization
from actionbytes.methods.sets import Batch, Round, Sampler, TrainingSet
from actionbytes.methods.srnet.network import Srnet
from actionbytes.methods.srnet.stream import Stream, class_loss, renew
from actionbytes.methods.tsrnet.mmd import squared_mmd
from actionbytes.methods.tsrnet.parameters import TsrnetParameters
from actionbytes.methods.tsrnet.sampler import ClassSampler, shared_classes


class Tsrnet(Srnet):
    """SRNet on untrimmed videos, and for each stream a second network that has learned trimmed clips.

    The second network comes from a finished SRNet run on the clips. What both feed to the layers of their classifiers
    is drawn together by the squared maximum mean discrepancy (eqs. 6 to 8), class by class where `pairing` says so.
    """

    settings: TsrnetParameters

    def __init__(
        self,
        dim: int,
        classes: int,
        parameters: TsrnetParameters,
        generator: torch.Generator,
        trimmed_classes: int | None = None,
    ) -> None:
        """Set up fresh weights of both networks of each stream.

        Args:
            dim: D of the features.
            classes: C of untrimmed videos.
            parameters: See `TsrnetParameters`.
            generator: Source of the initial weights. The untrimmed networks are those of an SRNet of the same one.
            trimmed_classes: Number of classes of trimmed clips; None: C.
        """
        super().__init__(dim, classes, parameters, generator)
        self.trimmed = self._streams(trimmed_classes or classes, generator)
        self.trimmed.requires_grad_(parameters.trimmed == "joint")

    @classmethod
    def built(
        cls,
        dim: int,
        classes: int,
        source_classes: Mapping[str, int],
        parameters: MethodParameters,
        generator: torch.Generator,
    ) -> "Tsrnet":
        """Build it for a run: the trimmed networks have as many classes as the clips."""
        assert isinstance(parameters, TsrnetParameters)
        return cls(dim, classes, parameters, generator, source_classes["trimmed"])

    def begin(self, runs: Mapping[str, Method]) -> None:
        """Take the trimmed networks over from an SRNet run on trimmed clips.

        Their last layers are taken too where that run has as many classes. Only `trimmed: joint` uses them.

        Raises:
            UserError: If that run has other streams or other sizes.
        """
        start = runs["trimmed"]
        assert isinstance(start, Srnet)
        if set(start.networks) != set(self.networks) or start.dim != self.dim:
            raise UserError("tsrnet: the trimmed run has other streams or features; train it on the same ones")
        for name in self.networks:
            _take(self.trimmed_stream(name), start.stream(name))
            if self.settings.init_from_trimmed:
                self.stream(name).fc1.load_state_dict(start.stream(name).fc1.state_dict())

    def trimmed_stream(self, name: str) -> Stream:
        """The network of a stream that has learned trimmed clips."""
        network = self.trimmed[name]
        assert isinstance(network, Stream)
        return network

    @property
    def rounds(self) -> int:
        """Two where shared classes are learned first."""
        return 2 if self.settings.overlap_first else 1

    def prepare(
        self,
        sets: Mapping[str, TrainingSet],
        round: int,
        memory: Mapping[str, NDArray[Any]],
        rng: np.random.Generator,
    ) -> Round:
        """Labels; in the first of two rounds of shared classes alone. The second starts with a new last layer."""
        pairs = shared_classes(sets["untrimmed"].classes, sets["trimmed"].classes, self.settings.same_class)
        facts = {"shared": float(len(pairs))}
        if round + 1 < self.rounds:
            labels = np.zeros_like(sets["untrimmed"].labels)
            labels[:, list(pairs)] = sets["untrimmed"].labels[:, list(pairs)]
            return Round({"untrimmed": labels}, {}, facts)
        if self.rounds > 1:
            seeds = rng.integers(2**62, size=len(STREAMS))
            for name, seed in zip(STREAMS, seeds, strict=True):
                if name in self.networks:
                    renew(self.stream(name), torch.Generator().manual_seed(int(seed)))
        return Round({}, {}, facts)

    def sampler(self, sets: Mapping[str, TrainingSet], training: Optimization) -> Sampler:
        """Videos, and clips of their classes beside them."""
        return ClassSampler(sets, self.settings, training.batch)

    def _trained(self, name: str) -> list[nn.Parameter]:
        """The untrimmed network of a stream; with `trimmed: joint` the trimmed one too."""
        trimmed = self.trimmed[name].parameters() if self.settings.trimmed == "joint" else ()
        return [*self.networks[name].parameters(), *trimmed]

    def loss(self, *batches: Batch) -> dict[str, Tensor]:
        """total: SRNet's loss on untrimmed videos and the weighted discrepancies of each stream (eq. 9)."""
        batch, clips = batches
        losses = {"total": torch.zeros(())}
        draws, clip_draws = self.draws(batch), self.draws(clips)
        paired = [torch.from_numpy(np.flatnonzero(x.groups >= 0)) for x in batches]
        ours, theirs = self.each(batch.rows), clips.rows.chunk(len(self.networks), dim=1)
        for (name, network, rows), clip_rows in zip(ours, theirs, strict=True):
            trimmed = self.trimmed_stream(name)
            videos = network(rows, np.diff(batch.offsets))
            of_clips = trimmed(clip_rows.contiguous(), np.diff(clips.offsets))
            losses |= self.attentive_loss(name, network, batch, videos, draws[name])
            distances = self.discrepancies(network, trimmed, videos.attended[paired[0]], of_clips.attended[paired[1]])
            losses |= {f"{name}_{layer}": x.detach() for layer, x in distances.items()}
            losses[name] = losses[name] + self.settings.transfer * sum(distances.values())
            if self.settings.trimmed == "joint":
                logits = trimmed.logits(trimmed.hidden(of_clips.attended), clip_draws[name])
                losses[f"{name}_trimmed"] = class_loss(logits, clips.labels, self.settings.class_loss)
                losses["total"] = losses["total"] + losses[f"{name}_trimmed"]
            losses["total"] = losses["total"] + losses[name]
        return losses

    def discrepancies(self, network: Stream, trimmed: Stream, videos: Tensor, clips: Tensor) -> dict[str, Tensor]:
        """Squared discrepancies of the inputs of the classifier's layers (eqs. 7 and 8), by layer.

        Args:
            network: The stream's untrimmed network.
            trimmed: Its trimmed one.
            videos: Attended features (P, D) of untrimmed videos that have a clip; P may be 0, and then nothing pulls.
            clips: Attended features (P, D) of those clips.
        """
        if not len(videos):
            return dict.fromkeys(self.settings.transfer_layers, videos.sum())
        first = trimmed if self.settings.transfer_fc1 == "own" else network
        inputs = {"fc1": (clips, videos), "fc2": (first.hidden(clips), network.hidden(videos))}
        return {
            layer: squared_mmd(*inputs[layer], self.settings.bandwidth, self.settings.kernels)
            for layer in self.settings.transfer_layers
        }


def _take(network: nn.Module, other: nn.Module) -> None:
    """Copy all weights that have the same shape in both networks."""
    ours = network.state_dict()
    taken = {name: x for name, x in other.state_dict().items() if ours[name].shape == x.shape}
    if missing := {name.split(".")[0] for name in ours if name not in taken} - {"fc2"}:
        raise UserError(f"tsrnet: {', '.join(sorted(missing))} of the trimmed run has another size; set both alike")
    network.load_state_dict(ours | taken)
