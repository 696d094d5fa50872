"""Detection mAP as different codes have it: evaluators that differ by points, here by the fields of one record.

activitynet    `activitynet/ActivityNet`, eval_detection.py; copied into most repositories since.
thumos14       the later THUMOS14 kit (TH14evalDet_Updated.m): precision at the true positives.
thumos14-11pt  the first THUMOS14 kit (TH14evaldet.m, TH14eventdetpr.m): precision at 11 points of recall.
wtalc          detectionMAP.py of `sujoyp/wtalc-pytorch`.
3cnet          detectionMAP.py of `naraysa/3c-net`: W-TALC's, with another choice of instance and another AP.
co2net         eval_detection.py of `harlanhong/MM2021-CO2-Net`: ActivityNet's, on truth in whole snippets.

docs/protocols.md puts them side by side and says who uses which.
"""

from dataclasses import dataclass, replace
from typing import Literal

SNIPPETS_PER_SECOND = 25 / 16  # 16 frames at 25 frames/s


@dataclass(frozen=True)
class Protocol:
    """What an evaluator does where evaluators differ.

    Attributes:
        name: how a user names it.
        chooser: who takes turns: detections by score, or instances in file order.
        prefers: what a chooser takes first: the largest tIoU, or the first instance in the file that is enough.
        equal_tiou: among equal tIoUs: the place that NumPy's `argsort()[::-1]` gives, or the first in the file.
        equal_scores: among equal scores: as `argsort()[::-1]` or `argsort(-score)` of NumPy has them in each class;
            by name of the video, then as in the file; the same, but true positives before false ones; as in the file.
        strict: a match needs tIoU > t, not >= t.
        absolute: segments of the truth that end before they start are swapped, and the union is measured from the
            first start to the last end.
        ap: precision made monotone from the right, over every change of recall; mean precision at the true positives;
            or mean of the largest precision from each of 11 points of recall on.
        ambiguous: THUMOS14's Ambiguous segments: ignored; detections that touch one are no false positives; or they are
            deleted before anything else.
        empty_videos: detections in videos without any instance: false positives, or dropped.
        missing_class: a class without a detection: its AP is 0, or the whole mAP.
        zero_union: two segments whose union has no length (0/0): no match, or a match.
        snippets_per_second: unit of those that round times to whole snippets (half to even); None: seconds.
        rounded: which times are rounded: those of the truth, or of the detections too.
        suffixes: endings that are taken off the names of the detections' videos.
    """

    name: str
    chooser: Literal["detection", "instance"] = "detection"
    prefers: Literal["tiou", "file"] = "tiou"
    equal_tiou: Literal["numpy reversed", "file"] = "file"
    equal_scores: Literal["numpy reversed", "numpy", "video", "true first", "file"] = "file"
    strict: bool = False
    absolute: bool = False
    ap: Literal["interpolated", "plain", "11 points"] = "plain"
    ambiguous: Literal["ignored", "excused", "deleted"] = "ignored"
    empty_videos: Literal["counted", "dropped"] = "counted"
    missing_class: Literal["zero_class", "zero_all"] = "zero_class"
    zero_union: Literal["miss", "match"] = "miss"
    snippets_per_second: float | None = None
    rounded: Literal["nothing", "truth", "all"] = "nothing"
    suffixes: tuple[str, ...] = ()

    @property
    def ties(self) -> str:
        """How equal scores and equal tIoUs are ordered, in words."""
        scores = {
            "numpy reversed": "as NumPy's portable argsort()[::-1] has them in each class",
            "numpy": "as NumPy's portable argsort(-score) has them in each class",
            "video": "by name of the video, then order of the file",
            "true first": "true positives before false ones",
            "file": "order of the file",
        }[self.equal_scores]
        if self.chooser == "instance":
            overlaps = "equal tIoU: the detection with the higher score"
        elif self.prefers == "file":
            overlaps = "the instance that comes first in the file, whatever its tIoU"
        elif self.equal_tiou == "file":
            overlaps = "equal tIoU: the instance that comes first in the file"
        else:
            overlaps = "equal tIoU: the instance that NumPy's portable argsort()[::-1] puts first"
        return f"equal scores: {scores}; {overlaps}"


# fmt: off
_ACTIVITYNET = Protocol("activitynet", equal_tiou="numpy reversed", equal_scores="numpy reversed", ap="interpolated",
                        zero_union="match")
_THUMOS14 = Protocol("thumos14", chooser="instance", equal_scores="video", strict=True, absolute=True, ap="plain",
                     ambiguous="excused", suffixes=(".mp4", ".mpeg"))
_WTALC = Protocol("wtalc", prefers="file", equal_scores="numpy", ap="plain", ambiguous="deleted",
                  empty_videos="dropped", missing_class="zero_all",
                  snippets_per_second=SNIPPETS_PER_SECOND, rounded="all")
PROTOCOLS = {p.name: p for p in (
    _ACTIVITYNET,
    _THUMOS14,
    _WTALC,
    replace(_WTALC, name="3cnet", prefers="tiou", ap="interpolated"),
    replace(_ACTIVITYNET, name="co2net", snippets_per_second=SNIPPETS_PER_SECOND, rounded="truth"),
    replace(_THUMOS14, name="thumos14-11pt", equal_scores="true first", ap="11 points"),
)}
# fmt: on
