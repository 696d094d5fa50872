"""Inputs on which evaluators part, each with the value that the original of the protocol gives."""

import numpy as np
import pytest
from click.testing import CliRunner

from actionbytes.commands.evaluate import evaluate
from actionbytes.data.annotations import Instance, Video, of_subset, read_annotations, write_annotations
from actionbytes.data.detections import Detections, read_detections, with_class_names, write_detections
from actionbytes.errors import UserError
from actionbytes.evaluation.detection import evaluate_all, parse_tiou
from actionbytes.evaluation.parameters import Evaluation
from actionbytes.evaluation.recall import recall_metrics
from actionbytes.evaluation.recognition import average_precisions


def truth_of(segments):
    """Videos with instances of class A: name -> segments."""
    return {
        name: Video(name, "test", 100.0, 25.0, tuple(Instance("A", float(s), float(e)) for s, e in times))
        for name, times in segments.items()
    }


def detected(*rows):
    """Detections of class A from (video, start, end, score)."""
    return Detections.from_rows(
        (video, "A", float(start), float(end), float(score)) for video, start, end, score in rows
    )


def map_of(protocol, segments, rows, tiou=0.5, **options):
    """mAP in percent at one tIoU."""
    tiou = tiou if isinstance(tiou, list) else [tiou]
    result = evaluate_all(detected(*rows), truth_of(segments), tiou, protocols=(protocol,), **options)
    return result[protocol]["map"][-1]


@pytest.fixture
def command(tmp_path):
    """Run `evaluate` on truth and detections of class A; returns what is printed, or the UserError's line."""

    def run(segments, rows, *arguments, name="det.json"):
        write_annotations(tmp_path / "gt.json", truth_of(segments))
        write_detections(tmp_path / name, detected(*rows))
        result = CliRunner().invoke(
            evaluate, [str(tmp_path / name), str(tmp_path / "gt.json"), *map(str, arguments)], catch_exceptions=True
        )
        if isinstance(result.exception, UserError):
            return str(result.exception)
        assert result.exception is None, result.output
        return result.output

    return run


def first_value(output):
    """The first number of the first row of the table."""
    return float(output.splitlines()[1].split()[1])


@pytest.fixture(scope="module")
def official(real):
    """THUMOS14's truth in its text files, Ambiguous segments included."""
    return of_subset(read_annotations(real / "thumos14" / "official_txt"), "test")


@pytest.fixture(scope="module")
def scnn(real, official):
    """S-CNN's detections for one tIoU, with class names."""
    classes = sorted({i.label for video in official.values() for i in video.instances})
    return lambda tiou: with_class_names(
        read_detections(real / "detections" / f"scnn_thumos14_det_{tiou}.txt.gz"), classes
    )


# Videos that the truth does not have

UNKNOWN = {"v1": [(0, 10)]}, [("v1", 0, 10, 0.5), ("vX", 0, 10, 0.9)]


@pytest.mark.parametrize("protocol", ["activitynet", "co2net", "thumos14"])
def test_unknown_videos_are_false_positives_when_asked(command, protocol):
    arguments = "--protocol", protocol, "--tiou", "0.5"
    assert first_value(command(*UNKNOWN, *arguments, "--unknown-videos", "count")) == 50
    left_out = command(*UNKNOWN, *arguments, "--unknown-videos", "leave-out")
    assert first_value(left_out) == 100 and "1 detections, video not in the truth" in left_out
    assert "video 'vX' is not in the truth" in command(*UNKNOWN, *arguments)
    assert "video 'vX' is not in the truth" in command(*UNKNOWN, *arguments, "--unknown-videos", "refuse")


def test_ignoring_what_is_unknown_leaves_unknown_videos_out_unless_they_are_counted(command):
    assert first_value(command(*UNKNOWN, "--ignore-unknown")) == 100
    assert first_value(command(*UNKNOWN, "--ignore-unknown", "--unknown-videos", "count")) == 50
    assert "contradicts" in command(*UNKNOWN, "--ignore-unknown", "--unknown-videos", "refuse")


