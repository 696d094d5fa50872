"""Classes of a user's own videos that are to be found and that no training video shows: most often a name misspelt."""

from collections.abc import Iterator
from contextlib import suppress

from actionbytes.data.annotations import nearest
from actionbytes.errors import UserError
from actionbytes.planning.datasets import Own
from actionbytes.planning.plan import Plan


def unlearned_classes(plan: Plan) -> Iterator[str]:
    """One line for each class of own videos that an experiment shall find and cannot learn: its score will be 0.

    Said before anything is computed. Experiments that carry labels over to other classes are left out.
    """
    said = set()
    for name in plan.runs.experiments:
        for target in plan.runs.targets(name):
            with suppress(UserError):  # what cannot be planned is an error where it is asked for
                for line in _of(plan, name, target):
                    if line not in said:
                        said.add(line)
                        yield line


def _of(plan: Plan, name: str, target: str) -> Iterator[str]:
    searched = plan.datasets[target]
    if not isinstance(searched, Own):
        return
    detections = plan.runs.detections(name, target)
    learned: set[str] = set()
    for source in detections.run.sources.values():
        dataset = plan.datasets[source.source.dataset]
        if detections.transfer or not isinstance(dataset, Own):
            return
        learned |= dataset.data.classes(source.source.subset)
    asked = searched.data.classes(detections.subset)
    if detections.classes is not None:
        asked &= set(detections.classes)
    for label in sorted(asked - learned):
        place = f"dataset {target!r}, subset {detections.subset!r}"
        hint = nearest(label, sorted(learned))
        yield f"{place}: no training video shows the class {label!r}, so it will score 0; {hint}"
