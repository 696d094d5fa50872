"""The mini world: exact truth, same bytes, restarts, broken files, and the structure that its page promises."""

import csv
import json
import os
import runpy
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from actionbytes.data.annotations import read_annotations
from actionbytes.data.words import cosine_similarity, embed_labels, read_word2vec
from actionbytes.errors import UserError
from actionbytes.mini import DATASETS, MiniWorld
from actionbytes.mini.figure import MOTIONS, joints_of
from actionbytes.mini.render import frames_of, render_dataset
from actionbytes.mini.script import TICKS, scripts
from actionbytes.mini.vocabulary import MISSING, write_word_vectors
from actionbytes.mini.world import ACTIONS, BACKGROUND, SOURCE, SUB_ACTIONS
from actionbytes.video.decode import BrokenVideo, VideoReader
from actionbytes.video.parameters import Decoding

TINY = MiniWorld(
    short_side=32,
    pretraining_clips=3,
    pretraining_seconds=(0.8, 1.0),
    clips=2,
    clip_seconds=(1.0, 1.2),
    thumos14_validation_videos=2,
    thumos14_test_videos=2,
    thumos14_seconds=(4.0, 6.0),
    activitynet12_training_videos=1,
    activitynet12_validation_videos=2,
    activitynet12_seconds=(3.0, 4.0),
    variable_rate=0.5,
    sound=0.5,
)


def changed(**values) -> MiniWorld:
    return MiniWorld.model_validate(TINY.model_dump() | values)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "videos.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> Path:
    """All datasets at tiny size, with one worker."""
    home = tmp_path_factory.mktemp("mini")
    for name in DATASETS:
        render_dataset(TINY, name, home / name)
    return home


@pytest.mark.parametrize("name", DATASETS)
def test_files_and_truth_agree_to_the_frame(rendered, name):
    folder = rendered / name
    videos, rows = read_annotations(folder / "annotations.json"), rows_of(folder)
    raw = json.loads((folder / "annotations.json").read_text())["database"]
    assert [row["video"] for row in rows] == list(videos)
    for row in rows:
        with av.open(str(folder / row["file"])) as container:
            stream = container.streams.video[0]
            times = [float(frame.pts * stream.time_base) for frame in container.decode(stream)]
            size = (stream.width, stream.height)
            lasts = float(stream.duration * stream.time_base)
        video = videos[row["video"]]
        assert times[0] == 0
        assert len(times) == raw[video.id]["frames"]
        assert lasts == pytest.approx(video.duration, abs=1e-5) == pytest.approx(float(row["seconds"]), abs=1e-6)
        assert video.fps == pytest.approx(len(times) / video.duration, abs=1e-5)
        assert size == (int(row["width"]), int(row["height"]))
        assert min(size) >= TINY.short_side
        edges = np.array([*times, lasts])
        for instance in video.instances:
            assert np.abs(edges - instance.start).min() < 2e-6
            assert np.abs(edges - instance.end).min() < 2e-6
            assert 0 <= instance.start < instance.end <= lasts + 1e-6


def test_some_files_have_a_variable_frame_rate_and_some_have_sound(rendered):
    rates, sounds = set(), set()
    for path in rendered.glob("*/videos/*.mp4"):
        with av.open(str(path)) as container:
            sounds.add(bool(container.streams.audio))
            stream = container.streams.video[0]
            times = [frame.pts * stream.time_base for frame in container.decode(stream)]
            rates.add(len({after - before for before, after in pairwise(times)}) > 1)
    assert rates == sounds == {True, False}


def test_truth_follows_the_picture():
    """A figure steps into an empty scene at the very frame that the script says."""
    wanted = changed(thumos14_test_videos=12, thumos14_seconds=(9.0, 10.0), domain_gap=0.0)
    checked = 0
    for script in scripts(wanted, "thumos14"):
        frames = None
        for before, after in pairwise(script.stretches):
            if before.motion == "empty" and after.motion in SUB_ACTIONS:
                frames = list(frames_of(script)) if frames is None else frames
                first = int(np.searchsorted(script.ticks, after.start * TICKS - 1e-3))
                steps = [
                    np.abs(np.diff(frames[k : k + 2], axis=0).astype(np.int8)).mean() for k in (first - 2, first - 1)
                ]
                assert steps[1] > 2 * steps[0]
                checked += 1
    assert checked >= 2


