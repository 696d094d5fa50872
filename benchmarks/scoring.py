"""What the score of a proposal does: the segments of finished runs, ranked by one rule after the other.

    python benchmarks/scoring.py FEATURES ANNOTATIONS SUBSET RUN [RUN ...] [--words WORD2VEC]

Every run is a seed of one model: W-TALC of the classes in ANNOTATIONS, or, with --words, any of other classes that are
carried over by their names. Segments are the runs above the midrange, alone and with proposals beside them, under hard
suppression at tIoU 0.5 and under soft; proposals and label transfer are the defaults, classes survive by a score above
0 (with --words: above the mean). mAP (%) at tIoU 0.5, protocol wtalc, mean and deviation over the runs. To choose a
score, give videos that no table is about.
"""

import argparse
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from scipy.special import expit

from actionbytes.data.annotations import classes_of, of_subset, read_annotations
from actionbytes.data.detections import Detections
from actionbytes.evaluation.detection import evaluate_all
from actionbytes.features.store import load_features
from actionbytes.localization.bytes import Proposals, proposals
from actionbytes.localization.nms import nms, ranking, soft_nms
from actionbytes.localization.segments import midrange_threshold, segment_scores, threshold
from actionbytes.localization.thresholds import Localization, surviving_classes, video_scores
from actionbytes.localization.transfer import LabelTransfer
from actionbytes.steps.detect import Localizer

HOW = ("thresholds", "proposals, hard", "proposals, soft")
# of a segment: maximum, mean and contrast of activations; from probabilities, contrast (c), what share of the inside it
# is (r), and the geometric mean of both (g); s: the class's score in the video
RULES = {
    "maximum + 0.7 s": lambda x: x["max"] + 0.7 * x["s"],
    "mean + 0.7 s": lambda x: x["mean"] + 0.7 * x["s"],
    "contrast + 0.7 s": lambda x: x["contrast"] + 0.7 * x["s"],
    "contrast * (maximum + 2 s)": lambda x: x["contrast"] * (x["max"] + 2 * x["s"]),
    "c * maximum": lambda x: x["c"] * x["max"],
    "c * s": lambda x: x["c"] * x["s"],
    "c * (maximum + 2 s)": lambda x: x["c"] * (x["max"] + 2 * x["s"]),
    "r * (maximum + 2 s)": lambda x: x["r"] * (x["max"] + 2 * x["s"]),
    "g * (maximum + 2 s)": lambda x: x["g"] * (x["max"] + 2 * x["s"]),
    "root of c * (maximum + 2 s)": lambda x: x["c"] ** 0.5 * (x["max"] + 2 * x["s"]),
    "root of r * (maximum + 2 s)": lambda x: x["r"] ** 0.5 * (x["max"] + 2 * x["s"]),
} | {f"root of g * (maximum + {w} s)": lambda x, w=w: x["g"] ** 0.5 * (x["max"] + w * x["s"]) for w in (0.7, 1, 2, 4)}


def candidates(
    cas: np.ndarray, latent: np.ndarray, probabilities: bool
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Segments (N, 3) of start, end and class of one video; which are runs (N,); what rules may use of each (N,)."""
    scores = video_scores(cas)
    classes = surviving_classes(scores, "mean" if probabilities else "zero")
    raw = cas[:, classes].astype(np.float64)  # (T, K)
    belief = raw if probabilities else expit(raw)
    found = np.stack(threshold(raw, midrange_threshold(raw)), axis=1)
    cut = proposals(latent, Proposals())
    column = np.repeat(np.arange(len(classes)), len(cut))
    segments = np.concatenate([found, np.column_stack([np.tile(cut, (len(classes), 1)), column])])  # (N, 3)
    where = segments.T
    parts = {rule: segment_scores(raw, *where, rule=rule) for rule in ("max", "mean", "contrast")}
    parts["c"] = segment_scores(belief, *where).clip(0)
    inside = segment_scores(belief, *where, rule="mean")
    parts["r"] = np.divide(parts["c"], inside, out=np.zeros(len(inside)), where=inside > 0)
    parts["g"] = np.sqrt(parts["c"] * parts["r"])
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
    parser.add_argument("--words", type=Path, help="carry the classes of the runs over, by these word vectors")
    args = parser.parse_args()
    videos = of_subset(read_annotations(args.annotations), args.subset)
    features = load_features(args.features, videos)
    table = {name: {how: [] for how in HOW} for name in RULES}  # mAP of each run
    for run in args.runs:
        transfer = LabelTransfer() if args.words else None
        model = Localizer.of(run, Localization(), transfer=transfer, classes=classes_of(videos), words=args.words)
        found = []
        for i in range(len(features.names)):
            p = model.method.predict(features.video(i))
            found.append(candidates(model.transfer.activations(p.cas) if transfer else p.cas, p.latent, bool(transfer)))
        for name, rule in RULES.items():
            for how, values in table[name].items():
                columns = []
                for video, (segments, is_run, parts) in enumerate(found):
                    here = is_run if how == "thresholds" else np.ones_like(is_run)
                    some, score = suppressed(segments[here], rule(parts)[here], how)
                    start, end = some[:, :2].T * features.hop_s
                    columns.append([np.full(len(some), video), some[:, 2], start, end, score])
                joined = (np.concatenate(c) for c in zip(*columns, strict=True))
                detections = Detections(features.names, model.classes, *joined)
                values.append(evaluate_all(detections, videos, (0.5,), protocols=("wtalc",))["wtalc"]["map"][0])
    print(f"| score | {' | '.join(HOW)} |\n|---|{'---|' * len(HOW)}")
    for name, row in table.items():
        cells = (f"{mean(v):.1f}" + (f" ± {stdev(v):.1f}" if len(v) > 1 else "") for v in row.values())
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
