"""Detections: columns in and out, class numbers, and what broken files are told."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionbytes.data.detections import (
    THUMOS14_NUMBERS,
    Detections,
    read_detections,
    select,
    with_class_names,
    write_detections,
)
from actionbytes.errors import UserError

ROWS = [("v2", "Jump", 1.0, 2.5, 0.9), ("v1", "Long Jump", -0.25, 3.0, -1e-7), ("v2", "Jump", 1 / 3, 2 / 3, 13.5)]
finite = st.floats(-1e6, 1e6)
names = st.text("abcÄ- _", min_size=1, max_size=8).map(lambda s: s.strip() or "x").map(lambda s: " ".join(s.split()))
row = st.tuples(names.map(lambda s: s.replace(" ", "_")), names, finite, st.floats(0, 1e3), finite)


def rows_of(d):
    columns = ([d.videos[i] for i in d.video], [d.labels[i] for i in d.label], d.start, d.end, d.score)
    return list(zip(*columns, strict=True))


@given(st.lists(row, max_size=20))
@settings(max_examples=40, deadline=None)
def test_written_is_read_back_to_the_last_bit(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("detections")
    detections = Detections.from_rows((v, c, s, s + e, x) for v, c, s, e, x in rows)
    for name in ("d.json", "d.json.gz", "d.txt", "d.txt.gz"):
        write_detections(folder / name, detections)
        back = read_detections(folder / name)
        assert sorted(rows_of(back)) == sorted(rows_of(detections))
        if name.startswith("d.txt"):
            assert rows_of(back) == rows_of(detections)


def test_json_lists_videos_without_detections_and_repeats_its_bytes(tmp_path):
    detections = Detections(["v1", "v2", "empty"], ["Jump"], [1, 0], [0, 0], [0.0, 1.0], [2.0, 3.0], [0.5, 0.25])
    for path in (tmp_path / "a.json.gz", tmp_path / "b.json.gz"):
        write_detections(path, detections)
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()
    assert read_detections(tmp_path / "a.json.gz").videos == ["v1", "v2", "empty"]


def test_digits_round(tmp_path):
    write_detections(tmp_path / "d.txt", Detections.from_rows(ROWS), digits=2)
    assert rows_of(read_detections(tmp_path / "d.txt"))[2] == ("v2", "Jump", 0.33, 0.67, 13.5)


def test_real_files(real):
    stpn = read_detections(real / "detections" / "stpn_thumos14_results.json")
    assert (len(stpn), len(stpn.videos), len(stpn.labels)) == (9151, 209, 20)
    scnn = read_detections(real / "detections" / "scnn_thumos14_det_0.5.txt.gz")
    assert (len(scnn), len(scnn.videos)) == (24244, 212)
    assert scnn.labels[:2] == ["1", "10"] and scnn.start[0] == 0.0 and scnn.score[0] == 0.42876


def test_class_numbers_become_names():
    classes = sorted(THUMOS14_NUMBERS.values())

    def labels(*numbers, numbering=None, known=classes):
        rows = [("v", str(n), 0.0, 1.0, 0.5) for n in numbers]
        named = with_class_names(Detections.from_rows(rows), known, numbering)
        return [named.labels[i] for i in named.label]

    assert labels(1, 20, 2) == ["BaseballPitch", "VolleyballSpiking", "BasketballDunk"]
    assert labels(7, 97, 40) == ["BaseballPitch", "VolleyballSpiking", "HighJump"]
    assert labels(7, 9, numbering="position") == [classes[6], classes[8]]
    assert labels(7, 9, numbering="challenge") == ["BaseballPitch", "BasketballDunk"]
    with pytest.raises(UserError, match="position or as in the challenge"):
        labels(7, 9)
    with pytest.raises(UserError, match="THUMOS14 has 1-20"):
        labels(0, 3)
    with pytest.raises(UserError, match="write class names"):
        labels(1, known=["Jump"])
    named = Detections.from_rows(ROWS)
    assert with_class_names(named, ["Jump"]) is named


def test_select_names_the_nearest_or_counts():
    detections = Detections.from_rows([*ROWS, ("v3", "Jmup", 0.0, 1.0, 0.1), ("v4", "Jmup", 0.0, 1.0, 0.1)])
    with pytest.raises(UserError, match=r"class 'Jmup'.*nearest is 'Jump'"):
        select(detections, None, ["Jump", "Long Jump"])
    with pytest.raises(UserError, match=r"video 'v3'.*\(2 such\).*nearest is"):
        select(detections, ["v1", "v2"], None)
    kept = select(detections, ["v1", "v2", "v3"], ["Jump"], "leave-out", "leave-out")
    assert rows_of(kept) == [ROWS[0], ROWS[2]]
    assert kept.excluded == {"video not in the truth": 1, "class not in the truth": 2}


def test_columns_must_fit():
    with pytest.raises(ValueError, match="column end"):
        Detections(["v"], ["c"], [0, 0], [0, 0], [0.0, 0.0], [1.0], [0.5, 0.5])


def results(**changes):
    return json.dumps({"results": {"v": [{"label": "Jump", "score": 1, "segment": [0, 1], **changes}]}})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "'results'"),
        ('{"results": []}', "'results'"),
        ('{"results": {"v": {}}}', "video 'v': must hold a list"),
        ('{"results": {"v": [3]}}', "detection 0 must be an object"),
        ('{"results": {"v": [{"label": "Jump", "score": 1}]}}', "detection 0 has no 'segment'"),
        (results(segment=[0]), r"must be \[start, end\]"),
        (results(segment="ab"), r"must be \[start, end\]"),
        (results(label=3), "labels must be text, not 3"),
        (results(score="high"), "not finite numbers"),
        (results(score=None), "not finite numbers"),
        (results(score=True), "not finite numbers"),
        (results(score=float("inf")), "not finite numbers"),
        (results(score=10**400), "not finite numbers"),
        (results(segment=[[0], 1]), "not finite numbers"),
        (results(segment=[float("nan"), 1]), "not finite numbers"),
        (results(segment=[0, 1e300]), "not finite numbers"),
        (results(segment=[2, 1]), "the end is before the start"),
        ('{"results": {"v": [], "v": []}}', "'v' is there twice"),
    ],
)
def test_broken_json_is_one_clear_line(tmp_path, content, message):
    (tmp_path / "d.json").write_text(content)
    with pytest.raises(UserError, match=message) as error:
        read_detections(tmp_path / "d.json")
    assert "\n" not in str(error.value)


def test_broken_text(tmp_path):
    path = tmp_path / "d.txt"
    path.write_text("v 0 1 Jump 0.5\nv 0 1 0.5\n")
    with pytest.raises(UserError, match=r"line 2.*video start end class score"):
        read_detections(path)
    path.write_text("v 0 1 Long Jump 0.5\nv 0 one Jump 0.5\n")
    with pytest.raises(UserError, match="not finite numbers"):
        read_detections(path)
    with pytest.raises(UserError, match="is a folder"):
        read_detections(tmp_path)
    with pytest.raises(UserError, match="has blanks"):
        write_detections(path, Detections.from_rows([("a b", "Jump", 0.0, 1.0, 0.5)]))


def test_invalid_ones_are_dropped_by_wish_and_counted(tmp_path):
    path = tmp_path / "d.txt"
    path.write_text("v 0 1 Jump 0.5\nv 3 2 Jump 0.5\nv 0 1 Jump nan\nv 1 1 Jump 0.1\nv -1 1 Jump 0.1\n")
    detections = read_detections(path, drop_invalid=True)
    assert detections.excluded == {"time or score is no finite number": 1, "end before start": 1}
    assert np.array_equal(detections.start, [0, 1, -1])