def test_unknown_videos_at_eleven_points():
    assert map_of("thumos14-11pt", *UNKNOWN, unknown_videos="count") == pytest.approx(50)


def test_unknown_videos_shrink_the_share_of_proposals():
    """79 wrong proposals, the right one at rank 80, 70 more; 150 elsewhere: each video may have half of its own."""
    rows = [("v1", 20, 30, 300 - i) for i in range(79)] + [("v1", 0, 10, 221)]
    rows += [("v1", 20, 30, 220 - i) for i in range(70)] + [("vX", 0, 10, i) for i in range(150)]
    assert (
        recall_metrics(detected(*rows), truth_of({"v1": [(0, 10)]}), evaluation=Evaluation(unknown_videos="count"))[
            "auc"
        ]
        == 0
    )
    left_out = recall_metrics(detected(*rows), truth_of({"v1": [(0, 10)]}), ignore_unknown=True)
    assert left_out["auc"] == pytest.approx(20.5)


def test_lists_leave_detections_out_with_a_word_or_count_them(command, tmp_path):
    truth = {"v1": [(0, 10)], "video_test_0000270": [(0, 10)]}
    rows = [("v1", 0, 10, 0.5), ("video_test_0000270", 0, 10, 0.9)]
    (tmp_path / "list.txt").write_text("v1\n")
    for lists in (("--video-list", "211"), ("--videos-from", tmp_path / "list.txt")):
        kept = command(truth, rows, "--tiou", "0.5", *lists)
        assert first_value(kept) == 100 and "1 detections, video or class not evaluated" in kept
        counted = command(truth, rows, "--tiou", "0.5", *lists, "--unknown-videos", "count")
        assert first_value(counted) == 50 and "left out" not in counted
    kept = command(truth, rows, "--protocol", "ar-an", "--video-list", "211")
    assert "1 detections, video or class not evaluated" in kept


# Equal scores


def test_equal_scores_under_activitynet(official, scnn):
    assert map_of("activitynet", {"v1": [(0, 10)]}, [("v1", 0, 10, 0.5), ("v1", 20, 30, 0.5)]) == 50
    for tiou, value in (("0.1", 50.54462987650522), ("0.3", 40.79434154955936), ("0.5", 21.42585703455227)):
        result = evaluate_all(scnn(tiou), official, [float(tiou)], protocols=("activitynet",))
        assert result["activitynet"]["map"] == [pytest.approx(value, abs=1e-12)]
        file = evaluate_all(scnn(tiou), official, [float(tiou)], protocols=("activitynet",), ties="file")
        assert f"{file['activitynet']['map'][0]:.2f}" == {"0.1": "51.21", "0.3": "41.31", "0.5": "21.65"}[tiou]


def test_equal_scores_under_the_thumos14_kit(official, scnn):
    """By name of the video, then by file: where the file has its videos from last to first, that changes nothing."""
    segments = {"a": [(0, 10)], "b": [(20, 30)]}
    assert map_of("thumos14", segments, [("b", 0, 10, 0.5), ("a", 0, 10, 0.5)]) == 50
    rows = scnn("0.3")
    last_first = rows.take(np.argsort(-rows.video, kind="stable"))
    shuffled = rows.take(np.random.default_rng(0).permutation(len(rows)))
    for detections in (rows, last_first):
        result = evaluate_all(detections, official, [0.3], protocols=("thumos14",))
        assert f"{result['thumos14']['map'][0]:.4f}" == "36.2761"
    file = evaluate_all(last_first, official, [0.3], protocols=("thumos14",), ties="file")
    assert f"{file['thumos14']['map'][0]:.4f}" == "35.9533"
    kit, file = (
        evaluate_all(shuffled, official, [0.3], protocols=("thumos14",), ties=ties)["thumos14"]["map"][0]
        for ties in ("original", "file")
    )
    # equal scores within a video still hang on the order of the file
    assert kit == pytest.approx(36.2761, abs=0.1) and file < kit - 0.3


