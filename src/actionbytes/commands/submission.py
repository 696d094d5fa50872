"""`actionbytes submission`: detections to what the ActivityNet challenge's test server takes, or why not."""

from pathlib import Path

import click

from actionbytes.commands.options import FILE
from actionbytes.commands.outputs import DETECTIONS, check_output


@click.command()
@click.argument("detections", type=FILE)
@click.argument("annotations", type=FILE)
@click.option("--subset", default="testing", show_default=True, help="Subset that is sent.")
@click.option("--details", default="I3D trained on Kinetics-400", show_default=True, help="External data used.")
@click.option("--out", required=True, type=FILE, help="The submission, JSON.")
def submission(detections: Path, annotations: Path, subset: str, details: str, out: Path) -> None:
    """Check DETECTIONS against the labels, videos and durations of ANNOTATIONS and write a submission."""
    from actionbytes.data.annotations import classes_of, of_subset, read_annotations
    from actionbytes.data.detections import read_detections
    from actionbytes.data.submission import write_submission

    check_output("--out", out, DETECTIONS, (detections, annotations))
    annotated, submitted = read_annotations(annotations), read_detections(detections)
    videos = of_subset(annotated, subset)
    write_submission(out, submitted, videos, classes_of(annotated), details)
    print(f"{out}: {len(submitted)} detections in {len(set(submitted.video.tolist()))}/{len(videos)} videos")
