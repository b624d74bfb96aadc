import csv
import io
import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medsift.evaluation.calibration import calibration_error, reliability
from medsift.evaluation.intervals import source_interval
from medsift.evaluation.metrics import accuracy_at, intervals, measure, one_sided
from medsift.evaluation.predictions import Prediction, predictions_csv
from medsift.modelsets.operating_points import OperatingPoint

KEYS = [
    "n", "undecided", "balanced_accuracy", "accuracy", "precision", "recall", "f1", "auc", "ece", "review_rate",
    "accuracy_at_85", "kind_macro_f1", "peak_mb", "by_kind", "by_source", "voters", "seconds", "pictures_per_second",
    "operating_points",
]  # fmt: skip


def decided(label, probability, **more):
    verdict = "medical" if probability >= 0.5 else "non-medical"
    confidence = max(probability, 1 - probability)
    return Prediction("f", label, verdict=verdict, probability=probability, confidence=confidence, **more)


def undecided(label, **more):
    return Prediction("f", label, state="failed", **more)


FIVE = [
    decided("medical", 0.9, kind="ct", source="a", predicted_kind="ct", votes={"words": 0.8, "cluster": None}),
    decided("medical", 0.4, kind="mri", source="a", predicted_kind="photo", needs_review=True, votes={"words": 0.6}),
    decided("non-medical", 0.1, kind="photo", source="b", predicted_kind="photo", votes={"words": 0.7}),
    decided("non-medical", 0.2, source="b", votes={"words": 0.1}),
    undecided("medical", kind="ct", source="c"),
]


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_a_small_case_has_exactly_the_figures_worked_out_by_hand():
    got = measure(FIVE, seconds=2.0, peak_mb=100.0)
    assert list(got) == KEYS
    assert got["n"] == 5
    assert got["undecided"] == 1
    assert got["accuracy"] == pytest.approx(3 / 5)
    assert got["balanced_accuracy"] == pytest.approx((1 / 3 + 1) / 2)
    assert got["precision"] == 1.0
    assert got["recall"] == pytest.approx(1 / 3)
    assert got["f1"] == pytest.approx(0.5)
    assert got["auc"] == pytest.approx(4 / 6)  # the undecided medical picture ranks below both others
    assert got["ece"] == pytest.approx((0.1 + 0.6 + 0.1 + 0.2) / 4)  # four bins of one
    assert got["review_rate"] == pytest.approx(1 / 5)
    assert got["accuracy_at_85"] == pytest.approx(3 / 5)  # 4.25 pictures are rounded up to all five
    assert got["kind_macro_f1"] == pytest.approx((2 / 3 + 0 + 2 / 3) / 3)
    assert got["by_kind"] == {
        "ct": {"n": 2, "accuracy": 0.5}, "mri": {"n": 1, "accuracy": 0.0}, "photo": {"n": 1, "accuracy": 1.0},
    }  # fmt: skip
    assert got["by_source"]["b"] == {"n": 2, "accuracy": 1.0}
    assert got["voters"]["words"] == {
        "n": 4, "abstained": 1, "accuracy": 0.75, "balanced_accuracy": 0.75, "auc": 0.75,
    }  # fmt: skip
    assert got["voters"]["cluster"] == {
        "n": 0, "abstained": 5, "accuracy": None, "balanced_accuracy": None, "auc": None,
    }  # fmt: skip
    assert got["pictures_per_second"] == 2.5
    assert got["operating_points"] == []


def test_thresholds_of_the_model_set_are_counted_on_these_pictures_beside_even_odds():
    points = [OperatingPoint(0.9, 0.3, 0.91, 0.9, 0.1), OperatingPoint(0.99, 0.15, 0.99, 0.8, 0.2)]
    even, less, more = measure(FIVE, 1.0, 1.0, points)["operating_points"]
    assert even == {
        "asked": None, "threshold": 0.5, "recall": pytest.approx(1 / 3, abs=1e-6), "precision": 1.0, "false_alarms": 0.0
    }  # fmt: skip
    assert (less["asked"], less["threshold"], less["precision"], less["false_alarms"]) == (0.9, 0.3, 1.0, 0.0)
    assert less["recall"] == pytest.approx(2 / 3, abs=1e-6)  # without a verdict a medical picture is missed
    assert more["recall"] == less["recall"]
    assert (more["precision"], more["false_alarms"]) == (pytest.approx(2 / 3, abs=1e-6), 0.5)


