"""How much of a difference between two methods is the choice of test videos: videos drawn with replacement.

    python benchmarks/drawing.py --set ANNOTATIONS SUBSET --first A.json [A.json ...] --second B.json [B.json ...]

Files are detections (`actionbytes localize`), one a seed; both methods see the same draws. --set, --first and --second
may be given again: the videos of several sets are then drawn together. mAP (%) under protocol wtalc at tIoU 0.5 and
0.7, mean over the seeds (a class that is never detected counts 0): of the first, of the second, their difference with
its deviation over the draws, and in which share of the draws there is a gain. Seeds are not drawn.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from actionbytes.data.annotations import of_subset, read_annotations
from actionbytes.data.detections import Detections, read_detections
from actionbytes.evaluation.detection import evaluate_all

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
    twice = {"action": "append", "required": True}
    parser.add_argument("--set", dest="sets", nargs=2, metavar=("ANNOTATIONS", "SUBSET"), help="the truth", **twice)
    parser.add_argument("--first", nargs="+", metavar="DETECTIONS", help="of one method", **twice)
    parser.add_argument("--second", nargs="+", metavar="DETECTIONS", help="of the other", **twice)
    parser.add_argument("--draws", type=int, default=100, help="how often the videos are drawn")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    args = parser.parse_args()
    if not len(args.sets) == len(args.first) == len(args.second):
        parser.error("give --set, --first and --second equally often")
    truth = [of_subset(read_annotations(Path(path)), subset) for path, subset in args.sets]
    groups = [[[read_detections(path) for path in paths] for paths in one] for one in (args.first, args.second)]
    everything = [(s, name) for s, videos in enumerate(truth) for name in sorted(videos)]
    rng = np.random.default_rng(args.seed)

    # a draw may miss every video of a class, and a method every instance of one
    lacking = {"ignore_unknown": True, "missing_class": "zero_class"}

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
    print(f"{count} videos, {args.draws} draws\n")
    print("| tIoU | first | second | gain ± deviation over draws | draws with a gain |")
    print("|---|---|---|---|---|")
    for t, tiou in enumerate(TIOU):
        spread = f"{second[t] - first[t]:.1f} ± {added[:, t].std(ddof=1):.1f}"
        print(f"| {tiou} | {first[t]:.1f} | {second[t]:.1f} | {spread} | {(added[:, t] > 0).mean():.0%} |")


if __name__ == "__main__":
    main()
