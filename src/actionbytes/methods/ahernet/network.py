"""AherNet: localization of classes that are known from trimmed moments alone (Long et al., ECCV 2020).

Scores to segments is in `methods/ahernet/detection.py`, what a step does in `methods/ahernet/updates.py`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from actionbytes.errors import UserError
from actionbytes.methods.ahernet.contexts import noise
from actionbytes.methods.ahernet.inputs import (
    Scene,
    Targets,
    foregrounds_of,
    real_contexts,
    shares,
    targets_of,
    time_lines,
    truths_of,
)
from actionbytes.methods.ahernet.localizer import AnchorMethod
from actionbytes.methods.ahernet.model import AherModel
from actionbytes.methods.ahernet.parameters import AhernetParameters
from actionbytes.methods.ahernet.sampler import LongEnoughSampler, uncovered_share
from actionbytes.methods.ahernet.timeline import Layout, layout
from actionbytes.methods.ahernet.updates import Updates
from actionbytes.methods.base import Method
from actionbytes.methods.optimizers import optimizer_of
from actionbytes.methods.parameters import MethodParameters, Optimization
from actionbytes.methods.sets import Batch, Round, Sampler, TrainingSet


class Ahernet(AherModel):
    """AherNet, trained by Algorithm 1 from untrimmed videos with segments and moments with labels.

    With `contexts: pretrained` there is a round before, in which the generators learn real contexts.
    """

    preparing: Tensor  # 1 in the round in which generators learn real contexts

    def __init__(
        self,
        dim: int,
        classes: int,
        parameters: AhernetParameters,
        generator: torch.Generator,
        untrimmed_classes: int | None = None,
    ) -> None:
        super().__init__(dim, classes, parameters, generator, untrimmed_classes)
        self.register_buffer("preparing", torch.zeros(1))

    @classmethod
    def built(
        cls,
        dim: int,
        classes: int,
        source_classes: Mapping[str, int],
        parameters: MethodParameters,
        generator: torch.Generator,
    ) -> "Ahernet":
        """Build it for a run: untrimmed videos have classes of their own."""
        assert isinstance(parameters, AhernetParameters)
        return cls(dim, classes, parameters, generator, source_classes["untrimmed"])

    @property
    def rounds(self) -> int:
        """Two where generators learn real contexts first."""
        return 2 if self.settings.contexts == "pretrained" else 1

    def begin(self, runs: Mapping[str, Method]) -> None:
        """Start convolutions and heads from a run on untrimmed videos (Algorithm 1, line 1).

        Raises:
            UserError: If that run's network has other sizes.
        """
        start = runs["localizer"]
        assert isinstance(start, AnchorMethod)
        try:
            self.backbone.load_state_dict(start.backbone.state_dict())
            self.heads.load_state_dict(start.heads.state_dict())
        except RuntimeError:
            raise UserError("ahernet: stem, channels or features of the run to start from differ; set alike") from None

    def prepare(
        self,
        sets: Mapping[str, TrainingSet],
        round: int,
        memory: Mapping[str, NDArray[Any]],
        rng: np.random.Generator,
    ) -> Round:
        """Note which round it is, and how many truths no anchor overlaps enough to learn from.

        Raises:
            UserError: If the untrimmed videos have no segments.
        """
        if sets["untrimmed"].segments is None:
            raise UserError("ahernet: its untrimmed videos need segments; set `supervision: segments` of that source")
        share = uncovered_share(sets["untrimmed"], self.grid, self.settings.steps, self.settings.foreground)
        self.preparing.fill_(round + 1 < self.rounds)
        return Round({}, {}, {"uncovered": share})

    def sampler(self, sets: Mapping[str, TrainingSet], training: Optimization) -> Sampler:
        """Untrimmed videos and moments at random; moments that are too short are never drawn."""
        return LongEnoughSampler(sets, {"moments": self.settings.min_moment}, training.batch)

    def optimizers(self, training: Optimization) -> dict[str, Optimizer]:
        """One for each line of Algorithm 1, five in all; with `adams: separate` the public code's ten."""
        settings = self.settings
        localizer = _weights(self.backbone, self.heads)
        moments = _weights(self.moment_classes, self.moment_backbone or self.backbone)
        usual, steady = {}, {}
        if settings.classifier == "proposals":
            usual = {"moments": moments, "untrimmed_proposals": localizer}
            if settings.adams == "summed":
                usual = {"classifiers": moments, "untrimmed": localizer}
        elif settings.adams == "summed":
            usual["classifiers"] = [*moments, *self.foreground_classes.parameters()]
            usual["untrimmed"] = [*localizer, *self.transfer.parameters()]
            usual["synthetic"] = localizer
        else:
            usual = {"moments": moments, "foregrounds": _weights(self.foreground_classes)}
            usual |= _by_loss("untrimmed", [*localizer, *self.transfer.parameters()])
            usual |= _by_loss("synthetic", localizer)
        if settings.contexts == "pretrained":
            usual["contexts"] = _weights(self.generators)
        if settings.contexts == "adversarial":
            steady = {"discriminator": _weights(self.discriminators), "generators": _weights(self.generators)}
            if settings.adams == "separate":
                usual |= _by_loss("generators", steady["generators"])
        betas = (settings.adversary_beta, 0.999)
        return {name: optimizer_of(weights, training) for name, weights in usual.items()} | {
            name: Adam(weights, settings.adversary_lr, betas, fused=True) for name, weights in steady.items()
        }

    def step(self, batches: Mapping[str, Batch], optimizers: Mapping[str, Optimizer]) -> dict[str, Tensor]:
        """Algorithm 1, lines 3 to 6: six updates in this order."""
        settings, untrimmed = self.settings, batches["untrimmed"]
        scene = self.scene(untrimmed, batches["moments"])
        update = Updates(self, optimizers, scene)
        if self.preparing:
            return update.contexts(real_contexts(untrimmed, scene.foregrounds, settings.steps))
        losses = update.moments()
        if settings.classifier == "cells":
            losses |= update.foregrounds()
        losses |= update.untrimmed()
        if settings.contexts == "adversarial":
            if settings.adams == "separate":
                update.generators_by_localization()
            losses |= update.discriminator()
            losses |= update.generators() if settings.adams == "summed" else update.generators_by_adversary()
        if settings.contexts != "off":
            losses |= update.synthetic()
        return losses | {"total": total(losses), "uncovered": torch.tensor(scene.real.uncovered)}

    def scene(self, untrimmed: Batch, moments: Batch) -> Scene:
        """What a step sees: all that is drawn at random in it is drawn here."""
        settings, steps = self.settings, self.settings.steps
        layouts = [self._layout(number, moments.rng) for number in range(len(moments.labels))]
        seen = time_lines(moments, steps // 2)
        made = [np.array([x.truth], dtype=np.float64) for x in layouts]
        draw = torch.Generator().manual_seed(int(moments.rng.integers(2**62)))
        first_only = settings.foregrounds == "first"
        return Scene(
            untrimmed=time_lines(untrimmed, steps),
            real=self._targets(truths_of(untrimmed, steps), shares(untrimmed.labels)),
            foregrounds=foregrounds_of(untrimmed, steps, settings.min_foreground, first_only, untrimmed.rng),
            moments=seen,
            moment_classes=shares(moments.labels),
            layouts=layouts,
            made=self._targets(made, shares(moments.labels)),
            noise=noise(seen, draw) if settings.contexts == "noise" else None,
        )

    def _targets(self, truths: list[NDArray[np.float64]], classes: Tensor) -> Targets:
        return targets_of(truths, classes, self.grid, self.settings.steps, self.settings.foreground)

    def _layout(self, number: int, rng: np.random.Generator) -> Layout:
        """Where the moment of the synthetic video at this place of the batch goes."""
        settings = self.settings
        ratio, shift = rng.integers(settings.rho[0], settings.rho[1] + 1), rng.integers(1, 20)
        return layout(
            settings.steps,
            int(ratio),
            int(shift),
            settings.synthesis,
            odd=number % 2 == 1,
            fixed_end=settings.fixed_end,
            resize=settings.resize,
        )


def total(losses: Mapping[str, Tensor]) -> Tensor:
    """The sum of what localization minimises, for progress: proposals and classes of real and synthetic videos."""
    return torch.stack([x for name, x in losses.items() if name.endswith(("_proposals", "_classes"))]).sum()


def _weights(*modules: nn.Module) -> list[nn.Parameter]:
    return [weight for module in modules for weight in module.parameters()]


def _by_loss(name: str, weights: list[nn.Parameter]) -> dict[str, list[nn.Parameter]]:
    """The same weights for an optimizer of the proposals' loss and one of the classes'."""
    return {f"{name}_proposals": weights, f"{name}_classes": weights}
