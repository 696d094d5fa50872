"""Snippets of any span and hop, of one stream or both: where they should be, and the same from every way to extract."""

import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from actionbytes.backbones.registry import NETWORKS, Network
from actionbytes.data.manifests import Entry
from actionbytes.features.extract import TooShort, seen_by, stream_features, video_features
from actionbytes.features.kinds import FeatureKind
from actionbytes.features.made_with import MadeWith, WeightFile
from actionbytes.features.shards import decode_shard, extract_shard, flow_shard
from actionbytes.features.store import load_features
from actionbytes.recipes import Recipe
from actionbytes.video.decode import VideoReader
from actionbytes.video.parameters import Flow

RECIPE = Recipe("extract", "x", {})
ONE_STEP = Flow(warps=1, nscales=1, inner_iterations=1, outer_iterations=1)


@pytest.fixture
def toy(monkeypatch) -> str:
    """A network of any span, added as a user would: a module with `open_stream` and a record of what it takes."""
    module = ModuleType("toy_network")
    threads = []

    def open_stream(weights, stream, inference):
        def compute(snippets):
            threads.append(torch.get_num_threads())
            return snippets.reshape(*snippets.shape[:2], -1).astype(np.float32).mean(-1)  # (n, span): one a frame

        return compute

    module.open_stream, module.threads = open_stream, threads
    monkeypatch.setitem(sys.modules, "toy_network", module)
    network = Network("toy_network", {"rgb": 3, "flow": 2}, range(1, 100), "1 to 99")
    monkeypatch.setitem(NETWORKS, "toy", network)
    return "toy"


@pytest.mark.parametrize("frames", [1, 5, 16, 17, 40, 64])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("span", "hop"), [(16, 16), (16, 8), (16, 5), (1, 5), (5, 16), (3, 1), (1, 1)])
def test_a_snippet_sees_its_frames(toy, span, hop, batch, frames):
    kind = FeatureKind(network=toy, streams=("rgb",), span=span, hop=hop, batch=batch, dtype="float32")
    calls = []

    def compute(snippets):
        calls.append(len(snippets))
        return snippets[:, :, 0, 0].astype(np.float32)  # the number that each frame is made of

    instants = ((np.full((1, 1), k),) for k in range(frames))
    starts = range(0, frames - span + 1, hop)
    if not starts:
        with pytest.raises(TooShort, match=f"has {frames} frames at 25 fps; one snippet needs {span}"):
            video_features(instants, {"rgb": compute}, 25.0, kind)
        return
    features = video_features(instants, {"rgb": compute}, 25.0, kind)
    assert features.streams["rgb"].tolist() == [list(range(start, start + span)) for start in starts]
    assert sum(calls) == len(starts) and all(size == batch for size in calls[:-1])
    assert (features.frames, features.span, features.hop, features.hop_s) == (frames, span, hop, hop / 25)
    assert features.duration == frames / 25
    features.check("video")  # what is extracted fits its own duration


@pytest.mark.parametrize("streams", [("rgb",), ("flow",), ("rgb", "flow")])
@pytest.mark.parametrize("hop", [16, 8, 24])
def test_streaming_gives_the_bytes_of_the_stages(moving, made_with, tmp_path, streams, hop):
    files = [moving(tmp_path / f"{k}.avi", frames, seed=k) for k, frames in enumerate((70, 15, 64))]
    changed = made_with.model_copy(
        update={"features": FeatureKind(streams=streams, hop=hop, batch=2, dtype="float32"), "flow": ONE_STEP}
    )
    entries = [Entry(path.stem, "test", path.name) for path in files]
    decode_shard(entries, tmp_path, tmp_path / "frames", changed.decoding)
    if "flow" in streams:
        flow_shard(tmp_path / "frames", tmp_path / "flow", changed.flow)
    extract_shard(
        tmp_path / "frames" if "rgb" in streams else None,
        tmp_path / "flow" if "flow" in streams else None,
        tmp_path / "f.h5",
        changed,
        RECIPE,
    )
    packed = load_features(tmp_path / "f.h5")
    assert packed.streams == streams and packed.hop_s == hop / 25
    assert packed.set_aside == {"1": "has 15 frames at 25 fps; one snippet needs 16"}
    streamed = list(stream_features(files, changed, changed.streams(), threads=2))
    assert str(streamed[1].broken).endswith("1.avi: has 15 frames at 25 fps; one snippet needs 16")
    for i, video in enumerate((streamed[0], streamed[2])):
        assert set(video.features.streams) == set(streams)
        assert video.features.joint(streams).tobytes() == packed.video(i).tobytes()
        assert len(packed.video(i)) == (video.features.frames - 16) // hop + 1


def test_overlapping_snippets_hold_those_side_by_side(moving, made_with, tmp_path):
    path = moving(tmp_path / "a.avi", 80)
    sparse, dense = (
        made_with.model_copy(update={"features": FeatureKind(hop=hop, batch=1, dtype="float32"), "flow": ONE_STEP})
        for hop in (16, 8)
    )
    a, b = (next(stream_features([path], x, x.streams())).features.joint(("rgb", "flow")) for x in (sparse, dense))
    assert (len(a), len(b)) == (5, 9)
    assert np.array_equal(a, b[::2])


def test_flow_is_not_computed_for_rgb_alone(moving, tmp_path, made_with, monkeypatch):
    def fails(*arguments):
        raise AssertionError("no stream sees flow")

    monkeypatch.setattr("actionbytes.features.extract.flow_pairs", fails)
    frames = list(VideoReader(moving(tmp_path / "a.avi", 20), made_with.decoding))
    seen = list(seen_by(("rgb",), frames, made_with.flow))
    assert all(
        len(instant) == 1 and np.array_equal(instant[0], frame) for instant, frame in zip(seen, frames, strict=True)
    )


def test_a_network_that_is_added_is_used(toy, moving, made_with, tmp_path):
    """One frame every five, as of a two-dimensional network, with its own frame rate and number of threads."""
    (tmp_path / "w").write_bytes(b"weights")
    kind = FeatureKind(network=toy, streams=("rgb",), span=1, hop=5, fps=30, threads=3, dtype="float32")
    decoding = kind.decoded(made_with.decoding)
    weights = {"rgb": WeightFile.of(tmp_path / "w")}
    made = MadeWith(decoding=decoding, flow=made_with.flow, features=kind, weights=weights)
    path = moving(tmp_path / "a.avi", 25)  # a second
    before = torch.get_num_threads()
    (video,) = stream_features([path], made, made.streams())
    assert video.features.streams["rgb"].shape == (6, 1)
    assert (video.features.fps, video.features.hop_s, video.features.duration) == (30, 5 / 30, 1.0)
    frames = list(VideoReader(path, decoding))[::5]
    assert np.allclose(video.features.streams["rgb"][:, 0], [frame.mean() for frame in frames], rtol=1e-5)
    assert set(sys.modules["toy_network"].threads) == {3} and torch.get_num_threads() == before