def test_equal_scores_under_wtalc(official, scnn):
    for tiou, value in (("0.1", "49.9071"), ("0.5", "24.4117")):
        result = evaluate_all(scnn(tiou), official, [float(tiou)], protocols=("wtalc",))
        assert f"{result['wtalc']['map'][0]:.4f}" == value


def test_equal_scores_under_ar_an(official, scnn):
    videos, rows = truth_of({"v": [(0, 10)]}), [("v", 0, 10, 0.5), ("v", 20, 30, 0.5)]
    assert recall_metrics(detected(*rows), videos)["auc"] == pytest.approx(98.5)
    assert recall_metrics(detected(*rows), videos, evaluation=Evaluation(ties="file"))["auc"] == pytest.approx(99)
    metrics = recall_metrics(scnn("0.5"), official)
    assert metrics["average_number"][-1] == 99.99999999999999  # and still AR@100 is told
    assert list(metrics["recall_at"]) == ["1", "5", "10", "50", "100"]
    assert f"{metrics['recall_at']['100']:.2f}" == "33.45"


def test_equal_scores_in_classification(plain_loops):
    """W-TALC's code orders videos by NumPy's argsort(-score) in each class."""
    rng = np.random.default_rng(0)
    scores, labels = rng.integers(0, 3, (60, 4)) / 4, rng.random((60, 4)) < 0.3
    expected = [
        plain_loops.plain(
            labels[plain_loops.quick_order((-scores[:, c]).tolist()), c].astype(float), labels[:, c].sum()
        )
        for c in range(4)
    ]
    assert average_precisions(scores, labels) == pytest.approx(expected, abs=1e-12)
    assert not np.allclose(average_precisions(scores, labels, "file"), expected)


# Segments that end before they start, and such without length


def test_reversed_detections(command):
    rows = [("v1", 10, 0, 0.9)]
    assert first_value(command({"v1": [(0, 10)]}, rows, "--protocol", "thumos14", "--reversed", "swap")) == 100
    assert first_value(command({"v1": [(0, 10)]}, rows, "--protocol", "thumos14", "--reversed", "count")) == 0
    rows = [("v1", 0, 10, 0.5), ("v1", 12, 3, 0.9)]
    counted = command({"v1": [(0, 10)]}, rows, "--tiou", "0.5", "--reversed", "count")
    assert first_value(counted) == 50 and "left out" not in counted
    dropped = command({"v1": [(0, 10)]}, rows, "--tiou", "0.5", "--reversed", "drop")
    assert first_value(dropped) == 100 and "1 detections, end before start" in dropped
    for arguments in ((), ("--reversed", "refuse")):
        assert "the end is before the start (1 such; --drop-invalid leaves them out" in command(
            {"v1": [(0, 10)]}, rows, *arguments
        )
    assert first_value(command({"v1": [(0, 10)]}, rows, "--tiou", "0.5", "--drop-invalid")) == 100
    both = command({"v1": [(0, 10)]}, rows, "--tiou", "0.5", "--drop-invalid", "--reversed", "count")
    assert first_value(both) == 50


def test_reversed_detections_match_where_lengths_cancel():
    """A union of 10 and -10 has no length: 0/0 passes for a match."""
    assert map_of("activitynet", {"v1": [(0, 10)]}, [("v1", 20, 10, 0.9)]) == 100
    assert map_of("activitynet", {"v1": [(0, 10)]}, [("v1", 20, 10, 0.9)], zero_union="miss") == 0
    assert map_of("activitynet", {"v1": [(10, 0)]}, [("v1", 20, 30, 0.9)]) == 100
    assert map_of("activitynet", {"v1": [(0, 10)]}, [("v1", 20, 11, 0.9)]) == 0


