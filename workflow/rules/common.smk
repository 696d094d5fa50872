# What the rules share: what wildcards may be, and one run at a time.

import fcntl
import os
import sys
from pathlib import Path


wildcard_constraints:
    suite=plan.config.suite,
    dataset="|".join(plan.suite.datasets),
    target="|".join(plan.suite.datasets),
    shard=r"\w+_\d\d+",
    subset=r"\w+",
    stream="rgb|flow",
    digest="[0-9a-f]+",
    recipe=r"[\w.-]+-[0-9a-f]{10}",
    run=r"[\w.-]+-[0-9a-f]{10}",
    seed=r"\d+",
    table="|".join(TABLES) or "none",
    figure="|".join(FIGURES) or "none",


onstart:
    # A lock that dies with its holder: after a kill, the same command simply continues (profiles/default: nolock).
    global LOCK
    Path(".snakemake").mkdir(exist_ok=True)
    LOCK = open(".snakemake/running", "w")
    try:
        fcntl.flock(LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("error: another run works in this folder; wait for it or stop it", file=sys.stderr)
        os._exit(2)


def planned(find, *arguments):
    """What a function of the plan returns; what the user can mend is one line."""
    try:
        return find(*arguments)
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        os._exit(2)


def as_text(paths):
    """Paths as Snakemake wants them."""
    return [str(path) for path in paths]
