"""The six updates of a training step of AherNet (Algorithm 1)."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from actionbytes.methods.ahernet import losses
from actionbytes.methods.ahernet.anchornet import Classifiers, cell_logits
from actionbytes.methods.ahernet.contexts import context_loss
from actionbytes.methods.ahernet.inputs import Contexts, Foregrounds, Scene, Targets
from actionbytes.methods.ahernet.model import AherModel

Losses = dict[str, Tensor]


class Updates:
    """What one training step changes, an update at a time: each with an optimizer and weights of its own.

    Maps of synthetic videos are kept from one update to the next as long as neither generators nor convolutions change.
    """

    def __init__(self, model: AherModel, optimizers: Mapping[str, Optimizer], scene: Scene) -> None:
        self.model, self.optimizers, self.scene = model, optimizers, scene
        self.summed = model.settings.adams == "summed"
        self._made: list[Tensor] | None = None

    def moments(self) -> Losses:
        """L_reg of moments, in their classifier and, unless `moment_backbone` is fixed, the convolutions."""
        model, scene = self.model, self.scene
        weights, learns = list(model.moment_classes.parameters()), model.settings.moment_backbone == "shared"
        if learns:
            weights += (model.moment_backbone or model.backbone).parameters()
        loss = self._moment_loss(model.moment_classes, scene.moments, scene.moment_classes, learns)
        descend([(self.optimizers["classifiers" if self.summed else "moments"], loss)], weights)
        return {"moments": loss.detach()}

    def foregrounds(self) -> Losses:
        """L_reg of untrimmed videos' foregrounds, in their classifier alone."""
        pieces = self.scene.foregrounds
        if not len(pieces.features):
            return {"foregrounds": torch.zeros(())}
        loss = self._moment_loss(self.model.foreground_classes, pieces.features, pieces.classes, False)
        optimizer = self.optimizers["classifiers" if self.summed else "foregrounds"]
        descend([(optimizer, loss)], self.model.foreground_classes.parameters())
        return {"foregrounds": loss.detach()}

    def untrimmed(self) -> Losses:
        """L_prop and L_cls of untrimmed videos, in convolutions, heads and weight transfer."""
        model, weights = self.model, [*self.model.backbone.parameters(), *self.model.heads.parameters()]
        maps = model.backbone(self.scene.untrimmed)
        if model.settings.classifier == "proposals":
            return self._localize("untrimmed", maps, self.scene.real, None, weights)
        weights += model.transfer.parameters()
        of_cells = model.transferred(model.foreground_classes)
        return self._localize("untrimmed", maps, self.scene.real, of_cells, weights)

    def discriminator(self) -> Losses:
        """L_adD, in the discriminators."""
        with torch.no_grad():
            real = self.model.backbone(self.scene.untrimmed)
        loss = self._discriminator_loss(real, [x.detach() for x in self._synthetic_maps()])
        descend([(steady(self.optimizers["discriminator"]), loss)], self.model.discriminators.parameters())
        return {"discriminator": loss.detach()}

    def generators(self) -> Losses:
        """L_adG, L_cls and L_prop of synthetic videos together, in the generators."""
        for _ in range(self.model.settings.generator_steps):
            adversary = self._generator_loss()
            proposals, classes = self._synthetic_losses()
            loss = adversary + proposals["proposals"] + classes
            descend([(steady(self.optimizers["generators"]), loss)], self.model.generators.parameters())
            self._made = None
        return {"generators": adversary.detach()}

    def generators_by_localization(self) -> Losses:
        """L_cls and L_prop of synthetic videos, each with an optimizer of its own, in the generators."""
        proposals, classes = self._synthetic_losses()
        by_loss = [
            (self.optimizers["generators_proposals"], proposals["proposals"]),
            (self.optimizers["generators_classes"], classes),
        ]
        descend(by_loss, self.model.generators.parameters())
        self._made = None
        return {}

    def generators_by_adversary(self) -> Losses:
        """L_adG, in the generators."""
        for _ in range(self.model.settings.generator_steps):
            loss = self._generator_loss()
            descend([(steady(self.optimizers["generators"]), loss)], self.model.generators.parameters())
            self._made = None
        return {"generators": loss.detach()}

    def synthetic(self) -> Losses:
        """L_prop and L_cls of synthetic videos, in convolutions and heads; L_adD too where the settings say so."""
        model = self.model
        with torch.no_grad():
            features = model.synthetic(self.scene)
        maps = model.backbone(features)
        more = None
        if model.settings.discriminator_into_backbone and model.settings.contexts == "adversarial":
            more = self._discriminator_loss(model.backbone(self.scene.untrimmed), maps)
        weights = [*model.backbone.parameters(), *model.heads.parameters()]
        of_cells = _fixed(model.transferred(model.moment_classes))
        self._made = None
        return self._localize("synthetic", maps, self.scene.made, of_cells, weights, more)

    def contexts(self, real: Sequence[Contexts]) -> Losses:
        """The squared error of contexts made from foregrounds against the real ones, in the generators."""
        made = self.model.generators(as_moments(self.scene.foregrounds))
        loss = torch.stack([context_loss(ours, x.features, x.there) for ours, x in zip(made, real, strict=True)]).sum()
        descend([(self.optimizers["contexts"], loss)], self.model.generators.parameters())
        return {"total": loss.detach()}

    def _moment_loss(self, classifiers: Classifiers, moments: Tensor, classes: Tensor, through: bool) -> Tensor:
        """Weighted L_reg (eq. 4), with gradients to the convolutions if they are to go `through`."""
        with torch.set_grad_enabled(through):
            maps = self.model.moment_maps(moments)
        return self.model.settings.class_weight * losses.moment_loss(classifiers(maps), classes)

    def _localize(
        self,
        name: str,
        maps: Sequence[Tensor],
        targets: Targets,
        of_cells: Sequence[tuple[Tensor, Tensor]] | None,
        weights: Iterable[nn.Parameter],
        more: Tensor | None = None,
    ) -> Losses:
        """Learn to localize: proposals (and `more`), and classes unless there are no weights `of_cells`."""
        model = self.model
        parts = model.proposal_losses(model.heads(maps), targets)
        proposals = parts["proposals"] if more is None else parts["proposals"] + more
        logged = {f"{name}_{part}": loss.detach() for part, loss in parts.items()}
        if of_cells is None:
            descend([(self.optimizers[name if self.summed else f"{name}_proposals"], proposals)], weights)
            return logged
        classes = model.class_loss(cell_logits(maps, of_cells), targets)
        if self.summed:
            descend([(self.optimizers[name], proposals + classes)], weights)
        else:
            by_loss = [
                (self.optimizers[f"{name}_proposals"], proposals),
                (self.optimizers[f"{name}_classes"], classes),
            ]
            descend(by_loss, weights)
        return {**logged, f"{name}_classes": classes.detach()}

    def _synthetic_maps(self) -> list[Tensor]:
        """Maps of the synthetic videos that the generators make now, with gradients to these."""
        if self._made is None:
            self._made = self.model.backbone(self.model.synthetic(self.scene))
        return self._made

    def _synthetic_losses(self) -> tuple[Losses, Tensor]:
        """L_prop and L_cls of the synthetic videos that the generators make now."""
        model, maps = self.model, self._synthetic_maps()
        logits = cell_logits(maps, _fixed(model.transferred(model.moment_classes)))
        return model.proposal_losses(model.heads(maps), self.scene.made), model.class_loss(logits, self.scene.made)

    def _discriminator_loss(self, real: Sequence[Tensor], made: Sequence[Tensor]) -> Tensor:
        of_both = self._background()
        judge = self.model.discriminators
        rows = slice(len(of_both))
        loss = losses.discriminator_loss(judge(real)[rows], judge(made)[rows], of_both)
        return self.model.settings.adversary_weight * loss

    def _generator_loss(self) -> Tensor:
        of_both = self._background()
        told = self.model.discriminators(self._synthetic_maps())[: len(of_both)]
        return self.model.settings.adversary_weight * losses.generator_loss(told, of_both)

    def _background(self) -> Tensor:
        """Anchors that are background in the real and in the synthetic video at the same place of their batches."""
        real, made, limit = self.scene.real.iou, self.scene.made.iou, self.model.settings.background
        count = min(len(real), len(made))
        return losses.background_of_both(real[:count], made[:count], limit)