@pytest.mark.parametrize("name", ["thumos14", "kinetics400"])
def test_same_bytes_whatever_the_number_of_workers(rendered, tmp_path, name):
    calls = []
    render_dataset(TINY, name, tmp_path / name, progress=lambda done, total: calls.append((done, total)), workers=3)
    for file in ("videos.csv", "annotations.json", "sub_actions.json"):
        assert (tmp_path / name / file).read_bytes() == (rendered / name / file).read_bytes()
    total = len(rows_of(rendered / name))
    assert calls == [(done, total) for done in range(1, total + 1)]


def test_another_seed_is_another_world(rendered, tmp_path):
    render_dataset(changed(seed=1), "activitynet12", tmp_path)
    ours, others = rows_of(rendered / "activitynet12"), rows_of(tmp_path)
    assert {row["sha256"] for row in ours}.isdisjoint(row["sha256"] for row in others)


def test_more_videos_leave_the_others_as_they_are():
    few = list(scripts(TINY, "thumos14"))
    many = {script.id: script for script in scripts(changed(thumos14_test_videos=5, broken=3), "thumos14")}
    assert len(many) == len(few) + 6
    assert all(many[script.id] == script for script in few)


def test_a_killed_render_continues_and_mends(tmp_path):
    render_dataset(TINY, "thumos14", tmp_path)
    truth = (tmp_path / "videos.csv").read_bytes()
    whole, cut, gone, empty = sorted((tmp_path / "videos").iterdir())
    os.utime(whole, (1, 1))
    cut.write_bytes(cut.read_bytes()[:2000])
    gone.unlink()
    empty.write_bytes(b"")
    (tmp_path / "videos" / ".video_test_0000001.mp4.77.part").write_bytes(b"left by a killed call")
    render_dataset(TINY, "thumos14", tmp_path)
    assert (tmp_path / "videos.csv").read_bytes() == truth
    assert whole.stat().st_mtime == 1  # kept
    assert sorted((tmp_path / "videos").iterdir()) == [whole, cut, gone, empty]


def test_files_of_other_parameters_are_rendered_again(tmp_path):
    render_dataset(changed(seed=5), "activitynet12", tmp_path)
    before = rows_of(tmp_path)
    (tmp_path / "videos" / "mine.mp4").write_bytes(b"put here by a user")
    render_dataset(changed(seed=6, activitynet12_validation_videos=1), "activitynet12", tmp_path)
    after = rows_of(tmp_path)
    assert {row["sha256"] for row in before}.isdisjoint(row["sha256"] for row in after)
    assert len(after) == 2
    assert {path.stem for path in (tmp_path / "videos").iterdir()} == {"mine", *(row["video"] for row in after)}


def test_broken_files_are_broken_and_listed_like_the_others(rendered, tmp_path):
    world = changed(broken=5)
    render_dataset(world, "thumos14", tmp_path / "thumos14")
    healthy, rows = rows_of(rendered / "thumos14"), rows_of(tmp_path / "thumos14")
    assert rows[: len(healthy)] == healthy
    videos = read_annotations(tmp_path / "thumos14" / "annotations.json")
    kinds = {script.broken: rows[k] for k, script in enumerate(scripts(world, "thumos14")) if script.broken}
    assert list(kinds) == ["zero-byte", "truncated", "audio-only", "one-frame", "missing"]
    decoding = Decoding(short_side=32, crop=32)
    for kind, row in kinds.items():
        assert videos[row["video"]].subset == row["subset"] == "test"
        assert videos[row["video"]].instances
        path = tmp_path / "thumos14" / row["file"]
        assert path.exists() == (kind != "missing")
        if kind == "truncated":
            reader = VideoReader(path, decoding)
            assert 0 < len(list(reader)) < 0.8 * 25 * videos[row["video"]].duration
            continue
        with pytest.raises(BrokenVideo):
            list(VideoReader(path, decoding))
    assert kinds["missing"]["bytes"] == "0"
    assert not kinds["missing"]["sha256"]


