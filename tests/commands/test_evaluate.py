"""`actionbytes evaluate` and `analyze`: what they print and write, and that no file, however broken, misleads them."""

import copy
import csv
import gzip
import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from actionbytes.commands.analyze import analyze
from actionbytes.commands.evaluate import evaluate
from actionbytes.data.annotations import Instance, Video, write_annotations
from actionbytes.data.detections import Detections, read_detections, write_detections
from actionbytes.errors import UserError
from actionbytes.evaluation.detection import evaluate_all
from actionbytes.evaluation.protocols import PROTOCOLS

VIDEOS = {
    f"video_test_{v:07}": Video(
        f"video_test_{v:07}",
        "test",
        60.0,
        30.0,
        tuple(Instance(c, 7.0 * v + 9 * k, 7.0 * v + 9 * k + 6) for k in range(3)),
    )
    for v, c in enumerate(["Diving", "GolfSwing", "HighJump", "Diving"])
}
OTHER = {
    "video_validation_0000001": Video(
        "video_validation_0000001", "validation", 9.0, 30.0, (Instance("Diving", 1.0, 2.0),)
    )
}


def detections(n=40):
    rng = np.random.default_rng(0)
    names = sorted(VIDEOS)
    rows = []
    for i in range(n):
        video = names[rng.integers(4)]
        near = VIDEOS[video].instances[rng.integers(3)]
        start = near.start + rng.normal(0, 1)
        rows.append((video, near.label, start, start + rng.uniform(3, 8), float(n - i)))
    return Detections.from_rows(rows)


@pytest.fixture
def files(tmp_path):
    """A detection file and a truth file with two subsets."""
    write_detections(tmp_path / "det.json", detections())
    write_detections(tmp_path / "det.txt.gz", detections())
    write_annotations(tmp_path / "gt.json", {**VIDEOS, **OTHER})
    return tmp_path


def run(command, *arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments])


def error_of(command, *arguments):
    """The one line of a user's error."""
    result = run(command, *arguments)
    assert isinstance(result.exception, UserError), result.output
    return " ".join(str(result.exception).split())


def printed_map(output, name="activitynet"):
    (line,) = [line for line in output.splitlines() if line.startswith(name + " ")]
    return line.split()[1:]


def expected_map(found, tiou=(0.3, 0.5), **options):
    metrics = evaluate_all(found, VIDEOS, list(tiou), ignore_unknown=True, **options)["activitynet"]
    return [f"{value:.2f}" for value in [*metrics["map"], metrics["average"]]]


def test_all_protocols_side_by_side(files):
    result = run(
        evaluate, files / "det.json", files / "gt.json", "--subset", "test", "--protocol", "all", "--per-class"
    )
    assert result.exit_code == 0, result.output
    for name in PROTOCOLS:
        assert len(printed_map(result.output, name)) == 10
        assert f"{name}: AP (%)" in result.output
    assert "videos: 4/4 (4 with an instance)" in result.output and "options: none" in result.output


def test_json_and_text_and_gzip_give_the_same(files):
    shown = [
        run(evaluate, files / name, files / "gt.json", "--subset", "testing", "--tiou", "0.3,0.5").output
        for name in ("det.json", "det.txt.gz")
    ]
    assert shown[0] == shown[1]
    assert printed_map(shown[0]) == expected_map(detections())


def test_metrics_files(files):
    arguments = (files / "det.json", files / "gt.json", "--subset", "test", "--tiou", "0.1:0.9:0.1")
    one = run(evaluate, *arguments, "--out", files / "m" / "one.json", "--out", files / "m" / "one.csv")
    assert one.exit_code == 0
    metrics = json.loads((files / "m" / "one.json").read_text())
    assert {"protocol", "tiou", "map", "average", "per_class", "videos"} <= metrics.keys()
    assert metrics["protocol"] == "activitynet" and len(metrics["map"]) == 9
    with (files / "m" / "one.csv").open() as file:
        rows = list(csv.DictReader(file))
    means = [float(row["ap_percent"]) for row in rows if row["class"] == "mean"]
    assert means == metrics["map"]
    run(evaluate, *arguments, "--protocol", "all", "--out", files / "all.json")
    assert list(json.loads((files / "all.json").read_text())) == list(PROTOCOLS)


def test_options_that_are_on_are_printed(files):
    shown = run(
        evaluate, files / "det.json", files / "gt.json", "--subset", "test", "--diving", "single", "--video-list", "210"
    )
    assert "options: video_list = 210, diving = single" in shown.output
    assert "videos not in the list of 210: 0" in shown.output


def test_videos_from_a_list(files):
    (files / "list.txt").write_text("video_test_0000000\nvideo_test_0000001\nvideo_test_0000002\n")
    shown = run(
        evaluate, files / "det.json", files / "gt.json", "--subset", "test", "--videos-from", files / "list.txt"
    )
    assert "videos: 3/4" in shown.output and "activitynet, all 4 videos" in shown.output
    (files / "list.txt").write_text("nothing\n")
    assert "names no video" in error_of(
        evaluate, files / "det.json", files / "gt.json", "--subset", "test", "--videos-from", files / "list.txt"
    )