def test_a_picture_without_a_verdict_is_called_medical_by_no_threshold():
    others = [decided("medical", 0.9), undecided("non-medical"), decided("non-medical", 0.1)]
    got = measure(others, 1.0, 1.0, [OperatingPoint(0.9, 0.05, 0.9, 0.9, 0.1)])
    even, low = got["operating_points"]
    assert even["precision"] == got["precision"] == 1.0
    assert (low["precision"], low["false_alarms"]) == (0.5, 0.5)


def test_pictures_of_one_side_have_no_share_of_the_other():
    (_, point) = measure([decided("medical", 0.4)], 1.0, 1.0, [OperatingPoint(0.9, 0.6, 0.9, 0.9, 0.1)])[
        "operating_points"
    ]
    assert (point["recall"], point["precision"], point["false_alarms"]) == (0.0, None, None)


@pytest.mark.parametrize("label", ["medical", "non-medical"])
def test_a_manifest_of_one_class_has_no_auc_and_does_not_warn(label):
    got = measure([decided(label, 0.9), decided(label, 0.3), undecided(label)], 1.0, 1.0)
    assert got["auc"] is None
    assert got["balanced_accuracy"] == got["accuracy"] == pytest.approx(1 / 3)
    assert got["recall"] == (pytest.approx(1 / 3) if label == "medical" else None)
    json.dumps(got, allow_nan=False)


def test_a_manifest_without_any_verdict_is_all_wrong():
    got = measure([undecided("medical"), undecided("non-medical")], 0.0, 1.0)
    assert (got["undecided"], got["accuracy"], got["balanced_accuracy"], got["accuracy_at_85"]) == (2, 0.0, 0.0, 0.0)
    assert (got["auc"], got["recall"], got["f1"]) == (0.0, 0.0, 0.0)
    assert (got["precision"], got["ece"], got["pictures_per_second"]) == (None, None, None)


def test_review_excuses_nothing():
    wrong = [decided("medical", 0.1, needs_review=True), decided("medical", 0.9)]
    assert measure(wrong, 1.0, 1.0)["accuracy"] == 0.5


def test_the_least_confident_pictures_are_left_out_of_accuracy_at_85():
    right = [decided("medical", 0.9)] * 17
    assert accuracy_at(0.85, [*right, *[undecided("medical")] * 3]) == 1.0
    assert accuracy_at(0.85, [*right, *[decided("non-medical", 0.95)] * 3]) == pytest.approx(14 / 17)


def test_equally_confident_pictures_count_with_their_chance_of_being_chosen():
    half = [decided("medical", 0.9), decided("non-medical", 0.9)] * 10
    assert accuracy_at(0.85, half) == pytest.approx(0.5)


PREDICTIONS = st.lists(
    st.one_of(
        st.builds(
            decided,
            st.sampled_from(["medical", "non-medical"]),
            st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1),
            kind=st.sampled_from(["", "ct", "photo"]),
            source=st.sampled_from(["", "a", "b"]),
            predicted_kind=st.sampled_from([None, "ct", "photo"]),
            needs_review=st.booleans(),
            votes=st.dictionaries(st.sampled_from(["v", "w"]), st.none() | st.floats(0, 1)),
        ),
        st.builds(undecided, st.sampled_from(["medical", "non-medical"])),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=150)
@given(PREDICTIONS)
def test_every_figure_is_a_share_and_agrees_with_counting(predictions):
    got = measure(predictions, 1.0, 1.0)
    shares = [name for name in KEYS[2:12] if got[name] is not None]
    assert all(-1e-12 <= got[name] <= 1 + 1e-12 for name in shares)
    assert got["accuracy"] == pytest.approx(sum(p.verdict == p.label for p in predictions) / len(predictions))
    recalls = [
        sum(p.verdict == p.label for p in predictions if p.label == label) / total
        for label in ("medical", "non-medical")
        if (total := sum(p.label == label for p in predictions))
    ]
    assert got["balanced_accuracy"] == pytest.approx(sum(recalls) / len(recalls))
    assert got["undecided"] == sum(p.verdict is None for p in predictions)
    json.dumps(got, allow_nan=False)


