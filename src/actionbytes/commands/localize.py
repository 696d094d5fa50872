"""`actionbytes localize`: a run and features to detections."""

from pathlib import Path

import click

from actionbytes.commands.inputs import chosen_settings
from actionbytes.commands.options import FILE, FOLDER, features_dir, settings
from actionbytes.commands.outputs import DETECTIONS, SCORES, check_output
from actionbytes.progress import on_terminal


@click.command()
@click.argument("run", type=FOLDER)
@features_dir
@click.option("--annotations", type=FILE, help="Videos to localize in; with --words also the classes to look for.")
@click.option("--subset", help="Subset of the annotations.")
@click.option("--words", type=FILE, help="word2vec file: transfer the run's classes to those of the annotations.")
@click.option("--proposals", is_flag=True, help="Short for --set localization.proposals=true: add ActionBytes.")
@click.option("--out", required=True, type=FILE, help="Detections: .json, .json.gz or THUMOS .txt.")
@click.option("--scores", type=FILE, help="CSV file for the class scores of each video.")
@settings
def localize(
    run: Path,
    features: Path,
    annotations: Path | None,
    subset: str | None,
    words: Path | None,
    proposals: bool,
    out: Path,
    scores: Path | None,
    settings: tuple[str, ...],
) -> None:
    """Localize actions by a trained RUN.

    --set changes localization.* and transfer.*, for example --set localization.cut.merges=[1,2,3].
    """
    from actionbytes.data.annotations import classes_of, of_subset, read_annotations
    from actionbytes.errors import UserError
    from actionbytes.steps.detect import Localizer, detect

    inputs = (features, annotations, words, run / "config.yaml", run / "model.safetensors")
    check_output("--out", out, DETECTIONS, inputs)
    if scores:
        check_output("--scores", scores, SCORES, (*inputs, out))
    localization, transfer = chosen_settings(run, settings, {}, proposals or None)
    videos = read_annotations(annotations) if annotations else None
    if subset and videos is None:
        raise UserError("--subset needs --annotations, which say what is in it")
    if videos is not None and subset:
        videos = of_subset(videos, subset)
    if words and videos is None:
        raise UserError("--words needs --annotations, whose classes are looked for")
    classes = classes_of(videos) if videos else ()
    localizer = Localizer.of(run, localization, transfer=transfer if words else None, classes=classes, words=words)
    detections = detect(localizer, features, detections=out, scores=scores, names=videos, progress=on_terminal())
    print(f"{out}: {len(detections)} detections in {len(detections.videos)} videos")