def test_reversed_truth_is_swapped_by_the_kit():
    for protocol in ("thumos14", "thumos14-11pt"):
        assert map_of(protocol, {"v1": [(10, 0)]}, [("v1", 0, 10, 0.9)]) == pytest.approx(100)


def test_segments_without_length(command):
    arguments = {"v1": [(3, 3)]}, [("v1", 7, 7, 0.9)]
    assert first_value(command(*arguments)) == 100
    assert first_value(command(*arguments, "--zero-union", "match")) == 100
    assert first_value(command(*arguments, "--zero-union", "miss")) == 0


# 3C-Net, CO2-Net and the first kit


def test_3cnet_takes_the_largest_overlap_and_interpolates(real):
    segments, rows = {"v": [(0, 12.8), (0, 6.4)]}, [("v", 0, 6.4, 0.9), ("v", 0, 16, 0.8)]
    assert (map_of("3cnet", segments, rows), map_of("wtalc", segments, rows)) == (100, 50)
    segments = {"v": [(0, 6.4), (6.4, 12.8)]}
    rows = [("v", 50, 60, 0.9), ("v", 0, 6.4, 0.8), ("v", 6.4, 12.8, 0.7)]
    maps = [f"{map_of(protocol, segments, rows):.2f}" for protocol in ("3cnet", "wtalc")]
    assert maps == ["66.67", "58.33"]
    videos = of_subset(read_annotations(real / "thumos14" / "thumos14_full.json"), "test")
    stpn = read_detections(real / "detections" / "stpn_thumos14_results.json")
    result = evaluate_all(stpn, videos, [0.1, 0.3, 0.5], protocols=("3cnet", "wtalc"))
    assert [f"{value:.3f}" for value in result["3cnet"]["map"]] == ["52.495", "34.940", "20.036"]
    assert [f"{value:.3f}" for value in result["wtalc"]["map"]] == ["51.622", "34.130", "19.441"]


def test_3cnet_takes_the_first_in_the_file_among_equal_overlaps():
    """0-12.8 s overlaps both halves by 1/2; whoever comes first in the file is gone for the next detection."""
    rows = [("v", 0, 12.8, 0.9), ("v", 0, 6.4, 0.8)]
    assert map_of("3cnet", {"v": [(0, 6.4), (6.4, 12.8)]}, rows) == 50
    assert map_of("3cnet", {"v": [(6.4, 12.8), (0, 6.4)]}, rows) == 100


def test_co2net_rounds_the_truth_to_snippets():
    segments, rows = {"v": [(0.3, 2.1)]}, [("v", 0.64, 1.92, 0.9)]
    assert map_of("co2net", segments, rows, 0.7) == 0 and map_of("activitynet", segments, rows, 0.7) == 100
    assert map_of("co2net", segments, rows, 0.7, snippets_per_second=100.0) == 100


def test_co2net_does_not_round_detections():
    """2 to 3.125 snippets over an instance of 2 to 4: 0.5625."""
    segments, rows = {"v": [(1.28, 2.56)]}, [("v", 1.28, 2.0, 0.9)]
    assert map_of("co2net", segments, rows, 0.55) == 100 and map_of("co2net", segments, rows, 0.57) == 0


def test_co2net_takes_whole_snippets_in_seconds_for_whole():
    """0.64 k seconds are k snippets but for the last bit, which must not decide at a tIoU of exactly 1/2."""
    for k in range(1, 400):
        rows = [("v", 0.64 * k, 0.64 * (k + 1), 1.0)]
        assert map_of("co2net", {"v": [(0.64 * k, 0.64 * (k + 2))]}, rows) == 100, k


def test_the_first_kit_puts_true_before_false_and_reads_eleven_points():
    rows = [("v", 50, 60, 0.5), ("v", 0, 10, 0.5), ("v", 20, 30, 0.5)]
    assert map_of("thumos14-11pt", {"v": [(0, 10), (20, 30)]}, rows) == pytest.approx(100)
    assert map_of("thumos14", {"v": [(0, 10), (20, 30)]}, rows) == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)
    rows = [("v", 0, 10, 0.9), ("v", 50, 60, 0.8), ("v", 20, 30, 0.7)]  # precision 1 up to recall 1/3, then 2/3
    expected = 100 * (4 * 1 + 3 * 2 / 3) / 11
    assert map_of("thumos14-11pt", {"v": [(0, 10), (20, 30), (70, 80)]}, rows) == pytest.approx(expected)


