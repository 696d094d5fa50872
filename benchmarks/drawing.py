"""How much of a difference between two methods is the choice of test videos: videos drawn with replacement.

    python benchmarks/drawing.py --set ANNOTATIONS SUBSET --first A.json [A.json ...] --second B.json [B.json ...]

A file a seed; both methods see the same draws. --set, --first and --second may be given again: the videos of several
sets are then drawn together. mAP (%) under protocol wtalc at tIoU 0.5 and 0.7, mean over the seeds; then mean and
deviation over the draws of what the second method adds to the first, and the share of draws in which it adds.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from actionbytes.data.annotations import of_subset, read_annotations
from actionbytes.data.detections import Detections, read_detections
from actionbytes.evaluation.evaluate import evaluate_all

TIOU = (0.5, 0.7)


def drawn(detections: Detections, copies: dict[str, list[str]]) -> list[tuple]:
    """Rows of detections, a video's as often as it was drawn, under the name of each copy."""
    rows = zip(detections.video, detections.label, detections.start, detections.end, detections.score, strict=True)
    return [
        (copy, detections.labels[label], start, end, score)
        for video, label, start, end, score in rows
        for copy in copies.get(detections.videos[video], ())
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--set", dest="sets", nargs=2, action="append", required=True, metavar=("ANNOTATIONS", "SUBSET")
    )
    parser.add_argument("--first", nargs="+", action="append", required=True, metavar="DETECTIONS")
    parser.add_argument("--second", nargs="+", action="append", required=True, metavar="DETECTIONS")
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    truth = [of_subset(read_annotations(Path(path)), subset) for path, subset in args.sets]
    groups = [[[read_detections(path) for path in paths] for paths in one] for one in (args.first, args.second)]
    everything = [(s, name) for s, videos in enumerate(truth) for name in sorted(videos)]
    rng = np.random.default_rng(args.seed)

    lacking = {"ignore_unknown": True}  # a draw may miss every video of a class

    def mean_ap(picked: list[int]) -> np.ndarray:
        """mAP of the first and the second method on the picked videos: (2, tIoU)."""
        copies: list[dict[str, list[str]]] = [{} for _ in truth]
        videos = {}
        for k, index in enumerate(picked):
            s, name = everything[index]
            copies[s].setdefault(name, []).append(f"{k}")
            videos[f"{k}"] = replace(truth[s][name], id=f"{k}")
        found = np.zeros((2, len(TIOU)))
        for g, sets in enumerate(groups):
            seeds = list(zip(*sets, strict=True))  # of each seed, its detections in every set
            for one in seeds:
                rows = [row for s, detections in enumerate(one) for row in drawn(detections, copies[s])]
                result = evaluate_all(Detections.from_rows(rows), videos, TIOU, protocols=("wtalc",), **lacking)
                found[g] += np.array(result["wtalc"]["map"]) / len(seeds)
        return found

    count = len(everything)
    first, second = mean_ap(list(range(count)))
    maps = [mean_ap(rng.integers(count, size=count).tolist()) for _ in tqdm(range(args.draws))]
    added = np.array([after - before for before, after in maps])  # (draws, tIoU)
    print(f"{count} videos, {args.draws} draws\n\n| tIoU | first | second | adds, over draws | in so many draws |")
    print("|---|---|---|---|---|")
    for t, tiou in enumerate(TIOU):
        spread = f"{added[:, t].mean():.1f} ± {added[:, t].std(ddof=1):.1f}"
        print(f"| {tiou} | {first[t]:.1f} | {second[t]:.1f} | {spread} | {(added[:, t] > 0).mean():.0%} |")


if __name__ == "__main__":
    main()
