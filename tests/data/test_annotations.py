"""Annotations: what real files say, what broken ones are told."""

import gzip
import json

import pytest

from actionbytes import files
from actionbytes.data.annotations import Instance, Video, of_subset, read_annotations, write_annotations
from actionbytes.errors import UserError

VIDEO = Video("v1", "test", 12.5, 30.0, (Instance("Jump", 0.1, 2.0), Instance("Äpfel essen", 3.0, 3.0)), ((4.0, 5.5),))


def counts(videos):
    return len(videos), sum(len(video.instances) for video in videos.values())


@pytest.mark.parametrize(
    ("file", "subset", "expected"),
    [
        ("thumos14/thumos14_full.json", "validation", (200, 3007)),
        ("thumos14/thumos14_full.json", "testing", (213, 3358)),
        ("thumos14/official_txt", "val", (200, 3007)),
        ("thumos14/official_txt", "test", (213, 3358)),
        ("thumos14/gtad_thumos_gt.json", "test", (210, 3311)),
        ("thumos14/wtalc_thumos14reduced.json", "test", (212, 3358)),
        ("multithumos/tridetplus_multithumos.json.gz", "test", (212, 20186)),
        ("activitynet/activitynet_v1-2_from_3cnet.json.gz", "train", (4819, 7151)),
        ("activitynet/activitynet_v1-2_from_3cnet.json.gz", "val", (2383, 3582)),
    ],
)
def test_real_files_have_the_published_counts(real, file, subset, expected):
    assert counts(of_subset(read_annotations(real / file), subset)) == expected


def test_text_folder_and_json_tell_the_same(real):
    text, full = (read_annotations(real / "thumos14" / name) for name in ("official_txt", "thumos14_full.json"))
    assert text.keys() == full.keys()
    for name, video in text.items():
        assert sorted(map(repr, video.instances)) == sorted(map(repr, full[name].instances))
        assert sorted(video.ambiguous) == sorted(full[name].ambiguous)
        assert video.subset == full[name].subset


def test_numbers_as_text_are_numbers(real):
    videos = read_annotations(real / "detections" / "stpn_thumos14_gt.json")
    assert videos["video_test_0000611"].instances[0] == Instance("GolfSwing", 88.6, 90.9)
    assert videos["video_test_0000611"].duration is None


@pytest.mark.parametrize("name", ["a.json", "deep/folder/a.json.gz"])
def test_written_is_read_back(tmp_path, name):
    videos = {"v1": VIDEO, "v2": Video("v2", "val")}
    write_annotations(tmp_path / name, videos)
    first = (tmp_path / name).read_bytes()
    assert read_annotations(tmp_path / name) == videos
    write_annotations(tmp_path / name, videos.values())
    assert (tmp_path / name).read_bytes() == first
    assert not list((tmp_path / name).parent.glob("*.part"))


def test_subsets_by_any_spelling():
    videos = {"a": Video("a", "Validation"), "b": Video("b", "test"), "c": Video("c", "training")}
    assert [list(of_subset(videos, name)) for name in ("val", "TESTING", "train")] == [["a"], ["b"], ["c"]]
    with pytest.raises(UserError, match=r"'tset'.*nearest is 'test'"):
        of_subset(videos, "tset")


