"""`actionbytes train`: a method, features and annotations to a run."""

from pathlib import Path

import click

from actionbytes.commands.options import FILE, FOLDER, features_dir, settings, steps
from actionbytes.methods.registry import known, method_parameters
from actionbytes.parameters import validated, with_overrides
from actionbytes.training.parameters import Training


def parameter_help() -> str:
    """What can be set, for --help."""
    groups = [("training.", Training), *((f"{name}: ", method_parameters(name)) for name in known())]
    lines = []
    for prefix, group in groups:
        fields = ", ".join(f"{key}={field.default}" for key, field in group.model_fields.items())
        own = "".join(f" training.{key}={value}" for key, value in getattr(group, "schedule", {}).items())
        lines.append(f"{prefix}{{{fields}}}{own}")
    return "\b\n" + "\n".join(lines)


@click.command(epilog=parameter_help())
@click.argument("method")
@features_dir
@click.option("--annotations", required=True, type=FILE, help="ActivityNet JSON or a folder of THUMOS text files.")
@click.option("--subset", required=True, help="Subset to learn from, such as validation.")
@click.option("--out", required=True, type=FOLDER, help="Folder of the run.")
@click.option("--init", type=FOLDER, help="Run to start from (actionbytes: a wtalc run); trained first if absent.")
@click.option("--seed", default=0, show_default=True, help="Seed of everything random.")
@settings
def train(
    method: str,
    features: Path,
    annotations: Path,
    subset: str,
    out: Path,
    init: Path | None,
    seed: int,
    settings: tuple[str, ...],
) -> None:
    """Train METHOD on the video-level labels of a subset. A killed run goes on where it was.

    Parameters of the method are set as --set latent_dim=512, those of training as --set training.iterations=1000.
    """
    from actionbytes.steps.train import train_run

    group = method_parameters(method)
    values = with_overrides({}, settings)
    training = validated(Training, {**group.schedule, **values.pop("training", {})}, "--set training")
    parameters = validated(group, values, "--set")
    seen = train_run(method, parameters, training, features, annotations, subset, seed, out, init, steps())
    aside = f"; {len(seen.set_aside)} videos set aside" if seen.set_aside else ""
    print(f"{out}: trained {method} on {len(seen.names)} videos, {len(seen.rows)} snippets{aside}")