def test_multithumos_labels_the_videos_of_thumos14_anew(rendered):
    ours, theirs = rendered / "multithumos", rendered / "thumos14"
    assert sorted(path.name for path in ours.iterdir()) == ["annotations.json", "sub_actions.json", "videos.csv"]
    for row, other in zip(rows_of(ours), rows_of(theirs), strict=True):
        assert (ours / row["file"]).resolve() == (theirs / other["file"]).resolve()
        assert row | {"file": ""} == other | {"file": ""}
    many, few = (read_annotations(folder / "annotations.json") for folder in (ours, theirs))
    for name, video in few.items():
        assert set(video.instances) <= set(many[name].instances)


def test_multithumos_needs_thumos14_of_the_same_parameters(tmp_path):
    with pytest.raises(UserError, match="render thumos14 first"):
        render_dataset(TINY, "multithumos", tmp_path / "multithumos")
    render_dataset(changed(thumos14_test_videos=0), "thumos14", tmp_path / "thumos14")
    with pytest.raises(UserError, match="render thumos14 again"):
        render_dataset(TINY, "multithumos", tmp_path / "multithumos")


def test_unknown_dataset_names_those_there_are(tmp_path):
    with pytest.raises(UserError, match="kinetics400, thumos14"):
        render_dataset(TINY, "imagenet", tmp_path)


def test_actions_are_walks_that_share_everything_but_their_order():
    assert set(MOTIONS) == {*SUB_ACTIONS, *BACKGROUND}
    walks = [action.walk for action in ACTIONS.values()]
    assert len(set(walks)) == len(walks)
    assert all(len(set(walk)) in (1, 3) and set(walk) <= set(SUB_ACTIONS) for walk in walks)
    assert {walk[0] for walk in walks if len(set(walk)) == 1} == set(SUB_ACTIONS)  # each also alone
    source = [ACTIONS[name] for name in SOURCE]
    for part in ("prop", "outfit", "scene"):
        shared = Counter(getattr(action, part) for action in ACTIONS.values())
        assert min(shared.values()) >= 2, part
    assert min(Counter(motion for action in source for motion in action.walk).values()) >= 3
    for name in ("thumos14", "activitynet12", "activitynet13"):
        known = [action in SOURCE for action in DATASETS[name].labels.values()]
        assert 3 <= sum(known) < len(known) == {"thumos14": 14}.get(name, 8)
        assert {label.lower().replace(" ", "") for label in DATASETS[name].labels} - {
            label.replace(" ", "") for label in SOURCE
        }
    assert len(DATASETS["multithumos"].labels) + len(DATASETS["multithumos"].parts) == 18


def test_activitynet13_shares_classes_with_activitynet12_and_leaves_word_vectors_alone(tmp_path, monkeypatch):
    labels = {name: DATASETS[name].labels for name in ("activitynet12", "activitynet13")}
    assert len(labels["activitynet12"].items() & labels["activitynet13"].items()) == 5
    assert [subset.name for subset in DATASETS["activitynet13"].subsets] == ["training", "validation", "testing"]
    ids = [{script.id for script in scripts(TINY, name)} for name in labels]
    assert len(ids[1]) == 5 and not ids[0] & ids[1]
    write_word_vectors(TINY, tmp_path / "with.bin")
    monkeypatch.delitem(DATASETS, "activitynet13")
    write_word_vectors(TINY, tmp_path / "without.bin")
    assert (tmp_path / "with.bin").read_bytes() == (tmp_path / "without.bin").read_bytes()


