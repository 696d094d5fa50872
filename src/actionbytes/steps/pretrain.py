"""Train one stream of a backbone on decoded clips."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from actionbytes.backbones.parameters import Pretraining
from actionbytes.data.annotations import classes_of, labels_of, read_annotations
from actionbytes.data.manifests import read_status
from actionbytes.files import write_csv


def pretrain_stream(
    stream: str,
    folders: Sequence[Path],
    annotations: Path,
    width: float,
    pretraining: "Pretraining",
    seed: int,
    out: Path,
    progress: Callable[[Mapping], None] | None = None,
) -> None:
    """Train one stream of a narrow I3D on decoded clips (rgb) or their flow (flow), by class; write its weights.

    folders: what `decode_shard` or `flow_shard` made of the shards of trimmed clips, each with one class.
    """
    from actionbytes.backbones.pretrain import pretrain
    from actionbytes.backbones.weights import save_i3d
    from actionbytes.features.shards import STATUS
    from actionbytes.video.clips import Clip

    truth, suffix = read_annotations(annotations), "frames" if stream == "rgb" else "flow"
    found = {
        status.video: folder / f"{status.video}.{suffix}"
        for folder in folders
        for status in read_status(folder / STATUS)
        if status.status != "set aside" and truth[status.video].instances
    }
    names = sorted(found)
    classes = classes_of({name: truth[name] for name in names})
    labels = labels_of(names, truth, classes).argmax(1)
    clips = [Clip(found[name]).read() for name in names]
    state = out.with_name(out.name + ".state")
    model, log = pretrain(stream, clips, labels, width, pretraining, seed, state, progress)
    write_csv(out.with_suffix(".log.csv"), log)
    save_i3d(model, out, {"classes": classes, "stream": stream, "held_out": log[-1]["held_out"]})
    state.unlink(missing_ok=True)