@settings(max_examples=80)
@given(PREDICTIONS, st.randoms())
def test_the_order_of_the_pictures_changes_no_figure(predictions, random):
    shuffled = list(predictions)
    random.shuffle(shuffled)
    first, second = measure(predictions, 1.0, 1.0), measure(shuffled, 1.0, 1.0)
    for name in KEYS[:12]:
        assert first[name] == pytest.approx(second[name], abs=1e-9), name


@settings(max_examples=150)
@given(st.lists(st.tuples(st.floats(0.5, 1), st.booleans()), max_size=60), st.integers(1, 20))
def test_bins_hold_every_picture_once_and_the_error_lies_in_0_to_1(pairs, bins):
    confidences = np.array([pair[0] for pair in pairs])
    is_right = np.array([pair[1] for pair in pairs], dtype=bool)
    table = reliability(confidences, is_right, bins)
    assert sum(row.n for row in table) == len(pairs)
    assert len(table) <= bins
    error = calibration_error(confidences, is_right, bins)
    assert error is None if not pairs else 0 <= error <= 1


def test_bins_of_distinct_confidences_are_of_equal_mass():
    table = reliability(np.linspace(0.5, 1, 45), np.ones(45, dtype=bool))
    assert [row.n for row in table] == [3] * 15


def test_confidence_that_means_what_it_says_has_no_error():
    is_right = np.array([True] * 8 + [False] * 2)
    assert calibration_error(np.full(10, 0.8), is_right) == pytest.approx(0)


def test_an_interval_by_source_is_wider_than_one_by_picture():
    is_right = np.repeat([True, True, False, True, True, False, True, True], 50)
    sources = np.repeat(list("abcdefgh"), 50)
    low, high = source_interval(lambda rows: float(is_right[rows].mean()), sources)
    alone = source_interval(lambda rows: float(is_right[rows].mean()), [str(i) for i in range(400)])
    assert low < is_right.mean() < high
    assert high - low > 3 * (alone[1] - alone[0])


def test_one_source_gives_no_interval():
    assert source_interval(lambda rows: 1.0, ["a", "a"]) is None
    assert intervals([decided("medical", 0.9, source="a")] * 3)["accuracy"] is None


def test_predictions_csv_has_the_columns_scripts_rely_on():
    rows = list(csv.DictReader(io.StringIO(predictions_csv(FIVE))))
    assert list(rows[0]) == [
        "file", "label", "kind", "source", "state", "reason", "verdict", "probability", "confidence",
        "predicted_kind", "needs_review", "vote_cluster", "vote_words",
    ]  # fmt: skip
    assert (rows[0]["verdict"], float(rows[0]["probability"]), rows[0]["vote_cluster"]) == ("medical", 0.9, "")
    assert rows[1]["needs_review"] == "true"
    assert (rows[4]["state"], rows[4]["verdict"], rows[4]["probability"]) == ("failed", "", "")


def test_what_the_balanced_accuracy_of_one_label_is_is_said_and_of_two_nothing():
    (said,) = one_sided([decided("non-medical", 0.1), decided("non-medical", 0.7)])
    assert said == "Only non-medical pictures are labelled: balanced accuracy is the recall of non-medical."
    assert one_sided(FIVE) == one_sided([]) == []


def test_a_round_without_one_side_says_nothing_of_the_balanced_accuracy():
    of_one = [decided("medical", 0.9, source="a"), decided("medical", 0.1, source="a")]
    of_other = [decided("non-medical", 0.1, source="b")] * 2
    assert intervals([*of_one, *of_other])["balanced_accuracy"] == (0.75, 0.75)
    of_more = [decided("medical", 0.9, source="c"), *of_one]
    assert intervals(of_more)["balanced_accuracy"] == (0.5, 1.0)