def entry(**changes):
    good = {"subset": "test", "duration": 9.0, "annotations": [{"label": "Jump", "segment": [1, 2]}]}
    return {"database": {"v": {**good, **changes}}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("{", "not JSON.*line 1"),
        ("[]", "'database'"),
        ('{"results": {}}', "'database'"),
        ('{"database": {}}', "no annotated video"),
        ('{"database": {"v": {}, "v": {}}}', "'v' is there twice"),
        ("[" * 100_000, "nested too deep"),
        ('{"database": ' + "9" * 5000 + "}", "not JSON|'database'"),
        (b"\xff\xfe\x00broken", "not UTF-8|not JSON"),
        (b"\x1f\x8bnot really gzip", "cannot be read"),
        (gzip.compress(b'{"database": {}}', mtime=0)[:-6], "cannot be read"),
        (entry(subset=None), "'subset'"),
        (entry(annotations=None), "'annotations'"),
        (entry(annotations=[{"label": "Jump"}]), "annotation 0.*'segment'"),
        (entry(annotations=[{"label": 3, "segment": [1, 2]}]), "'label' must be text, not 3"),
        (entry(annotations=[{"label": "Jump", "segment": [1]}]), r"must be \[start, end\]"),
        (entry(annotations=[{"label": "Jump", "segment": [1, "two"]}]), "'two' is not a finite number"),
        (entry(annotations=[{"label": "Jump", "segment": [1, float("nan")]}]), "nan is not a finite number"),
        (entry(annotations=[{"label": "Jump", "segment": [1, True]}]), "True is not a finite number"),
        (entry(annotations=[{"label": "Jump", "segment": [1, 10**400]}]), "not a finite number"),
        (entry(annotations=[{"label": " ", "segment": [1, 2]}]), "annotation 0: ' ' cannot name a class: it is empty"),
        (entry(subset="../up"), "video 'v': '../up' cannot name a subset"),
        (entry(subset="validation/split1"), "cannot name a subset"),
        (entry(subset=""), "cannot name a subset"),
        (entry(duration=-1), "'duration' must be above 0"),
        (entry(fps="fast"), "'fps'.*'fast'"),
        (entry(ambiguous=[[1]]), "ambiguous segment 0"),
        (entry(ambiguous=7), "'ambiguous' must be a list"),
    ],
)
def test_broken_files_are_one_clear_line(tmp_path, content, message):
    path = tmp_path / "gt.json"
    content = json.dumps(content) if isinstance(content, dict) else content
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UserError, match=message) as error:
        read_annotations(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "/tmp/x", "a/b", "a\\b", " a", "a\n", "a\x00b", "\ud800", "é" * 101]
)
def test_ids_that_cannot_name_a_video(tmp_path, name):
    (tmp_path / "gt.json").write_text(json.dumps({"database": {name: entry()["database"]["v"]}}))
    with pytest.raises(UserError, match="cannot name a video") as error:
        read_annotations(tmp_path / "gt.json")
    assert str(error.value).isprintable()


@pytest.mark.parametrize("label", [" Jump", "Jump ", "a\tb", "a\u2028b", "\udc80", "x" * 201])
def test_labels_that_cannot_name_a_class(tmp_path, label):
    (tmp_path / "gt.json").write_text(json.dumps(entry(annotations=[{"label": label, "segment": [1, 2]}])))
    with pytest.raises(UserError, match=r"video 'v', annotation 0: .*cannot name a class") as error:
        read_annotations(tmp_path / "gt.json")
    assert str(error.value).isprintable()


@pytest.mark.parametrize("name", ["-dashes_-x", "my video (2)", "v.1", "Äpfel", "跳"])
def test_usual_names_are_names(tmp_path, name):
    changed = {"database": {name: entry(annotations=[{"label": f"{name}/x", "segment": [1, 2]}])["database"]["v"]}}
    (tmp_path / "gt.json").write_text(json.dumps(changed))
    assert read_annotations(tmp_path / "gt.json")[name].labels == [f"{name}/x"]


def test_hidden_files_of_a_text_folder_are_none(tmp_path):
    (tmp_path / "Jump_test.txt").write_text("v1 0.0 1.0\n")
    (tmp_path / "__MACOSX").mkdir()
    for name in ("._Jump_test.txt", "__MACOSX/Jump_test.txt"):
        (tmp_path / name).write_bytes(b"\x00\x05Mac OS X")
    assert list(read_annotations(tmp_path)) == ["v1"]
    (tmp_path / "Run_test.txt").write_text("a/b 0.0 1.0\n")
    with pytest.raises(UserError, match=r"Run_test\.txt, line 1: 'a/b' cannot name a video"):
        read_annotations(tmp_path)


def test_broken_text_folders(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_annotations(tmp_path / "absent.json")
    with pytest.raises(UserError, match="no THUMOS text files"):
        read_annotations(tmp_path)
    (tmp_path / "Jump_test.txt").write_text("v1 0.0 1.0\n\nv1 1.0\n")
    with pytest.raises(UserError, match=r"line 3.*video start end"):
        read_annotations(tmp_path)
    (tmp_path / "Jump_test.txt").write_text("v1 0.0 1.0\n")
    (tmp_path / "Run_val.txt").write_text("v1 0.0 1.0\n")
    with pytest.raises(UserError, match="v1 is in subset"):
        read_annotations(tmp_path)
    (tmp_path / "Run_val.txt").unlink()
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "Jump_test.txt").write_text("v1 0.0 1.0\n")
    with pytest.raises(UserError, match="is there twice"):
        read_annotations(tmp_path)


def test_a_small_archive_cannot_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_BYTES", 1 << 20)
    (tmp_path / "bomb.json").write_bytes(gzip.compress(b" " * (2 << 20)))
    with pytest.raises(UserError, match="more than 1 MiB unpacked"):
        read_annotations(tmp_path / "bomb.json")


def test_a_write_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        write_annotations(tmp_path / "file" / "a.json", {"v1": VIDEO})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
