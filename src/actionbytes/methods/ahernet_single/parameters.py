"""What can be set about the anchor network on one source."""

from typing import ClassVar, Literal

from pydantic import Field

from actionbytes.methods.ahernet.parameters import AnchorParameters


class AhernetSingleParameters(AnchorParameters):
    """The anchor network with a class head of its own."""

    summary: ClassVar[str] = "AherNet* and AherNet_M: the anchor network alone, from segments or from whole moments."

    truth: Literal["segments", "whole", "inside"] = Field(
        "segments",
        description="what is to be localized: segments: the annotated ones (AherNet*); whole: each video is one moment "
        "that fills the time line (AherNet_M); inside: each is one moment at a random place among zeros",
    )
    min_length: int = Field(1, ge=1, description="snippets of the shortest video that is learned from")
