"""What several commands read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from actionbytes.data.annotations import Video, of_subset, read_annotations
from actionbytes.data.detections import Detections, read_detections, with_class_names
from actionbytes.data.names import check_id
from actionbytes.errors import UserError
from actionbytes.localization.thresholds import SegmentRules
from actionbytes.localization.transfer import LabelTransfer
from actionbytes.methods.registry import method_parameters
from actionbytes.parameters import Parameters, validated, with_overrides


def video_files(arguments: tuple[Path, ...], same_names: bool = False) -> list[Path]:
    """The files among the arguments and the videos in its folders; two of one name are an error, unless allowed."""
    from actionbytes.data.manifests import VIDEO_SUFFIXES, videos_below

    paths: list[Path] = []
    for argument in arguments:
        if argument.is_dir():
            inside = videos_below(argument)
            if not inside:
                raise UserError(f"{argument}: holds no video ({', '.join(sorted(VIDEO_SUFFIXES))})")
            paths += inside
        else:
            paths.append(argument)
    for path in paths:
        if not same_names:
            check_id(f"{str(path)!r}", path.stem)
    names = [path.stem for path in paths]
    if not same_names and (twice := {name for name in names if names.count(name) > 1}):
        raise UserError(f"two files are named {min(twice)}; features are stored by that name, so rename one")
    return paths


class Settings(Parameters):
    """What --set changes; what there is of localization depends on the run's method."""

    localization: dict[str, Any] = Field(default_factory=dict, description="how predictions become segments")
    transfer: LabelTransfer = Field(LabelTransfer(), description="of labels, where classes differ from the run's")


def chosen_settings(
    run: Path, settings: tuple[str, ...], defaults: Mapping[str, Any], proposals: bool | None
) -> tuple[SegmentRules, LabelTransfer]:
    """Localization and label transfer as set.

    Args:
        run: Folder of a run, whose method says which group of parameters localization has.
        settings: Values of --set.
        defaults: Of localization; the method's group takes those that it has.
        proposals: Value of `--proposals`, the short form of `--set localization.proposals=`; None: not given.

    Raises:
        UserError: If a setting is wrong, or proposals are asked for where the method has none.
    """
    from actionbytes.training.runs import read_config

    chosen = validated(Settings, with_overrides({}, settings), "--set")
    method = read_config(run).method
    group = method_parameters(method).localization
    values = {key: value for key, value in defaults.items() if key in group.model_fields}
    if proposals is not None:
        if "proposals" not in group.model_fields:
            option = "--proposals" if proposals else "--no-proposals"
            raise UserError(f"{option}: {run} is a run of {method}, which makes no ActionBytes; leave the option out")
        values["proposals"] = proposals
    return validated(group, {**values, **chosen.localization}, "--set localization"), chosen.transfer


def load(
    det: Path,
    gt: Path,
    subset: str | None,
    unknown_videos: str,
    drop_invalid: bool,
    class_numbers: Literal["position", "challenge"] | None,
    reversed_segments: Literal["refuse", "drop", "swap", "count"] = "refuse",
) -> tuple[Detections, dict[str, Video], set[str]]:
    """Detections with class names, the videos of the subset, and all classes that the truth file knows."""
    annotated = read_annotations(gt)
    detections = read_detections(det, drop_invalid=drop_invalid, reversed_segments=reversed_segments)
    subsets = sorted({video.subset for video in annotated.values()})
    if subset is None and len(subsets) > 1:
        raise UserError(f"{gt}: has the subsets {', '.join(subsets)}: say which with --subset")
    videos = of_subset(annotated, subset or subsets[0])
    classes = {instance.label for video in annotated.values() for instance in video.instances}
    elsewhere = [name for name in detections.videos if name in annotated and name not in videos]
    if elsewhere and unknown_videos == "refuse":
        raise UserError(
            f"{det}: video {elsewhere[0]!r} is in subset {annotated[elsewhere[0]].subset!r}, not in "
            f"{subset or subsets[0]!r} ({len(elsewhere)} such); --ignore-unknown leaves them out and counts them"
        )
    return with_class_names(detections, sorted(classes), class_numbers), videos, classes


def made_with_of(path: Path) -> dict | None:
    """How shards say they were made; None where they do not (`.npy`, imported)."""
    from actionbytes.features.store import read_made_with

    return read_made_with(path) if path.is_file() or any(path.glob("*.h5")) else None


def named_files(arguments: Sequence[Path]) -> dict[str, Path]:
    """Video files by the ids that they may go by: file name, with its folders joined by `_` (clips), without `v_`."""
    files: dict[str, Path] = {}
    for argument in arguments:
        for path in video_files((argument,), same_names=True):
            below = path.relative_to(argument) if argument.is_dir() else Path(path.name)
            files |= {path.stem.removeprefix("v_"): path, path.stem: path, "_".join(below.with_suffix("").parts): path}
    return files


def listed_files(stored: Path) -> dict[str, Path]:
    """The videos of the dataset in whose folder the features lie (data/<suite>/<dataset>/features/<recipe>/)."""
    from actionbytes.data.manifests import read_manifest
    from actionbytes.errors import UserError

    home = (stored.parent if stored.is_file() else stored).resolve().parent.parent
    listing = home / "videos.csv"
    if not listing.is_file():
        raise UserError(f"{stored}: lies in no dataset's folder with a videos.csv; name the videos or their folder")
    paths = {entry.video: home / entry.file for entry in read_manifest(listing)}
    return {video: path for video, path in paths.items() if path.is_file()}
