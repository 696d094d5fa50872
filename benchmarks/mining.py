"""What mining gains: W-TALC and each round of ActionBytes, from trimmed clips to untrimmed videos of other classes.

    actionbytes import-features UCF101/features --annotations UCF101/annotations.json --out SOURCE     (both data sets)
    python benchmarks/mining.py --source SOURCE UCF101/annotations.json --target TARGET THUMOS14/annotations.json
        --vectors class_vectors.npz [--set latent_dim=1024 --set training.iterations=2000] [--smooth 3] [--seeds 0 1]

Every row is one model, its mAP under protocol wtalc for thresholds, thresholds scored as proposals are, and proposals.
`clips` is the share of training clips that it classifies. Prints Markdown; `--out` keeps the runs and goes on.
`--method wtalc` with four times the iterations is W-TALC of as many steps as the start and three rounds.
"""

import argparse
import dataclasses
import resource
import time
from pathlib import Path

import numpy as np

from actionbytes.data.annotations import classes_of, labels_of, of_subset, read_annotations
from actionbytes.data.detections import Detections
from actionbytes.evaluation.detection import evaluate_all
from actionbytes.features.store import load_features
from actionbytes.localization.bytes import Proposals, proposals
from actionbytes.localization.thresholds import Localization, localize, to_seconds
from actionbytes.localization.transfer import LabelTransfer, transfer_cas, transfer_matrix
from actionbytes.methods.registry import method_parameters
from actionbytes.parameters import validated, with_overrides
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.runs import load_run
from actionbytes.training.sources import training_set

TIOU = (0.3, 0.5, 0.7)
SCORING = {
    "thresholds": {},
    "by fit": {"threshold_score": "fit"},
    "proposals": {"proposals": True},
}
NAMES = {"cleanandjerk": "weightlifting", "cuttinginkitchen": "cutkitchen", "walkingwithdog": "walkdog"}


def smoothed(features, width):
    """Features with a moving average over `width` snippets inside each video, its ends repeated."""
    if width <= 1:
        return features
    rows = np.empty_like(features.rows)
    for i, (a, b) in enumerate(zip(features.offsets[:-1], features.offsets[1:], strict=True)):
        x = np.pad(features.video(i).astype(np.float32), ((width // 2, width - 1 - width // 2), (0, 0)), mode="edge")
        rows[a:b] = np.mean([x[k : k + b - a] for k in range(width)], axis=0)
    return dataclasses.replace(features, rows=rows)


def read(folder, annotations, subsets, every, smooth):
    """Features, videos and labels of every so many-th video of some subsets."""
    everything = read_annotations(annotations)
    videos = {n: v for s in subsets for n, v in of_subset(everything, s).items() if v.instances}
    videos = {n: videos[n] for n in sorted(videos)[::every]}
    features, classes = load_features(folder, videos), classes_of(everything)
    return smoothed(features, smooth), videos, classes, labels_of(features.names, videos, classes)


def similarity(targets, sources, vectors):
    """Cosine (C_target, C_source) of one vector for each class name: names as they are, without case and blanks."""
    table = np.load(vectors, allow_pickle=False)
    names, values = (table[key] for key in table.files[:2])
    values = values / np.linalg.norm(values, axis=1, keepdims=True)
    known = {str(name).replace(" ", "").lower(): v for name, v in zip(names, values, strict=True)}
    rows = [np.stack([_vector(known, c.lower()) for c in classes]) for classes in (targets, sources)]
    return rows[0] @ rows[1].T


def _vector(known, name):
    """A class's own vector, or that of the name that another data set gives it."""
    return known[name if name in known else NAMES[name]]


def row(name, method, source, labels, target, videos, classes, matrix):
    """One line of the table."""
    clips = range(0, len(source.names), max(1, len(source.names) // 300))
    right = [labels[i, method.predict(source.video(i)).scores.argmax()] for i in clips]
    predictions = [method.predict(target.video(i)) for i in range(len(target.names))]
    transfer, cut = LabelTransfer(), Proposals()
    cas = [transfer_cas(p.cas, matrix, transfer) for p in predictions]
    pieces = [proposals(p.latent, cut) for p in predictions]
    cells = []
    for options in SCORING.values():
        how, columns = Localization(class_rule="mean", **options), []
        for i, (a, p) in enumerate(zip(cas, pieces, strict=True)):
            found = localize(a, how, p, transfer.softmax)
            columns.append([np.full(len(found.start), i), found.label, *to_seconds(found, target.hop_s), found.score])
        detections = Detections(target.names, classes, *(np.concatenate(c) for c in zip(*columns, strict=True)))
        metrics = evaluate_all(detections, videos, TIOU, protocols=("wtalc",), missing_class="zero_class")["wtalc"]
        cells.append(" ".join(f"{value:.1f}" for value in metrics["map"]))
    print(f"| {name} | {' | '.join(cells)} | {np.mean(right):.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, nargs=2, required=True, metavar=("FEATURES", "ANNOTATIONS"))
    parser.add_argument("--target", type=Path, nargs=2, required=True, metavar=("FEATURES", "ANNOTATIONS"))
    parser.add_argument("--vectors", type=Path, required=True, help=".npz: class names, vectors")
    parser.add_argument("--source-subsets", nargs="+", default=["training", "validation"])
    parser.add_argument("--target-subset", default="test")
    parser.add_argument("--every", type=int, default=2, help="evaluate on every so many-th target video")
    parser.add_argument("--method", choices=["actionbytes", "wtalc"], default="actionbytes")
    parser.add_argument("--smooth", type=int, default=1, help="moving average over so many snippets")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder that keeps the runs")
    args = parser.parse_args()
    mines = args.method == "actionbytes"
    small = {"latent_dim": 1024, "training": {"iterations": 2000, "lr": 1e-3, "precision": "bf16"}}
    values = with_overrides(small | ({"clusters": 300} if mines else {}), tuple(args.settings))
    training = validated(Training, values.pop("training"), "--set training")
    parameters = validated(method_parameters(args.method), values, "--set")
    source, _, sources, labels = read(*args.source, args.source_subsets, 1, args.smooth)
    target, videos, targets, _ = read(*args.target, [args.target_subset], args.every, args.smooth)
    matrix = transfer_matrix(similarity(targets, sources, args.vectors), LabelTransfer())
    print(f"{' '.join(args.settings) or 'defaults'}, smooth {args.smooth}; tIoU {TIOU}; {len(target.names)} videos\n")
    print(f"| | {' | '.join(SCORING)} | clips |\n|---|{'---|' * (len(SCORING) + 1)}")
    for seed in args.seeds:
        start, out = time.perf_counter(), args.out / f"seed{seed}"
        fit(args.method, parameters, training, {"videos": training_set(source, labels, sources)}, seed, out)
        seconds = time.perf_counter() - start
        rest = source, labels, target, videos, targets, matrix
        row(f"W-TALC, seed {seed}", load_run(out / "baseline" if mines else out)[0], *rest)
        for number in range(1, parameters.rounds + 1) if mines else ():
            row(f"round {number}", load_run(out, number)[0], *rest)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"\n{seconds:.0f} s of training, peak memory {peak:.1f} GB\n", flush=True)


if __name__ == "__main__":
    main()
