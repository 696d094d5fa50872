"""What can be set about AherNet^0."""

from typing import Any, ClassVar

from pydantic import Field

from actionbytes.localization.thresholds import SegmentRules
from actionbytes.methods.ahernet_zero.detection import MultiThreshold
from actionbytes.methods.parameters import MethodParameters


class AhernetZeroParameters(MethodParameters):
    """A classifier of snippets, from moments."""

    summary: ClassVar[str] = "AherNet^0: a snippet classifier from moments, its scores cut at many thresholds."
    localization: ClassVar[type[SegmentRules]] = MultiThreshold
    schedule: ClassVar[dict[str, Any]] = {"lr": 1e-4, "iterations": 15_000, "batch": 16, "weight_decay": 0.0}

    hidden: int = Field(512, ge=1, description="width of the classifier's hidden layer; our choice")