def test_the_first_kit_counts_recall_points_as_matlab():
    """3 of 10 does not reach the point 3 * 0.1 = 0.30000000000000004; 6 and 7 of 10 reach 1 - 0.4 and 1 - 0.3."""
    segments = {"v": [(10 * i, 10 * i + 5) for i in range(10)]}
    for hits, points in ((3, 3), (6, 7), (7, 8)):
        rows = [("v", 10 * i, 10 * i + 5, 10 - i) for i in range(hits)]
        assert map_of("thumos14-11pt", segments, rows) == pytest.approx(100 * points / 11)


@pytest.mark.parametrize("suffix", [".mp4", ".mpeg"])
def test_the_kits_take_endings_off_names(command, suffix):
    rows = [(f"v1{suffix}", 0, 10, 0.9)]
    for protocol in ("thumos14", "thumos14-11pt"):
        assert first_value(command({"v1": [(0, 10)]}, rows, "--protocol", protocol)) == 100
    assert "is not in the truth" in command({"v1": [(0, 10)]}, rows)


def test_equal_scores_by_name_of_the_video_without_its_ending():
    segments = {"a": [(0, 10)], "b": [(20, 30)]}
    assert map_of("thumos14", segments, [("b", 0, 10, 0.5), ("a.mp4", 0, 10, 0.5)]) == 50


# Thresholds


def test_thresholds_are_taken_as_typed(command):
    segments, rows = {"v": [(0, 10)]}, [("v", 0, 3, 0.9)]
    third = parse_tiou("linspace:0.1:0.9:9")[2]
    assert third == 0.30000000000000004 and parse_tiou("0.30000000000000004") == [third]
    assert parse_tiou("0.1:0.9:0.1")[2] == 0.3
    assert map_of("activitynet", segments, rows, third) == 0 and map_of("activitynet", segments, rows, 0.3) == 100
    table = command(segments, rows, "--tiou", "linspace:0.1:0.9:9").splitlines()
    assert table[0].split()[4:7] == ["0.1", "0.2", "0.3"] and table[1].split()[1:4] == ["100.00", "100.00", "0.00"]
    both = command(segments, rows, "--tiou", "0.3,0.30000000000000004").splitlines()
    assert both[0].split()[4:6] == ["0.3", "0.30000000000000004"] and both[1].split()[1:3] == ["100.00", "0.00"]


def test_ar_an_has_the_thresholds_of_its_original():
    """The ninth of `linspace` is a little less than 0.9."""
    metrics = recall_metrics(detected(("v", 0, 9, 1)), truth_of({"v": [(0, 10)]}))
    assert metrics["tiou"] == np.linspace(0.5, 0.95, 10).tolist() and metrics["tiou"][8] == 0.8999999999999999


def test_thresholds_are_limited():
    assert len(parse_tiou("linspace:0.0005:0.5:1000")) == 1000
    for text in ("linspace:0.0005:0.5:1001", "0.0001:0.9:0.0001", "linspace:0.1:0.9:1000000000"):
        with pytest.raises(UserError, match="at most 1000"):
            parse_tiou(text)
    for text in ("linspace:0.1:0.9", "linspace:0.1:0.9:0", "linspace:0.9:0.1:3", "linspace:0:0.9:3", "linspace:a:b:c"):
        with pytest.raises(UserError, match="tIoU"):
            parse_tiou(text)


# What other codes do to the truth