def test_untrimmed_videos_have_what_reality_has():
    """Default sizes: short and long instances, background, classes that meet, contexts without their action."""
    lengths, gaps, shares, classes, seen = [], [], [], [], Counter()
    for script in scripts(MiniWorld(), "thumos14"):
        assert 29.95 <= script.duration <= 80.05
        assert 3 <= len(script.instances) <= 12
        for first, second in combinations(script.instances, 2):
            assert first.end <= second.start
        lengths += [instance.end - instance.start for instance in script.instances]
        gaps += [after.start - before.end for before, after in pairwise(script.instances)]
        classes.append(len({instance.label for instance in script.instances}))
        shares.append(sum(i.end - i.start for i in script.instances) / script.duration)
        seen.update({(script.subset, instance.label) for instance in script.instances})
        edges = [(stretch.start, stretch.end) for stretch in script.stretches]
        assert all(abs(before[1] - after[0]) < 0.1 for before, after in pairwise(edges))
    assert len(seen) == 28  # each class in both subsets
    assert min(seen.values()) >= 3
    assert np.mean(np.array(lengths) < 0.64) > 0.03
    assert max(lengths) > 10
    assert 0.18 < np.mean(np.array(gaps) < 0.64) < 0.28  # 0.23 in THUMOS14's test videos
    assert 0.28 < np.mean(np.array(gaps) < 1.28) < 0.40  # 0.33
    assert 2.0 < np.median(gaps) < 3.2  # 2.6
    assert max(classes) == 2
    assert 0.05 < np.mean(np.array(classes) == 2) < 0.20  # 0.16
    assert 0.2 < np.mean(shares) < 0.5
    large = [
        sum(i.end - i.start for i in script.instances) / script.duration
        for script in scripts(MiniWorld(), "activitynet12")
    ]
    assert 0.5 < np.mean(large) < 0.85


def test_sub_actions_of_an_instance_are_its_walk():
    for script in scripts(MiniWorld(), "thumos14"):
        for instance in script.instances:
            inside = [s.motion for s in script.stretches if instance.start - 1e-6 <= s.start < instance.end - 1e-6]
            walk = list(ACTIONS[instance.action].walk)
            assert inside == walk * (len(inside) // 3)


def test_poses_stand_on_the_ground_and_keep_their_limbs():
    for motion in MOTIONS:
        joints = joints_of(motion, np.linspace(0, 1, 40), 1.0)
        assert joints.shape == (40, 15, 2)
        lowest = joints[..., 1].min(axis=1)
        assert lowest.max() < 0.3 if motion == "jump" else lowest.max() < 0.1
        assert np.abs(np.diff(joints, axis=0)).max() < 0.2  # moves smoothly
        assert np.abs(joints).max() < 1.5


def test_word_vectors_tie_what_shares_motions_and_miss_some_words(tmp_path):
    write_word_vectors(TINY, tmp_path / "words.bin")
    write_word_vectors(TINY, tmp_path / "words.txt")
    vectors, text = read_word2vec(tmp_path / "words.bin"), read_word2vec(tmp_path / "words.txt")
    assert vectors.keys() == text.keys()
    assert all(np.abs(vectors[word] - text[word]).max() < 1e-5 for word in vectors)
    assert not MISSING & vectors.keys()
    sources = list(SOURCE)
    base, missing = embed_labels(sources, vectors)
    assert missing == ["snatch"]
    labels = list(DATASETS["thumos14"].labels)
    ours, missing = embed_labels(labels, vectors)
    assert missing == []
    table = cosine_similarity(ours, base)
    for label, row in zip(labels, table, strict=True):
        action = DATASETS["thumos14"].labels[label]
        if action in SOURCE:  # its own name, spelled otherwise, is nearest
            assert sources[int(row.argmax())] == action
    kin = [
        [len({*ACTIONS[a].walk} & {*ACTIONS[b].walk}) for b in sources] for a in DATASETS["thumos14"].labels.values()
    ]
    kin = np.array(kin)
    assert table[kin >= 2].mean() > table[kin == 1].mean() > table[kin == 0].mean()
    with pytest.raises(UserError, match="Shotput"):
        embed_labels(labels, vectors, aliases={})


def test_picture_of_the_world_is_of_moderate_size(tmp_path, root):
    draw = runpy.run_path(str(root / "docs/images/mini_world.py"))["draw"]
    draw(MiniWorld(thumos14_seconds=(30, 31)), tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size < 400_000
    with Image.open(tmp_path / "sheet.png") as picture:
        assert min(picture.size) > 1000
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 50


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("short_side", 33),
        ("clip_seconds", (7, 5)),
        ("clip_seconds", (0.1, 5)),
        ("sound", 1.5),
        ("seed", -1),
        ("zoom", 1),
    ],
)
def test_wrong_parameters_are_refused(key, value):
    with pytest.raises(ValueError, match=key):
        changed(**{key: value})
