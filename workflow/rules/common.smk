# What the rules share: what wildcards may be, errors as one line, and one run at a time.

import os
import sys
from pathlib import Path

from actionbytes.locks import lock_workflow
from actionbytes.planning.unlearned import unlearned_classes
from actionbytes.reporting.provenance import git_problem


wildcard_constraints:
    suite=plan.config.suite,
    dataset="|".join(plan.datasets),
    target="|".join(plan.datasets),
    shard=r"\w+_\d\d+",
    subset=r"\w+",
    stream="rgb|flow",
    digest="[0-9a-f]+",
    recipe=r"[\w.-]+-[0-9a-f]{10}",
    run=r"[\w.-]+-[0-9a-f]{10}",
    seed=r"\d+",
    table="|".join(plan.results.tables) or "none",
    figure="|".join(plan.results.figures) or "none",


def stop(message):
    """End at once with one line and status 2.

    sys.exit would raise SystemExit, which Snakemake catches here and reports as a failure of its own, with a traceback.
    """
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr, flush=True)
    os._exit(2)


onstart:
    # A lock that ends with its holder: after a kill, the same command simply continues (profiles/default: nolock).
    global LOCK
    if " " in sys.executable:  # Snakemake does not quote it where it starts jobs
        stop(
            f"{sys.executable}: a path with a blank; put the environment elsewhere: make VENV=/tmp/actionbytes ..."
        )
    LOCK = planned(lock_workflow, Path())
    if problem := git_problem(Path()):
        print(f'warning: results will say that their commit is "unknown": {problem}', file=sys.stderr)
    for line in unlearned_classes(plan):
        print(f"warning: {line}", file=sys.stderr)


def planned(find, *arguments):
    """What a function of the plan returns; what the user can mend is one line."""
    try:
        return find(*arguments)
    except UserError as error:
        stop(error)


def as_text(paths):
    """Paths as Snakemake wants them."""
    return [str(path) for path in paths]


def settled(paths):
    """Inputs whose path names their recipe: they are there or made, and their times say nothing."""
    return [ancient(str(path)) for path in paths]


def settled_file(path):
    """One such input."""
    return ancient(str(path))
