"""TV-L1 beside OpenCV's, on equal cores: time, end point difference, and how sensitive the scheme is by itself.

    python benchmarks/flow.py [--videos FOLDER] [--cores 2] [--pairs 3] [--sizes 224 64] [--torch] [--sensitivity]

Pairs of consecutive frames from real clips, or of a generated moving picture without them. OpenCV shares the rows of a
pair among the cores, ours the pairs. The difference leaves out a border of 8 pixels, where OpenCV 4 and 5 differ.
`--sensitivity` compares OpenCV with itself when a millionth of a gray level is added to its input: what any change of
rounding does. Exit status 1 if the mean difference exceeds 0.01 pixels or the speed at the first size is under 5 times.
"""

import argparse
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import cv2
import numba
import numpy as np

from actionbytes.video.decode import frames_of
from actionbytes.video.flow import flow_pairs
from actionbytes.video.parameters import Decoding, Flow

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "real" / "videos"
BORDER = 8
COMPILE = """
import time, numpy as np
from actionbytes.video.parameters import Flow
from actionbytes.video.flow import flow_pairs
start = time.perf_counter()
list(flow_pairs(np.zeros((2, 24, 24, 3), np.uint8), Flow()))
print(time.perf_counter() - start)
"""


def pictures(folder, size, count):
    """Runs of `count` + 1 frames, each from one clip: {name: (N, size, size, 3)}."""
    decoding = Decoding(short_side=round(size * 256 / 224), crop=size)
    runs = {}
    for path in sorted(folder.rglob("*.*")) if folder.is_dir() else []:
        frames = [frame for _, frame in zip(range(3 + count), frames_of(path, decoding), strict=False)]
        if len(frames) > count + 1:
            runs[path.name] = np.stack(frames[-count - 1 :])
    return runs or {f"generated {seed}": moving(size, count, seed) for seed in range(4)}


def moving(size, count, seed):
    """A smooth random picture that moves and turns."""
    random = np.random.default_rng(seed)
    large = cv2.GaussianBlur(random.uniform(0, 255, (2 * size, 2 * size, 3)).astype(np.float32), (0, 0), 3)
    large = cv2.normalize(large, None, 0, 255, cv2.NORM_MINMAX)
    frames = []
    for k in range(count + 1):
        matrix = cv2.getRotationMatrix2D((size, size), k * random.uniform(-1, 1), 1.0)
        matrix[:, 2] += k * random.uniform(-3, 3, 2) - size / 2
        frames.append(cv2.warpAffine(large, matrix, (size, size)).astype(np.uint8))
    return np.stack(frames)


def timed(function):
    """Result, seconds on the clock, seconds of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    result = function()
    return result, time.perf_counter() - clock, time.process_time() - processor


def difference(one, other):
    """Mean end point difference in pixels inside the border, per pair."""
    inner = slice(BORDER, -BORDER)
    return np.array([np.linalg.norm(a - b, axis=-1)[inner, inner].mean() for a, b in zip(one, other, strict=True)])


def with_opencv(grays, cores):
    """OpenCV's own, pair after pair, its rows on all cores."""
    cv2.setNumThreads(cores)
    solver = cv2.optflow.DualTVL1OpticalFlow_create()
    fields = [solver.calc(a, b, None) for a, b in pairwise(grays)]
    cv2.setNumThreads(1)
    return [np.clip(field, -20, 20) for field in fields]


def compare(name, frames, args):
    """One line of the table; returns what the summary needs."""
    grays = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    theirs, their_clock, their_processor = timed(lambda: with_opencv(grays, args.cores))
    ours, our_clock, our_processor = timed(lambda: list(flow_pairs(frames, Flow(), args.cores))[:-1])
    apart = difference(ours, theirs)
    same = np.mean([np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True)])
    line = f"{name[:34]:34} {1e3 * their_clock / len(ours):8.1f} {1e3 * our_clock / len(ours):8.1f} "
    line += f"{their_clock / our_clock:7.1f} {their_processor / our_processor:7.1f} {apart.mean():10.6f} {same:6.0%}"
    extra = {}
    if args.torch:
        batched = list(flow_pairs(frames, Flow(algorithm="tvl1_torch"), device=args.device))[:-1]
        extra["torch"] = difference(batched, theirs)
    if args.sensitivity:
        noise = np.random.default_rng(0).normal(0, 1e-6, np.shape(grays))
        shaken = with_opencv(
            [(g / 255 + n / 255).astype(np.float32) for g, n in zip(grays, noise, strict=True)], args.cores
        )
        extra["sensitivity"] = difference(shaken, theirs)
    print(line + "".join(f" {values.mean():12.6f}" for values in extra.values()), flush=True)
    return their_clock, our_clock, their_processor, our_processor, apart, same, extra


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=Path, default=CLIPS)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[224, 64])
    parser.add_argument("--torch", action="store_true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--sensitivity", action="store_true")
    args = parser.parse_args()

    print(f"OpenCV {cv2.__version__}, numba {numba.__version__}, {args.cores} cores")
    seconds = subprocess.run([sys.executable, "-c", COMPILE], capture_output=True, text=True, check=True).stdout.strip()
    print(f"first pair of a process: {float(seconds):.1f} s (compiles once, then loads from the cache)")
    failed = False
    for size in args.sizes:
        extras = [name for name in ("torch", "sensitivity") if getattr(args, name)]
        print(f"\n{size} x {size} pixels{'':17} OpenCV     ours  faster  by CPU  difference   same", *extras)
        runs = pictures(args.videos, size, args.pairs)
        compare("(warming up)", next(iter(runs.values())), args)
        results = [compare(name, frames, args) for name, frames in runs.items()]
        their_clock, our_clock, their_processor, our_processor = (sum(r[k] for r in results) for k in range(4))
        apart = np.concatenate([r[4] for r in results])
        pairs = len(apart)
        print(
            f"all {pairs}: OpenCV {1e3 * their_clock / pairs:.1f} ms, ours {1e3 * our_clock / pairs:.1f} ms a pair;"
            f" {their_clock / our_clock:.1f} times faster by the clock, {their_processor / our_processor:.1f} by the"
            f" processor; mean difference {apart.mean():.6f} px, largest {apart.max():.6f};"
            f" {np.mean([r[5] for r in results]):.0%} of the pairs equal to the bit"
        )
        for name in extras:
            values = np.concatenate([r[6][name] for r in results])
            print(f"{name}: mean {values.mean():.4f} px, median {np.median(values):.4f}, largest {values.max():.4f}")
        failed |= apart.mean() > 0.01 or (size == args.sizes[0] and their_clock < 5 * our_clock)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
