"""Time and memory of planning (`snakemake --dry-run all`), for the mini suite and for the real one by manifests alone.

    python benchmarks/planning.py [--suite mini|full]

`full` writes lists and annotations of the real sizes from a seed (17 281 videos of Kinetics, 413 of THUMOS14, 7 202 of
ActivityNet 1.2, 19 994 of 1.3, 13 320 of UCF101) into a temporary copy of the workflow; there is not one video.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parent.parent
SIZES = {  # dataset -> {subset: videos}
    "kinetics400": {"training": 1, "validation": 17280},
    "thumos14": {"validation": 200, "test": 213},
    "activitynet12": {"training": 4819, "validation": 2383},
    "activitynet13": {"training": 10024, "validation": 4926, "testing": 5044},
    "ucf101": {"training": 9537, "testing": 3783},
}
SHARDS = {"kinetics400": 128, "thumos14": 16, "activitynet12": 64, "activitynet13": 128, "ucf101": 64}
PARTS = ("Snakefile", "params.yaml", "papers", "workflow", "profiles", "pyproject.toml")


def write_lists(home: Path, dataset: str, rng: np.random.Generator) -> None:
    """`videos.csv` and `annotations.json` of a dataset's real size."""
    home.mkdir(parents=True)
    lines, database = ["video,subset,file,bytes,sha256"], {}
    for subset, count in SIZES[dataset].items():
        for k in range(count):
            name = f"{dataset}_{subset}_{k:05d}"
            lines.append(f"{name},{subset},videos/{name}.mp4,1000000,{rng.bytes(32).hex()}")
            segment = sorted(rng.uniform(0, 60, 2).round(2).tolist())
            label = f"class {rng.integers(100)}"
            annotations = [{"label": label, "segment": segment}]
            database[name] = {"subset": subset, "duration": 60.0, "annotations": annotations}
    (home / "videos.csv").write_text("\n".join(lines) + "\n")
    (home / "annotations.json").write_text(json.dumps({"database": database}))


def full_project(folder: Path) -> None:
    """The workflow in `folder`, suite full, with lists and empty weight files."""
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["suite"], rng = "full", np.random.default_rng(0)
    for dataset in SIZES:
        write_lists(folder / "data/full" / dataset, dataset, rng)
        params["full"]["datasets"].setdefault(dataset, {"shards": SHARDS[dataset]})
    shutil.copytree(folder / "data/full/thumos14", folder / "data/full/multithumos")
    for path in [
        *(params["full"]["networks"]["i3d"][stream]["file"] for stream in ("rgb", "flow")),
        params["full"]["words"]["file"],
    ]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def plan(folder: Path) -> dict[str, float]:
    """Jobs, seconds (by the clock, and of the processor), peak memory (MiB) of a dry run of all targets."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules", "--cores", "1", "all"]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    jobs = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("total ")]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    sizes = {"seconds": round(seconds, 1), "cpu_s": round(cpu, 1), "peak_mib": round(used.ru_maxrss / 1024)}
    return {"jobs": int(jobs[0]), **sizes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", choices=["mini", "full"], default="full")
    suite = parser.parse_args().suite
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in PARTS:
            (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, folder / part)
        if suite == "full":
            full_project(folder)
        print(json.dumps({"suite": suite, **plan(folder)}))


if __name__ == "__main__":
    main()
