"""Train one stream of a backbone on decoded clips."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from actionbytes.backbones.parameters import Pretraining
from actionbytes.data.annotations import classes_of, labels_of, read_annotations
from actionbytes.data.manifests import read_status
from actionbytes.files import write_csv
from actionbytes.progress import Progress, silent

logger = logging.getLogger(__name__)


def pretrain_stream(
    *,
    stream: Literal["rgb", "flow"],
    folders: Sequence[Path],
    annotations: Path,
    width: float,
    pretraining: Pretraining,
    seed: int,
    out: Path,
    progress: Progress = silent,
) -> None:
    """Train one stream of a narrow I3D to tell the classes of trimmed clips, and write its weights.

    Clips without a class, and those shorter than a snippet, are left out.

    Args:
        stream: "rgb" learns from frames, "flow" from flow.
        folders: What `decode_shard` (rgb) or `flow_shard` (flow) made of the shards of clips.
        annotations: ActivityNet JSON with the class of each clip.
        width: Factor of I3D's channel counts, a multiple of 1/8.
        pretraining: How to train.
        seed: Of the weights, the order and the augmentation.
        out: The file of weights; the log goes beside it, as `.log.csv`, and while training the checkpoint, `.state`.
        progress: Called after each epoch.
    """
    from actionbytes.backbones.pretrain import SPAN, pretrain
    from actionbytes.backbones.weights import save_i3d
    from actionbytes.features.shards import STATUS
    from actionbytes.video.clips import Clip

    truth, suffix = read_annotations(annotations), "frames" if stream == "rgb" else "flow"
    files: dict[str, Path] = {}
    for folder in folders:
        for status in read_status(folder / STATUS):
            if status.status == "set aside" or not truth[status.video].instances:
                continue
            if status.frames < SPAN:
                logger.warning("%s: left out, has %d frames of at least %d", status.video, status.frames, SPAN)
                continue
            files[status.video] = folder / f"{status.video}.{suffix}"
    names = sorted(files)
    classes = classes_of({name: truth[name] for name in names})
    labels = labels_of(names, truth, classes).argmax(1)
    clips = [Clip(files[name]).read() for name in names]
    state = out.with_name(out.name + ".state")
    model, log = pretrain(stream, clips, labels, width, pretraining, seed, state, progress)
    write_csv(out.with_suffix(".log.csv"), log)
    save_i3d(model, out, {"classes": classes, "stream": stream, "held_out": log[-1]["held_out"]})
    state.unlink(missing_ok=True)