def test_average_recall_of_proposals(files):
    arguments = files / "det.json", files / "gt.json", "--subset", "test", "--protocol", "ar-an"
    shown = run(evaluate, *arguments, "--out", files / "ar.json", "--out", files / "ar.csv")
    metrics = json.loads((files / "ar.json").read_text())
    assert f"{metrics['auc']:.2f}" in shown.output and len(metrics["average_recall"]) == 100
    assert len((files / "ar.csv").read_text().splitlines()) == 101


def test_what_does_not_match_is_named(files):
    det, gt = files / "det.json", files / "gt.json"
    assert "has the subsets test, validation: say which with --subset" in error_of(evaluate, det, gt)
    assert "nearest is 'test'" in error_of(evaluate, det, gt, "--subset", "tst")
    assert "is in subset 'test', not in 'val' (4 such)" in error_of(evaluate, det, gt, "--subset", "val")
    assert "must end in .json, .csv" in error_of(evaluate, det, gt, "--out", "m.xml")
    assert "no such file" in error_of(evaluate, files / "absent.json", gt)
    misspelt = Detections.from_rows([("vdieo_test_0000001", "Diving", 0.0, 1.0, 1.0)])
    write_detections(files / "misspelt.json", misspelt)
    arguments = files / "misspelt.json", gt, "--subset", "test"
    assert "nearest is 'video_test_0000001'" in error_of(evaluate, *arguments)
    shown = run(evaluate, *arguments, "--ignore-unknown").output
    assert "left out (activitynet): 1 detections, video not in the truth" in shown
    write_detections(files / "label.json", Detections.from_rows([("video_test_0000000", "Golfswing", 0.0, 1.0, 1.0)]))
    assert "nearest is 'GolfSwing'" in error_of(evaluate, files / "label.json", gt, "--subset", "test")


def test_class_numbers(files):
    named = read_detections(files / "det.json")
    numbers = {"Diving": "8", "GolfSwing": "10", "HighJump": "12"}
    rows = [(named.videos[v], numbers[named.labels[c]]) for v, c in zip(named.video, named.label, strict=True)]
    lines = [f"{v} {s} {e} {c} {x}" for (v, c), s, e, x in zip(rows, named.start, named.end, named.score, strict=True)]
    (files / "numbers.txt").write_text("\n".join(lines))
    shown = run(evaluate, files / "numbers.txt", files / "gt.json", "--subset", "test", "--tiou", "0.3,0.5").output
    assert printed_map(shown) == expected_map(detections())


def test_analyze(files):
    shown = run(analyze, files / "det.json", files / "gt.json", "--subset", "test", "--out", files / "analysis")
    assert shown.exit_code == 0 and "double detection" in shown.output
    assert (files / "analysis" / "false_positives.png").stat().st_size > 0
    arguments = files / "det.json", files / "gt.json", "--subset", "test", "--out", files / "analysis"
    assert "rising seconds" in error_of(analyze, *arguments, "--lengths", "5,3")
    assert "--background" in error_of(analyze, *arguments, "--background", "0.9")