def test_near_duplicates_and_short_instances_of_opentad_and_actionformer():
    segments, rows = {"v": [(0, 10), (0.0005, 10)]}, [("v", 0, 10, 0.9)]
    assert map_of("activitynet", segments, rows, duplicates="near") == 100
    assert map_of("activitynet", segments, rows, duplicates="drop") == 50
    segments = {"v": [(0, 10), (20, 20.0005), (30, 30), (0, 10.0015)]}
    changed = {
        (duplicates, zero_length): evaluate_all(
            detected(*rows), truth_of(segments), [0.5], duplicates=duplicates, zero_length=zero_length
        )["activitynet"]["instances"]["total"]
        for duplicates in ("keep", "near")
        for zero_length in ("keep", "drop", "short")
    }
    assert list(changed.values()) == [4, 3, 2, 4, 3, 2]


# Options without effect


@pytest.mark.parametrize(
    ("protocol", "option"),
    [
        ("activitynet", ("--snippets-per-second", "2")),
        ("activitynet", ("--missing-class", "zero_class")),
        ("thumos14", ("--missing-class", "zero_all")),
        ("co2net", ("--missing-class", "zero_class")),
        ("activitynet", ("--no-ambiguous",)),
        ("co2net", ("--no-ambiguous",)),
        ("thumos14", ("--zero-union", "miss")),
        ("wtalc", ("--unknown-videos", "count")),
        ("activitynet", ("--max-proposals", "50")),
        ("all", ("--max-proposals", "50")),
        ("ar-an", ("--no-ambiguous",)),
        ("ar-an", ("--per-class",)),
        ("ar-an", ("--missing-class", "zero_class")),
        ("ar-an", ("--snippets-per-second", "2")),
        ("ar-an", ("--zero-union", "match")),
    ],
)
def test_an_option_without_effect_is_refused(command, protocol, option):
    message = command({"v1": [(0, 10)]}, [("v1", 0, 10, 0.5)], "--protocol", protocol, *option)
    assert message.startswith(f"{' '.join(option)}: has no effect under the protocol {protocol}, only under")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("protocol", "option"),
    [
        ("wtalc", ("--missing-class", "zero_class")),
        ("3cnet", ("--snippets-per-second", "2")),
        ("co2net", ("--zero-union", "miss")),
        ("thumos14-11pt", ("--no-ambiguous",)),
        ("wtalc", ("--unknown-videos", "leave-out")),
        ("all", ("--unknown-videos", "count")),
        ("all", ("--no-ambiguous",)),
        ("ar-an", ("--ties", "file")),
        ("ar-an", ("--duplicates", "drop")),
    ],
)
def test_an_option_with_effect_is_taken_and_printed(command, protocol, option):
    shown = command({"v1": [(0, 10)]}, [("v1", 0, 10, 0.5)], "--protocol", protocol, *option)
    name = option[0].removeprefix("--").removeprefix("no-").replace("-", "_")
    value = option[1] if len(option) > 1 else "False"
    assert f"options: {name} = {value.removesuffix('.0')}" in shown


def test_the_number_of_proposals_can_be_chosen(command):
    rows = [("v1", 20, 30, 9 - i) for i in range(9)] + [("v1", 0, 10, 0)]
    assert command({"v1": [(0, 10)]}, rows, "--protocol", "ar-an").splitlines()[1].split()[-1] != "0.00"
    assert (
        command({"v1": [(0, 10)]}, rows, "--protocol", "ar-an", "--max-proposals", "5").splitlines()[1].split()[-1]
        == "0.00"
    )


def test_all_prints_the_new_protocols_beside_the_old(real):
    files = real / "detections" / "stpn_thumos14_results.json", real / "thumos14" / "thumos14_full.json"
    shown = CliRunner().invoke(evaluate, [*map(str, files), "--subset", "test", "--protocol", "all"]).output
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines()[1:7]}
    assert list(rows) == ["activitynet", "thumos14", "wtalc", "3cnet", "co2net", "thumos14-11pt"]
    assert [rows[name][0] for name in rows] == ["51.44", "46.57", "51.62", "52.50", "51.06", "47.97"]
