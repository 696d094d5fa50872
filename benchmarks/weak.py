"""W-TALC at the true size of THUMOS14, and what ActionBytes' proposals add to it: minutes, memory, mAP over seeds.

    actionbytes import-features SIMULATED/features --annotations ANNOTATIONS --out FEATURES
    python benchmarks/weak.py FEATURES ANNOTATIONS [--iterations 1000] [--seeds 0 1 2] [--set training.precision=bf16]

Weakly supervised: W-TALC's parameters, its latent cut into ActionBytes, nothing else changed. Protocol wtalc. Prints
Markdown; `--out` keeps the runs and goes on.
"""

import argparse
import resource
import time
from pathlib import Path
from statistics import mean, stdev

import numpy as np

from actionbytes.data.annotations import classes_of, labels_of, of_subset, read_annotations
from actionbytes.data.detections import Detections
from actionbytes.evaluation.detection import evaluate_all
from actionbytes.features.store import load_features
from actionbytes.localization.bytes import proposals
from actionbytes.localization.thresholds import Localization, localize, to_seconds
from actionbytes.methods.wtalc.parameters import WtalcParameters as Wtalc
from actionbytes.parameters import validated, with_overrides
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import load_run
from actionbytes.training.sources import training_set

TIOU = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7)
SCORING = {
    "thresholds (W-TALC)": {},
    "thresholds by fit": {"threshold_score": "fit"},
    "with proposals": {"proposals": True},
    "with proposals by contrast, hard suppression": {
        "proposals": True,
        "proposal_score": "contrast",
        "suppression": "hard",
    },
}


def mean_ap(predictions, features, videos, classes, options):
    """mAP (percent) at each of TIOU under protocol wtalc."""
    how, columns = Localization(**options), []
    for i, p in enumerate(predictions):
        found = localize(p.cas, how, proposals(p.latent, how.cut))
        columns.append([np.full(len(found.start), i), found.label, *to_seconds(found, features.hop_s), found.score])
    detections = Detections(features.names, classes, *(np.concatenate(c) for c in zip(*columns, strict=True)))
    return evaluate_all(detections, videos, TIOU, protocols=("wtalc",))["wtalc"]["map"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("features", type=Path)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("--subsets", nargs=2, default=["validation", "test"], metavar=("TRAINING", "TESTING"))
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder that keeps the runs")
    args = parser.parse_args()
    values = with_overrides({"training": {"iterations": args.iterations}}, tuple(args.settings))
    training = validated(Training, values.pop("training"), "--set training")
    parameters, everything = validated(Wtalc, values, "--set"), read_annotations(args.annotations)
    classes = classes_of(everything)
    learn, videos = (of_subset(everything, subset) for subset in args.subsets)
    source = load_features(args.features, [name for name, video in learn.items() if video.instances])
    labels = labels_of(source.names, learn, classes)
    target = load_features(args.features, videos)
    print(f"{training.iterations} steps, {training.precision}, {training.threads} thread(s), windows of", end=" ")
    print(f"{training.max_length} snippets; {len(source.names)} videos to learn from, {len(target.names)} to test\n")
    print("| | tIoU " + " | ".join(map(str, TIOU)) + " |\n|---|" + "---|" * len(TIOU))
    rows = {name: [] for name in SCORING}
    for seed in args.seeds:
        start, there = time.perf_counter(), (args.out / f"seed{seed}" / "model.safetensors").exists()
        sets = {"videos": training_set(source, labels, classes)}
        fit("wtalc", parameters, training, sets, seed, args.out / f"seed{seed}")
        took = "there already" if there else f"{(time.perf_counter() - start) / 60:.1f} minutes"
        method, _ = load_run(args.out / f"seed{seed}")
        predictions = [method.predict(target.video(i)) for i in range(len(target.names))]
        for name, options in SCORING.items():
            rows[name].append(mean_ap(predictions, target, videos, classes, options))
            cells = " | ".join(f"{value:.1f}" for value in rows[name][-1])
            print(f"| {name}, seed {seed} ({took}) | {cells} |", flush=True)
    if len(args.seeds) > 1:
        for name, found in rows.items():
            columns = zip(*found, strict=True)
            print(f"| **{name}** | " + " | ".join(f"{mean(c):.1f} ± {stdev(c):.1f}" for c in columns) + " |")
        gains = [b[4] - a[4] for a, b in zip(rows["thresholds (W-TALC)"], rows["with proposals"], strict=True)]
        print(f"\nproposals add {mean(gains):.1f} ± {stdev(gains):.1f} at tIoU {TIOU[4]}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


if __name__ == "__main__":
    main()
