"""k-means of one mining round: seconds and memory. The default size is Kinetics-400's validation set.

    python benchmarks/clustering.py [--points 104000] [--dim 2048] [--clusters 500] [--iterations 50]

17 281 clips of 15 snippets have about 6 bytes each. Points are drawn around 800 centres, sparse as behind a ReLU.
"""

import argparse
import resource
import time

import numpy as np

from actionbytes.methods.actionbytes import kmeans


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=104_000)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--clusters", type=int, default=500)
    parser.add_argument("--iterations", type=int, default=50)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    centres = rng.random((800, args.dim), dtype=np.float32)
    points = np.empty((args.points, args.dim), dtype=np.float32)
    for block in np.array_split(points, 64):
        noise = rng.standard_normal(block.shape, dtype=np.float32)
        np.maximum(centres[rng.integers(len(centres), size=len(block))] + noise - 0.8, 0, out=block)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    start = time.perf_counter()
    _, objective = kmeans(points, args.clusters, args.iterations, rng)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{args.points} points of {args.dim} dimensions, {points.nbytes / 2**30:.2f} GB; {args.clusters} clusters")
    print(f"{seconds:.0f} s, objective {objective:.4g}; peak memory {before:.2f} GB before, {after:.2f} with it")


if __name__ == "__main__":
    main()
