"""Detection says what it leaves out."""

import numpy as np

from actionbytes.data.manifests import Status
from actionbytes.features.store import VideoFeatures, load_features, write_shard
from actionbytes.methods.wtalc.parameters import WtalcParameters
from actionbytes.steps.detect import Localizer, detect
from actionbytes.training.loop import fit
from actionbytes.training.parameters import Training
from actionbytes.training.sources import training_set


def test_videos_that_were_set_aside_are_named(tmp_path, caplog):
    x = np.random.default_rng(0).random((6, 4)).astype(np.float32)
    videos = [(name, VideoFeatures({"rgb": x}, 3.84, 96, 25.0, 16, 0.64)) for name in "ab"]
    write_shard(tmp_path / "x.h5", videos, {}, [Status("c", 0, "set aside", "damaged at once")])
    sets = {"videos": training_set(load_features(tmp_path / "x.h5"), np.eye(2, dtype=bool), ["run", "jump"])}
    fit("wtalc", WtalcParameters(latent_dim=8), Training(iterations=1), sets, 0, tmp_path / "run")
    localizer = Localizer.of(tmp_path / "run", WtalcParameters.localization())
    detect(localizer, tmp_path / "x.h5", tmp_path / "d.json", names=["a", "b"])
    assert not caplog.text
    detect(localizer, tmp_path / "x.h5", tmp_path / "d.json", names=["a", "b", "c"])
    assert "1 videos have no features and get no detections" in caplog.text and "c (damaged at once)" in caplog.text
