"""One mining round at the size of Kinetics-400's validation set: seconds and memory of cutting and of k-means.

    python benchmarks/clustering.py [--clips 17281] [--snippets 15] [--dim 2048] [--clusters 500] [--iterations 50]

Features are simulated: every clip walks through three of 400 sub-actions, a third of its length each, with noise. The
network's hidden layer is as drawn; training changes its values, not the work.
"""

import argparse
import resource
import time

import numpy as np
import torch

from actionbytes.methods.actionbytes.network import ActionBytes, kmeans
from actionbytes.methods.actionbytes.parameters import ActionBytesParameters as Parameters


def peak() -> float:
    """Most memory so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def gib(array: np.ndarray) -> str:
    """Its size."""
    return f"{array.nbytes / 2**30:.1f} GiB"


def simulated(clips: int, snippets: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    """Features (clips * snippets, dim), float16 as in a file, sparse as behind a ReLU."""
    sub_actions = rng.standard_normal((400, dim), dtype=np.float32)
    rows = np.empty((clips * snippets, dim), dtype=np.float16)
    for clip in range(clips):
        walk = rng.integers(len(sub_actions), size=3)[np.arange(snippets) * 3 // snippets]  # (T,)
        noise = rng.standard_normal((snippets, dim), dtype=np.float32)
        rows[clip * snippets : (clip + 1) * snippets] = np.maximum(sub_actions[walk] + 0.5 * noise - 0.5, 0)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=17_281)
    parser.add_argument("--snippets", type=int, default=15)
    parser.add_argument("--dim", type=int, default=2048, help="of the features and of the latent")
    parser.add_argument("--clusters", type=int, default=500)
    parser.add_argument("--iterations", type=int, default=50)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    rows = simulated(args.clips, args.snippets, args.dim, rng)
    offsets = np.arange(args.clips + 1) * args.snippets
    parameters = Parameters(latent_dim=args.dim, clusters=args.clusters, kmeans_iterations=args.iterations)
    method = ActionBytes(args.dim, 400, parameters, torch.Generator().manual_seed(0))
    print(f"{args.clips} clips of {args.snippets} snippets, features of {gib(rows)}; peak {peak():.1f} GiB")
    start = time.perf_counter()
    _, _, points = method.mine(rows, offsets)
    cut = time.perf_counter()
    print(f"cutting: {cut - start:.0f} s, {len(points)} bytes of {gib(points)}; peak {peak():.1f} GiB", flush=True)
    _, objective = kmeans(points, args.clusters, args.iterations, rng)
    print(f"k-means, {args.clusters} clusters, one thread: {time.perf_counter() - cut:.0f} s,", end=" ")
    print(f"objective {objective:.4g}; peak {peak():.1f} GiB")


if __name__ == "__main__":
    main()
