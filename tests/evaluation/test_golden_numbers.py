"""Published detections give their published numbers, to every digit that was printed."""

import pytest

from actionbytes.data.annotations import Instance, Video, of_subset, read_annotations
from actionbytes.data.detections import read_detections, with_class_names
from actionbytes.evaluation.detection import evaluate_all, parse_tiou
from actionbytes.files import read_json

TIOU = parse_tiou("0.1:0.9:0.1")
STPN_3311 = "52.12 44.20 34.70 26.06 17.70 10.09 4.99 1.34 0.10"
STPN_3358 = "51.44 43.61 34.18 25.61 17.34 9.84 4.84 1.29 0.09"


def printed(values):
    return " ".join(f"{value:.2f}" for value in values)


def truth(real, file):
    return of_subset(read_annotations(real / file), "test")


@pytest.fixture(scope="module")
def stpn(real):
    return read_detections(real / "detections" / "stpn_thumos14_results.json")


@pytest.mark.parametrize(
    ("file", "instances", "expected", "mean"),
    [
        ("detections/stpn_thumos14_gt.json", 3311, STPN_3311, "21.25"),
        ("thumos14/thumos14_full.json", 3358, STPN_3358, "20.92"),
    ],
)
def test_stpn_under_the_activitynet_rule(real, stpn, file, instances, expected, mean):
    result = evaluate_all(stpn, truth(real, file), TIOU)["activitynet"]
    assert printed(result["map"]) == expected
    assert printed([result["average"]]) == mean
    assert result["instances"]["total"] == instances
    assert result["detections"]["scored"] == 9151


def test_the_list_of_210_makes_one_truth_of_the_other(real, stpn):
    result = evaluate_all(stpn, truth(real, "thumos14/thumos14_full.json"), TIOU, video_list="210")["activitynet"]
    assert printed(result["map"]) == STPN_3311
    assert result["videos"]["evaluated"] == result["videos"]["listed"] == 210


def test_videos_set_aside_are_told_and_missed_in_the_full_truth(real, stpn):
    gone = {"video_test_0000270", "video_test_0001292", "video_test_0001496"}
    result = evaluate_all(stpn, truth(real, "thumos14/thumos14_full.json"), TIOU, set_aside=gone)["activitynet"]
    assert printed(result["map"]) == STPN_3311
    assert printed(result["map_full_truth"]) == STPN_3358  # STPN has no detections in those videos
    assert (result["videos"]["evaluated"], result["videos"]["listed"]) == (210, 213)
    assert result["videos"]["set_aside"] == sorted(gone)


@pytest.mark.parametrize(
    ("tiou", "kit", "kit_without_ambiguous", "activitynet"),
    [
        ("0.1", "47.72", "46.56", 50.54462987650522),
        ("0.3", "36.28", "35.53", 40.79434154955936),
        ("0.5", "18.97", "18.51", 21.42585703455227),
    ],
)
def test_scnn_under_the_official_kit(real, tiou, kit, kit_without_ambiguous, activitynet):
    videos = truth(real, "thumos14/official_txt")
    classes = {instance.label for video in videos.values() for instance in video.instances}
    raw = read_detections(real / "detections" / f"scnn_thumos14_det_{tiou}.txt.gz")
    detections = with_class_names(raw, sorted(classes))
    result = evaluate_all(detections, videos, [float(tiou)])
    plain = evaluate_all(detections, videos, [float(tiou)], ambiguous=False)
    assert printed(result["thumos14"]["map"]) == kit
    assert printed(plain["thumos14"]["map"]) == kit_without_ambiguous
    assert result["activitynet"]["map"] == plain["activitynet"]["map"] == [pytest.approx(activitynet, abs=1e-12)]


def test_the_tiny_fixture_of_mmaction2(real):
    """Worked out by hand at tIoU 0.5, from the overlaps of the file's 14 detections."""
    content = read_json(real / "detections" / "mmaction2_eval_localization_gt.json")
    videos = {
        name.removeprefix("v_"): Video(
            name,
            "validation",
            v["duration"],
            None,
            tuple(Instance(a["label"], *a["segment"]) for a in v["annotations"]),
        )
        for name, v in content.items()
    }
    detections = read_detections(real / "detections" / "mmaction2_eval_localization_result.json")
    result = evaluate_all(detections, videos, [0.5])
    by_score = {"Cleaning shoes": [100.0], "Wakeboarding": [pytest.approx(100 * 3 / 7)]}  # ranks 3, 6, 7, made monotone
    assert result["activitynet"]["per_class"] == by_score
    assert result["activitynet"]["map"] == [pytest.approx(50 + 50 * 3 / 7)]
    by_overlap = 100 * (1 / 3 + 2 / 7 + 3 / 8) / 3  # instances take the best: ranks 7, 8 and 3
    assert result["thumos14"]["per_class"] == {"Cleaning shoes": [100.0], "Wakeboarding": [pytest.approx(by_overlap)]}
