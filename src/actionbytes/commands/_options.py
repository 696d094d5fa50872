"""Options and progress that several commands share."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click
from tqdm import tqdm

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(path_type=Path)

settings = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set a parameter, such as training.lr=0.0001."
)
features_dir = click.option("--features", required=True, type=FILE, help="Folder of feature shards, or one shard.")
device = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")


def bar(items: Sequence, what: str = "video") -> Iterable:
    """A progress bar on a terminal, a plain line every tenth elsewhere."""
    if sys.stderr.isatty():
        yield from tqdm(items, unit=what)
        return
    every = max(1, len(items) // 10)
    for done, item in enumerate(items, 1):
        yield item
        if done % every == 0 or done == len(items):
            print(f"{done}/{len(items)} {what}s", file=sys.stderr)


def steps(what: str = "step") -> Callable[[int, int, dict[str, float]], None]:
    """Progress of training: called with (done, total, losses)."""
    held: dict[str, tqdm | int] = {}

    def show(done: int, total: int, losses: dict[str, float]) -> None:
        if sys.stderr.isatty():
            line = held.setdefault("bar", tqdm(total=total, unit=what))
            line.set_postfix_str(f"loss {losses['total']:.4f}")
            line.update(done - line.n)
            if done == total:
                line.close()
        elif done * 10 // total > held.get("tenth", -1):
            held["tenth"] = done * 10 // total
            print(f"{what} {done}/{total}, loss {losses['total']:.4f}", file=sys.stderr)

    return show


def chosen_device(name: str) -> str:
    """`name`, or for "auto" the best there is; a device that is not there is a UserError."""
    import torch

    from actionbytes.errors import UserError

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError):
        raise UserError(f"--device {name}: there is no such device; use --device auto or cpu") from None
    return name