def as_moments(pieces: Foregrounds) -> Tensor:
    """Foregrounds (F, S, D) at the length of moments, (F, S/2, D): the mean of neighbouring steps."""
    return (pieces.features[:, ::2] + pieces.features[:, 1::2]) / 2


def descend(by_loss: Sequence[tuple[Optimizer, Tensor]], weights: Iterable[nn.Parameter]) -> None:
    """Let each optimizer take a step down its loss in `weights` alone; all gradients are taken before any step.

    Nothing else gets a gradient, whatever the losses depend on, and an optimizer's other weights stay as they are.
    """
    weights = list(weights)
    gradients = [
        torch.autograd.grad(loss, weights, retain_graph=number < len(by_loss), materialize_grads=True)
        for number, (_, loss) in enumerate(by_loss, 1)
    ]
    for (optimizer, _), of_loss in zip(by_loss, gradients, strict=True):
        for weight, gradient in zip(weights, of_loss, strict=True):
            weight.grad = gradient
        optimizer.step()
    for weight in weights:
        weight.grad = None


def steady(optimizer: Optimizer) -> Optimizer:
    """The optimizer at the learning rate that it was made with, whatever the schedule has set."""
    for group in optimizer.param_groups:
        group["lr"] = group.get("initial_lr", group["lr"])
    return optimizer


def _fixed(weights: Sequence[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    return [(weight.detach(), bias.detach()) for weight, bias in weights]
