"""Parameters of an evaluation: what is done about flaws of the truth, and where a protocol leaves its original."""

from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from actionbytes.evaluation.protocols import PROTOCOLS, Protocol
from actionbytes.parameters import Parameters

AR_AN = "ar-an"  # average recall of proposals, which is no detection protocol but is chosen beside them


class Quirks(Parameters):
    """What to do about known flaws of the truth. The defaults change nothing: every instance counts as annotated."""

    video_list: Literal["all", "213", "212", "211", "210"] = Field(
        default="all",
        description="THUMOS14 test list; 212 drops 1292 (no instance), 211 drops 270 and 1496, 210 all three",
    )
    duplicates: Literal["keep", "drop", "near"] = Field(
        default="keep",
        description="instances of one class with equal times: each needs its own detection, or only one counts; near "
        "takes times within 0.001 s for equal, as OpenTAD and ActionFormer do",
    )
    zero_length: Literal["keep", "drop", "short"] = Field(
        default="keep",
        description="instances that do not end after their start: counted, or left out (as OpenTAD does); short leaves "
        "out all that are shorter than 0.001 s (as ActionFormer does)",
    )
    past_end: Literal["keep", "drop", "clip"] = Field(
        default="keep",
        description="instances that end more than 0.5 s after the video: keep, leave out, or cut to the duration",
    )
    diving: Literal["keep", "single"] = Field(
        default="keep",
        description="'single' leaves out the Diving copy that THUMOS14 has of every CliffDiving instance",
    )


class Evaluation(Quirks):
    """Parameters of an evaluation. The defaults are the protocols as their originals have them, on the whole truth."""

    ambiguous: bool = Field(
        default=True, description="THUMOS14's Ambiguous segments: as the protocol has it, or ignored"
    )
    missing_class: Literal["zero_all", "zero_class"] = Field(
        default="zero_all",
        description="a class without any detection, under wtalc and 3cnet: the whole mAP is 0 as in the original, or "
        "only its AP",
    )
    snippets_per_second: float = Field(
        default=25 / 16,
        gt=0,
        allow_inf_nan=False,
        description="snippets a second, the unit of wtalc, 3cnet and co2net, which round times to whole snippets: "
        "16 frames at 25 frames a second",
    )
    unknown_videos: Literal["refuse", "leave-out", "count"] = Field(
        default="refuse",
        description="detections in videos that the truth does not have: an error, left out, or counted as false "
        "positives as the originals do; count also takes those in videos that a list leaves out",
    )
    zero_union: Literal["original", "miss", "match"] = Field(
        default="original",
        description="under activitynet and co2net, segments whose union has no length (0/0): a match as in the "
        "original, or a miss",
    )
    ties: Literal["original", "file"] = Field(
        default="original",
        description="detections of equal score: in the order that the original has, or in that of the file",
    )
    max_proposals: int = Field(
        default=100, ge=1, description="under ar-an, the largest average number of proposals per video"
    )

    def applied(self, protocol: Protocol) -> Protocol:
        """The protocol with these options."""
        changes: dict[str, Any] = {}
        if not self.ambiguous:
            changes["ambiguous"] = "ignored"
        if protocol.missing_class == "zero_all":
            changes["missing_class"] = self.missing_class
        if protocol.snippets_per_second is not None:
            changes["snippets_per_second"] = self.snippets_per_second
        if protocol.zero_union == "match" and self.zero_union == "miss":
            changes["zero_union"] = "miss"
        if self.ties == "file":
            changes["equal_scores"] = "file"
        return replace(protocol, **changes)


def without_effect(option: str, value: Any, protocol: str) -> bool:
    """Whether an option of `Evaluation` changes nothing under a protocol, whatever the detections.

    Args:
        option: name of the field.
        value: what it was set to.
        protocol: name of a detection protocol, or "ar-an".
    """
    if protocol == AR_AN:
        return option in ("ambiguous", "missing_class", "snippets_per_second", "zero_union")
    original = PROTOCOLS[protocol]
    return {
        "ambiguous": original.ambiguous == "ignored",
        "missing_class": original.missing_class == "zero_class",
        "snippets_per_second": original.snippets_per_second is None,
        "zero_union": original.zero_union == "miss",
        "unknown_videos": value == "count" and original.empty_videos == "dropped",
        "max_proposals": True,
    }.get(option, False)
