"""What can be set about each method. Apart from the networks, so that a workflow checks parameters without torch."""

from collections.abc import Mapping
from typing import Any, ClassVar

from actionbytes.errors import UserError
from actionbytes.features.kinds import STREAMS
from actionbytes.localization.thresholds import Localization
from actionbytes.parameters import Parameters


class MethodParameters(Parameters):
    """What can be set about a method, and what it brings along: how its predictions become segments, its training."""

    localization: ClassVar[type[Parameters]] = Localization
    schedule: ClassVar[dict[str, Any]] = {}  # where the method's training differs from the defaults of `Training`
    transferable: ClassVar[bool] = True
    sources: ClassVar[tuple[str, ...]] = ("videos",)
    classes_from: ClassVar[tuple[str, ...] | None] = None
    starts_from: ClassVar[Mapping[str, str]] = {}

    @property
    def feature_streams(self) -> tuple[str, ...]:
        """The feature streams that the method sees, side by side."""
        return STREAMS

    @classmethod
    def check_transfer(cls, where: str) -> None:
        """Raise UserError if the method cannot detect other classes than its own."""
        if cls.localization is not Localization:
            raise UserError(f"{where}: this method detects the classes that it has learned; train it on the target's")
