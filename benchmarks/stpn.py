"""STPN at the true size of THUMOS14: training time of each stream, and mAP beside W-TALC's, under the ActivityNet rule.

    actionbytes import-features SIMULATED/features --annotations ANNOTATIONS --out FEATURES
    python benchmarks/stpn.py FEATURES ANNOTATIONS [--iterations 24000] [--set training.precision=bf16] [--seeds 0 1 2]

Each stream is trained alone. The row of both takes the networks of the two runs, which is what a run on both streams
would hold. Prints Markdown; `--out` keeps the runs and goes on.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from actionbytes.data.annotations import classes_of, labels_of, of_subset, read_annotations
from actionbytes.data.detections import Detections
from actionbytes.evaluation.detection import evaluate_all
from actionbytes.features.store import load_features
from actionbytes.localization.thresholds import to_seconds
from actionbytes.methods.stpn.network import Stpn as StpnMethod
from actionbytes.methods.stpn.parameters import StpnParameters as Stpn
from actionbytes.methods.wtalc.parameters import WtalcParameters as Wtalc
from actionbytes.parameters import validated, with_overrides
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import load_run
from actionbytes.training.sources import training_set

TIOU = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


def trained(name, parameters, training, data, classes, seed, out):
    """A trained method, and minutes and minutes of processor time that it took (none where the run was there)."""
    start, there = (time.perf_counter(), time.process_time()), (out / "model.safetensors").exists()
    fit(name, parameters, training, {"videos": training_set(*data, classes)}, seed, out)
    took = f"{(time.perf_counter() - start[0]) / 60:.1f} | {(time.process_time() - start[1]) / 60:.1f}"
    return load_run(out)[0], " | " if there else took


def fused(streams, dim, classes, parameters):
    """One method from methods of one stream each."""
    method = StpnMethod(dim, classes, parameters, torch.Generator())
    method.load_state_dict({name: x for one in streams for name, x in one.state_dict().items()})
    return method


def row(name, method, features, videos, classes, how, took):
    """One line of the table."""
    columns = []
    for i in range(len(features.names)):
        found = method.detect(features.video(i), how).segments
        times = to_seconds(found, features.hop_s, float(features.durations[i]))
        columns.append([np.full(len(found.start), i), found.label, *times, found.score])
    detections = Detections(features.names, classes, *(np.concatenate(c) for c in zip(*columns, strict=True)))
    found = evaluate_all(detections, videos, TIOU, protocols=("activitynet",))["activitynet"]["map"]
    print(f"| {name} | {took} | {' | '.join(f'{value:.1f}' for value in found)} | {len(detections)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("features", type=Path, help="folder of shards")
    parser.add_argument("annotations", type=Path)
    parser.add_argument("--iterations", type=int, default=24_000)
    parser.add_argument("--wtalc-iterations", type=int, default=500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE", help="of STPN")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder that keeps the runs")
    args = parser.parse_args()
    values = with_overrides({"training": Stpn.schedule | {"iterations": args.iterations}}, tuple(args.settings))
    training = validated(Training, values.pop("training"), "--set training")
    how = validated(Stpn.localization, values.pop("localization", {}), "--set localization")
    parameters = validated(Stpn, values, "--set")
    everything = read_annotations(args.annotations)
    classes = classes_of(everything)
    learn, test = ({n: v for n, v in of_subset(everything, s).items() if v.instances} for s in ("validation", "test"))
    print(f"| | minutes | of processor | {' | '.join(map(str, TIOU))} | detections |")
    print(f"|{'---|' * (len(TIOU) + 4)}")
    for seed in args.seeds:
        parts, out = [], args.out / f"seed{seed}"
        for stream in ("rgb", "flow"):
            features, target = (load_features(args.features, videos, (stream,)) for videos in (learn, test))
            data, alone = (features, labels_of(features.names, learn, classes)), {"streams": (stream,)}
            one = trained("stpn", parameters.model_copy(update=alone), training, data, classes, seed, out / stream)
            row(f"STPN, {stream}, seed {seed}", one[0], target, test, classes, how, one[1])
            parts.append(one[0])
        features, target = load_features(args.features, learn), load_features(args.features, test)
        both = fused(parts, target.rows.shape[1], len(classes), parameters)
        row(f"STPN, both, seed {seed}", both, target, test, classes, how, " | ")
        if args.wtalc_iterations:
            usual = Training(iterations=args.wtalc_iterations, max_length=300, precision="bf16")
            data = features, labels_of(features.names, learn, classes)
            method, took = trained("wtalc", Wtalc(), usual, data, classes, seed, out / "wtalc")
            row(f"W-TALC, seed {seed}", method, target, test, classes, Wtalc.localization(), took)


if __name__ == "__main__":
    main()
