"""A tiny world under git and DVC: one table, two figures, one seed, small enough to be copied for every test."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from actionbytes.planning.pipeline import dvc_yaml
from actionbytes.planning.plan import Plan

TABLE = "table1_what2when"
FIGURES = ("fig4_actionbytes", "fig8_qualitative")  # from clips and a model, from videos and detections
PARTS = ("Snakefile", "params.yaml", "papers", "workflow", "profiles", "pyproject.toml", "src")
TRACKED = (".dvc/config", ".dvc/.gitignore", ".dvc/plots", ".dvcignore", ".gitignore", "data", "results")
WORLD = {
    "pretraining_clips": 40,
    "pretraining_seconds": [1.8, 2.0],
    "clips": 40,
    "clip_seconds": [2.0, 2.4],
    "thumos14_validation_videos": 0,
    "thumos14_test_videos": 2,
    "thumos14_seconds": [10.0, 12.0],
    "activitynet12_training_videos": 0,
    "activitynet12_validation_videos": 2,
    "activitynet12_seconds": [10.0, 12.0],
    "short_side": 32,
}


def binaries() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def run(folder: Path, *command: object, check: bool = True, **more: object) -> subprocess.CompletedProcess:
    """A command in `folder`; git knows an author there."""
    who = {f"GIT_{role}_{key}": "test@localhost" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    environment = os.environ | who | {"PATH": binaries(), "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1800,
        **more,
    )
    if check:
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done


def edit(folder: Path, *path: str, value: object) -> None:
    """Set a key of params.yaml."""
    params = yaml.safe_load((folder / "params.yaml").read_text())
    group = params
    for key in path[:-1]:
        group = group.setdefault(key, {})
    group[path[-1]] = value
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def loosen(folder: Path) -> None:
    """The cheapest edit that makes something anew: another rule of classes for the baseline, wherever it is shown."""
    path = folder / "papers/actionbytes.yaml"
    paper = yaml.safe_load(path.read_text())
    paper["experiments"]["loosened"] = {"like": "what2when_baseline", "localization": {"class_rule": "zero"}}
    shown = [row for table in paper["tables"].values() for row in table["rows"]]
    shown += [point for figure in paper["figures"].values() for point in figure["points"]]
    for entry in shown:
        if entry["experiment"] == "what2when_baseline":
            entry["experiment"] = "loosened"
    path.write_text(yaml.safe_dump(paper, sort_keys=False))


def objects(folder: Path) -> list[Path]:
    """The objects in a remote or cache of DVC, in order: files named by their MD5, as 12/3456... or 12/3456....dir."""
    named = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?")
    return sorted(path for path in folder.rglob("*") if path.is_file() and named.fullmatch("/".join(path.parts[-2:])))


def half_objects(folder: Path) -> list[Path]:
    """Those of `objects` that are not what their name says."""
    md5 = {path: path.parent.name + path.name.removesuffix(".dir") for path in objects(folder)}
    return [path for path, name in md5.items() if hashlib.md5(path.read_bytes()).hexdigest() != name]


def cut_object(folder: Path, kept: float) -> Path:
    """Leave this share of the largest object's bytes, writable, as while DVC writes it."""
    path = max(objects(folder), key=lambda path: (path.stat().st_size, path))
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: int(len(content) * kept)])
    return path


def small_project(root: Path, folder: Path) -> Path:
    """The project in `folder`: one table of two rows, one seed, a world of seconds."""
    folder.mkdir(parents=True)
    for part in (*PARTS, *TRACKED):
        source, copy = root / part, folder / part
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            shutil.copy(source, copy)
        elif part in ("data", "results"):
            copy.mkdir()
            shutil.copy(source / "README.md", copy)
        else:
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    params = yaml.safe_load((folder / "params.yaml").read_text())
    mini, params["seeds"] = params["mini"], [0]
    mini["world"] = WORLD
    for dataset in mini["datasets"].values():
        dataset.pop("shards", None)
    mini["datasets"] = {name: {"shards": 1} for name in ("kinetics400", "thumos14", "activitynet12")}
    mini["decoding"] = {"fps": 25, "short_side": 32, "crop": 32}
    mini["flow"] = {"warps": 1, "nscales": 2, "inner_iterations": 5, "outer_iterations": 1}
    mini["networks"] = {"i3d": {"width": 0.125, "pretraining": {"epochs": 1, "window": 16}}}
    mini["methods"].pop("stpn")
    for method in mini["methods"].values():
        method["training"] = {"iterations": 12}
        method["parameters"] = {"latent_dim": 16}
    mini["methods"]["actionbytes"]["parameters"]["clusters"] = 8
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    paper = yaml.safe_load((folder / "papers/actionbytes.yaml").read_text())
    table = paper["tables"][TABLE]
    table["columns"] = [c for c in table["columns"] if c["dataset"] == "thumos14"]
    table["rows"] = [row for row in table["rows"] if row["method"] != "Ours"]
    for row in table["rows"]:
        row["published"] = {"thumos14": row["published"]["thumos14"]} if row.get("published") else {}
    paper["tables"] = {TABLE: table}
    paper["claims"], paper["figures"] = [], {name: paper["figures"][name] for name in FIGURES}
    for path in (folder / "papers").glob("*.yaml"):
        path.unlink()
    (folder / "papers/actionbytes.yaml").write_text(yaml.safe_dump(paper, sort_keys=False))
    (folder / ".dvc/config").write_text((root / ".dvc/config").read_text())
    (folder / "dvc.yaml").write_text(dvc_yaml(Plan.read(folder)))
    run(folder, "git", "init", "-q", "-b", "main")
    run(folder, "git", "add", ".")
    run(folder, "git", "commit", "-qm", "the project")
    return folder
