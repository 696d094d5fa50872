"""A class that no training video shows is named before anything is computed."""

import json
from collections.abc import Callable
from pathlib import Path

from actionbytes.planning.plan import Plan
from actionbytes.planning.unlearned import unlearned_classes


def test_a_class_that_no_clip_shows_is_named_with_the_nearest(planned: Callable[..., Plan], project: Path):
    for name in ("clips/High Jump/a.mp4", "clips/spin/b.mp4", "videos/x.mp4"):
        path = project / "my" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    labels = [{"label": label, "segment": [0, 1]} for label in ("high jump", "spin", "Cartwheel")]
    truth = {"x": {"subset": "test", "duration": 4.0, "annotations": labels}}
    (project / "my/truth.json").write_text(json.dumps({"database": truth}))
    own = {"clips": "my/clips", "subset": "training", "videos": "my/videos", "annotations": "my/truth.json"}
    experiment = {"method": "wtalc", "source": {"dataset": "gym", "subset": "training"}, "targets": {"gym": "test"}}
    params_datasets = {"gym": own, "kinetics400": {}, "thumos14": {}, "multithumos": {"videos_of": "thumos14"}}
    plan = planned({"mine": experiment, "again": experiment}, datasets=params_datasets)
    lines = list(unlearned_classes(plan))
    assert lines == [
        f"dataset 'gym', subset 'test': no training video shows the class '{label}', so it will score 0; "
        "nearest is 'High Jump'; there are: High Jump, spin"
        for label in ("Cartwheel", "high jump")
    ]
    (project / "my/clips/High Jump").rename(project / "my/clips/high jump")
    labels.pop()
    (project / "my/truth.json").write_text(json.dumps({"database": truth}))
    assert not list(unlearned_classes(Plan.read(project)))
