"""What the score of a proposal does: the segments of finished runs, ranked by one rule after the other.

    python benchmarks/scoring.py FEATURES ANNOTATIONS SUBSET RUN [RUN ...]

Every run is a seed of a W-TALC model of the classes in ANNOTATIONS. Segments are the runs above the midrange, alone
and with proposals beside them, under hard suppression at tIoU 0.5 and under soft. mAP (%) at tIoU 0.5, protocol wtalc,
mean and deviation over the runs. To choose a score, give videos that no table is about.
"""

import argparse
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from scipy.special import expit, softmax

from actionbytes.data.annotations import of_subset, read_annotations
from actionbytes.data.detections import Detections
from actionbytes.evaluation.evaluate import evaluate_all
from actionbytes.features.store import load_features
from actionbytes.localization.localize import surviving_classes, video_scores
from actionbytes.localization.nms import nms, ranking, soft_nms
from actionbytes.localization.segments import midrange_threshold, segment_scores, threshold
from actionbytes.methods.bytes import proposals
from actionbytes.methods.parameters import Proposals
from actionbytes.training.runs import load_run

HOW = ("thresholds", "proposals, hard", "proposals, soft")
WEIGHTS = (0.7, 1, 1.5, 2, 3, 4, 6)
# a segment's maximum and contrast of raw activations, contrast behind a logistic (c) or a softmax over classes (p),
# range of its sequence, and s, the class's score in the video
RULES = {
    "maximum + 0.7 s": lambda x: x["max"] + 0.7 * x["s"],
    "mean + 0.7 s": lambda x: x["mean"] + 0.7 * x["s"],
    "contrast + 0.7 s": lambda x: x["raw"] + 0.7 * x["s"],
    "contrast + maximum + 0.7 s": lambda x: x["raw"] + x["max"] + 0.7 * x["s"],
    "contrast / range * s": lambda x: x["raw"] / x["range"] * x["s"],
    "contrast * (maximum + 2 s)": lambda x: x["raw"] * (x["max"] + 2 * x["s"]),
    "softmax contrast * (maximum + 2 s)": lambda x: x["p"] * (x["max"] + 2 * x["s"]),
    "logistic contrast + 0.7 s": lambda x: x["c"] + 0.7 * x["s"],
    "logistic contrast * maximum": lambda x: x["c"] * x["max"],
    "logistic contrast * s": lambda x: x["c"] * x["s"],
} | {f"logistic contrast * (maximum + {w} s)": lambda x, w=w: x["c"] * (x["max"] + w * x["s"]) for w in WEIGHTS}


def candidates(cas: np.ndarray, latent: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Segments (N, 3) of start, end and class of one video; which are runs (N,); what rules may use of each (N,)."""
    scores = video_scores(cas)
    classes = surviving_classes(scores, "zero")
    raw = cas[:, classes].astype(np.float64)  # (T, K)
    found = np.stack(threshold(raw, midrange_threshold(raw)), axis=1)
    cut = proposals(latent, Proposals())
    column = np.repeat(np.arange(len(classes)), len(cut))
    segments = np.concatenate([found, np.column_stack([np.tile(cut, (len(classes), 1)), column])])  # (N, 3)
    where = segments.T
    parts = {rule: segment_scores(raw, *where, rule=rule) for rule in ("max", "mean")}
    parts["raw"] = segment_scores(raw, *where)
    parts["c"] = segment_scores(expit(raw), *where)
    parts["p"] = segment_scores(softmax(cas, axis=1)[:, classes], *where)
    parts["range"] = (raw.max(0) - raw.min(0))[where[2]] + 1e-9
    segments[:, 2] = classes[segments[:, 2]]
    parts["s"] = scores[segments[:, 2]]
    return segments, np.arange(len(segments)) < len(found), parts


def suppressed(segments: np.ndarray, score: np.ndarray, how: str) -> tuple[np.ndarray, np.ndarray]:
    """Segments (N, 3) and scores (N,) that are left, class by class."""
    start, end, label = segments.T
    if how == "proposals, soft":
        kept, score = soft_nms(start, end, np.maximum(score, 0), group=label, cap=200)
        return segments[kept], score
    kept = ranking(start, end, score, label) if how == "thresholds" else nms(start, end, score, 0.5, label, 200)
    return segments[kept], score[kept]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("features", type=Path)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("subset")
    parser.add_argument("runs", type=Path, nargs="+")
    args = parser.parse_args()
    videos = of_subset(read_annotations(args.annotations), args.subset)
    features = load_features(args.features, videos)
    table = {name: {how: [] for how in HOW} for name in RULES}  # mAP of each run
    for run in args.runs:
        method, trained = load_run(run)
        predictions = [method.predict(features.video(i)) for i in range(len(features.names))]
        found = [candidates(p.cas, p.latent) for p in predictions]
        for name, rule in RULES.items():
            for how, values in table[name].items():
                columns = []
                for video, (segments, is_run, parts) in enumerate(found):
                    here = is_run if how == "thresholds" else np.ones_like(is_run)
                    some, score = suppressed(segments[here], rule(parts)[here], how)
                    start, end = some[:, :2].T * features.hop_s
                    columns.append([np.full(len(some), video), some[:, 2], start, end, score])
                joined = (np.concatenate(c) for c in zip(*columns, strict=True))
                detections = Detections(features.names, list(trained.classes), *joined)
                values.append(evaluate_all(detections, videos, (0.5,), protocols=("wtalc",))["wtalc"]["map"][0])
    print(f"| score | {' | '.join(HOW)} |\n|---|{'---|' * len(HOW)}")
    for name, row in table.items():
        cells = (f"{mean(v):.1f}" + (f" ± {stdev(v):.1f}" if len(v) > 1 else "") for v in row.values())
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
