"""Small methods that do what no method of the papers here does yet, as folders of the room `methods`."""

import sys
import textwrap

import actionbytes.methods

HEAD = """
from typing import ClassVar
import numpy as np
import torch
from torch.nn import functional as F
from actionbytes.localization.thresholds import SegmentRules, Segments
from actionbytes.methods.base import ActivationMethod, Detected, Method
from actionbytes.methods.layers import linear
from actionbytes.methods.optimizers import optimizer_of
from actionbytes.methods.parameters import ActivationMethodParameters, MethodParameters
from actionbytes.methods.sets import Round


def nothing(classes):
    empty = np.zeros(0)
    return Detected(Segments(empty, empty, empty.astype(int), empty), {"fusion": np.zeros(classes, np.float32)})
"""

PARAMETERS = {
    "duel": """
class DuelParameters(MethodParameters):
    summary = "Two optimizers, the second one takes two steps."
""",
    "keeper": """
class KeeperParameters(MethodParameters):
    summary = "Three rounds, an array called `targets` in memory."
""",
    "pairing": """
class PairingParameters(MethodParameters):
    summary = "Two sources in a step; the second one's classes are no outputs."
    sources = ("untrimmed", "trimmed")
    classes_from = ("untrimmed",)
""",
    "follower": """
class FollowerParameters(MethodParameters):
    summary = "Starts from a run of another source."
    starts_from = {"teacher": "duel"}
""",
}

NETWORKS = {
    "duel": """
class Duel(Method):
    def __init__(self, dim, classes, parameters, generator):
        super().__init__(dim, classes, parameters, generator)
        self.maker, self.judge = linear(dim, classes, generator), linear(classes, 1, generator)

    def optimizers(self, training):
        slow = training.model_copy(update={"lr": training.lr / 2})
        return {"maker": optimizer_of(self.maker.parameters(), training),
                "judge": optimizer_of(self.judge.parameters(), slow)}

    def step(self, batches, optimizers):
        batch = batches["videos"]
        losses = {}
        for name in ("maker", "judge", "judge"):
            made = self.maker(batch.rows)
            judged = self.judge(made)
            loss = (made.mean(0) - batch.targets.mean(0)).square().sum() + judged.square().mean()
            optimizers[name].zero_grad()
            loss.backward()
            optimizers[name].step()
            losses[name] = loss
        return losses | {"total": losses["maker"]}

    def detect(self, features, localization):
        return nothing(self.classes)
""",
    "keeper": """
class Keeper(Method):
    def __init__(self, dim, classes, parameters, generator):
        super().__init__(dim, classes, parameters, generator)
        self.layer = linear(dim, classes, generator)

    @property
    def rounds(self):
        return 3

    def prepare(self, sets, round, memory, rng):
        videos = sets["videos"]
        before = memory.get("targets", np.zeros(2, dtype=np.int64))
        return Round({"videos": np.roll(videos.labels, round, axis=1)}, {"targets": before + 1 + round}, {
            "kept": float(before.sum())
        })

    def loss(self, batch):
        return {"total": (self.layer(batch.rows).mean(0) - batch.targets.mean(0)).square().sum()}

    def detect(self, features, localization):
        return nothing(self.classes)
""",
    "pairing": """
class Pairing(Method):
    def __init__(self, dim, classes, parameters, generator, trimmed=0):
        super().__init__(dim, classes, parameters, generator)
        self.untrimmed, self.trimmed = linear(dim, classes, generator), linear(dim, trimmed, generator)

    @classmethod
    def built(cls, dim, classes, source_classes, parameters, generator):
        return cls(dim, classes, parameters, generator, source_classes["trimmed"])

    def loss(self, untrimmed, trimmed):
        one = (self.untrimmed(untrimmed.rows).mean(0) - untrimmed.labels.mean(0)).square().sum()
        other = (self.trimmed(trimmed.rows).mean(0) - trimmed.labels.mean(0)).square().sum()
        return {"total": one + other, "untrimmed": one, "trimmed": other}

    def detect(self, features, localization):
        return nothing(self.classes)
""",
    "follower": """
class Follower(Method):
    def __init__(self, dim, classes, parameters, generator):
        super().__init__(dim, classes, parameters, generator)
        self.layer = linear(dim, 5, generator)

    def begin(self, runs):
        self.layer.load_state_dict(runs["teacher"].maker.state_dict())

    def loss(self, batch):
        return {"total": 0 * self.layer(batch.rows).sum()}

    def detect(self, features, localization):
        return nothing(self.classes)
""",
}


def install(folder, monkeypatch):
    """Put the toys beside the methods for the length of a test."""
    for name, parameters in PARAMETERS.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("")
        (folder / name / "parameters.py").write_text(HEAD + textwrap.dedent(parameters))
        (folder / name / "network.py").write_text(HEAD + textwrap.dedent(NETWORKS[name]))
        for module in ("", ".parameters", ".network"):
            monkeypatch.delitem(sys.modules, f"actionbytes.methods.{name}{module}", raising=False)
    monkeypatch.setattr(actionbytes.methods, "__path__", [*actionbytes.methods.__path__, str(folder)])