def test_the_program_leaves_with_status_2_and_one_line(files):
    done = subprocess.run(
        [sys.executable, "-m", "actionbytes.cli", "evaluate", str(files / "det.json"), str(files / "absent.json")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ") and "absent.json: no such file" in done.stderr


# Broken files: a mutation returns the bytes to read and what must come of it: "error", or rows that are left out,
# where the number must be that of the file without them.


def _pick(rng, content):
    name = sorted(content["results"])[rng.integers(len(content["results"]))]
    return name, int(rng.integers(len(content["results"][name])))


def break_detections(rng, kind, content):
    """A broken detection file: (bytes, rows left out by --drop-invalid --ignore-unknown or None for an error)."""
    content = copy.deepcopy(content)
    name, i = _pick(rng, content)
    entry = content["results"][name][i]
    bad_number = rng.choice(["NaN", "Infinity", "-Infinity", "1e999", '"x"', "null", "true", "[1]", "9" * 400])
    if kind in ("score", "start", "end"):
        place = {"score": '"score": ', "start": '"segment": [', "end": ", "}[kind]
        marked = {"score": {**entry, "score": 424242.5}, "start": {**entry, "segment": [424242.5, entry["segment"][1]]}}
        content["results"][name][i] = marked.get(kind, {**entry, "segment": [entry["segment"][0], 424242.5]})
        text = json.dumps(content)
        assert text.count(f"{place}424242.5") == 1
        return text.replace("424242.5", str(bad_number)).encode(), [(name, i)]
    if kind == "reversed":
        entry["segment"] = [entry["segment"][1] + 1, entry["segment"][0]]
        return json.dumps(content).encode(), [(name, i)]
    if kind == "text numbers":
        for entry in content["results"][name]:
            entry["segment"] = [str(t) for t in entry["segment"]]
            entry["score"] = f" {entry['score']!r}"
        return json.dumps(content).encode(), []
    if kind == "unknown label":
        entry["label"] += "x"
        return json.dumps(content).encode(), [(name, i)]
    if kind == "unknown video":
        content["results"]["video_test_9999999"] = [entry]
        return json.dumps(content).encode(), []
    if kind == "missing key":
        del entry[str(rng.choice(["label", "score", "segment"]))]
    elif kind == "segment":
        entry["segment"] = [[], [1], [1, 2, 3], 7, None, "ab", {"start": 1}][rng.integers(7)]
    elif kind == "label":
        entry["label"] = [None, 5, ["Diving"], {}][rng.integers(4)]
    elif kind == "no results":
        content = [{}, [], 5, None, {"result": content["results"]}, {"results": None}, {"results": [1]}][
            rng.integers(7)
        ]
    elif kind == "entries":
        content["results"][name] = [{}, "text", 5, None, [5], [None]][rng.integers(6)]
    text = json.dumps(content).encode()
    if kind == "cut off":
        return text[: rng.integers(0, len(text) - 1)], None
    if kind == "two videos":
        return text.replace(f'"{sorted(VIDEOS)[1]}"'.encode(), f'"{sorted(VIDEOS)[0]}"'.encode()), None
    if kind == "not text":
        return [rng.bytes(200), b"\xff" + text, b"\x1f\x8b" + text, gzip.compress(text, mtime=0)[:-9], b""][
            rng.integers(5)
        ], None
    if kind == "huge":
        return [b"[" * 200_000, b'{"results": ' + b'{"a":' * 100_000, b"9" * 100_000][rng.integers(3)], None
    return text, None


def break_truth(rng, kind, content):
    """A broken truth file that must be refused."""
    content = copy.deepcopy(content)
    name = sorted(VIDEOS)[rng.integers(4)]
    video = content["database"][name]
    annotation = video["annotations"][rng.integers(3)]
    odd = [float("nan"), float("inf"), "x", None, True, [1], 10**400][rng.integers(7)]
    if kind == "truth time":
        annotation["segment"][rng.integers(2)] = odd
    elif kind == "truth segment":
        annotation["segment"] = [[], [1], [1, 2, 3], None, "12"][rng.integers(5)]
    elif kind == "truth key":
        target, keys = (annotation, ["label", "segment"]) if rng.random() < 0.5 else (video, ["subset", "annotations"])
        del target[keys[rng.integers(2)]]
    elif kind == "truth duration":
        video["duration"] = [0, -5, "long", float("nan"), []][rng.integers(5)]
    elif kind == "truth database":
        content = [{}, [], {"database": []}, {"database": {}}, {"database": {name: 5}}][rng.integers(5)]
    text = json.dumps(content).encode()
    if kind == "truth cut off":
        text = text[: rng.integers(0, len(text) - 1)]
    elif kind == "truth twice":
        text = text.replace(f'"{sorted(VIDEOS)[1]}"'.encode(), f'"{sorted(VIDEOS)[0]}"'.encode())
    return text


DETECTION_KINDS = [
    "score", "start", "end", "reversed", "text numbers", "unknown label", "unknown video", "missing key", "segment",
    "label", "no results", "entries", "cut off", "two videos", "not text", "huge",
]  # fmt: skip
TRUTH_KINDS = [
    "truth time",
    "truth segment",
    "truth key",
    "truth duration",
    "truth database",
    "truth cut off",
    "truth twice",
]


@pytest.mark.parametrize("seed", range(140))
def test_broken_detections(files, seed):
    kind = DETECTION_KINDS[seed % len(DETECTION_KINDS)]
    content = json.loads((files / "det.json").read_text())
    broken, left_out = break_detections(np.random.default_rng(seed), kind, content)
    (files / "broken.json").write_bytes(broken)
    arguments = (files / "broken.json", files / "gt.json", "--subset", "test", "--tiou", "0.3,0.5")
    lenient = run(evaluate, *arguments, "--drop-invalid", "--ignore-unknown")
    if kind == "text numbers":
        assert run(evaluate, *arguments).output == lenient.output
        assert printed_map(lenient.output) == expected_map(detections())
        return
    message = error_of(evaluate, *arguments)
    assert "broken.json" in message or "is not in the truth" in message
    if left_out is None:
        assert isinstance(lenient.exception, UserError), lenient.output
        return
    rows = [
        (name, entry["label"], *entry["segment"], entry["score"])
        for name, entries in content["results"].items()
        for i, entry in enumerate(entries)
        if (name, i) not in left_out
    ]
    assert printed_map(lenient.output) == expected_map(Detections.from_rows(rows))
    assert "left out (activitynet): 1 detections, " in lenient.output


@pytest.mark.parametrize("seed", range(60))
def test_broken_truth(files, seed):
    kind = TRUTH_KINDS[seed % len(TRUTH_KINDS)]
    content = json.loads((files / "gt.json").read_text())
    (files / "broken.json").write_bytes(break_truth(np.random.default_rng(seed), kind, content))
    assert "broken.json" in error_of(evaluate, files / "det.json", files / "broken.json", "--subset", "test")
