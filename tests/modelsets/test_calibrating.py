"""Weights and temperature from votes whose labels are known."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from medsift.modelsets import Calibration
from medsift.modelsets.calibrating import combine, effective_weights, fit_calibration, priced
from medsift.modelsets.operating_points import RECALLS, OperatingPoint, operating_points

PRIOR = Calibration({"a": 0.75, "b": 0.25, "dicom": 0.8}, 0.8)


def test_calibration_finds_the_weights_that_made_the_labels():
    draw = np.random.default_rng(0)
    odds = draw.normal(0, 3, (20_000, 2))
    is_medical = draw.random(20_000) < 1 / (1 + np.exp(-(0.6 * odds[:, 0] + 0.2 * odds[:, 1])))
    odds[draw.random(20_000) < 0.05, 1] = np.nan
    calibration = fit_calibration(odds, ["a", "b"], is_medical)
    assert calibration.weights["a"] + calibration.weights["b"] == pytest.approx(1, abs=1e-5)
    assert calibration.weights["a"] == pytest.approx(0.75, abs=0.03)
    assert calibration.temperature == pytest.approx(1.25, abs=0.05)


def test_a_voter_that_no_training_picture_has_evidence_for_counts_with_the_odds_it_states():
    odds = np.array([[2.0, np.nan], [-2.0, np.nan], [1.0, np.nan], [-1.0, np.nan], [-0.5, np.nan]])
    calibration = fit_calibration(odds, ["a", "dicom"], np.array([True, False, True, False, True]))
    assert calibration.weights["dicom"] / calibration.temperature == 1
    assert calibration.weights["a"] == 1


def test_a_voter_that_only_misleads_gets_no_weight():
    draw = np.random.default_rng(0)
    odds = draw.normal(0, 3, (5_000, 2))
    calibration = fit_calibration(odds, ["good", "bad"], odds[:, 0] - odds[:, 1] > 0)
    assert calibration.weights["bad"] == 0.0


def test_those_alike_get_no_weight_but_what_recalls_cost_is_told_with_them():
    odds = np.array([[2.0, 4.0], [1.0, -4.0], [-2.0, -4.0], [-1.0, 4.0]] * 50)
    is_medical = np.array([True, True, False, False] * 50)
    parts = np.arange(200) % 3
    calibration = priced_fit(odds, ["a", "neighbours"], is_medical, parts)
    assert "neighbours" not in calibration.weights
    together = combine(odds, ["a", "neighbours"], calibration)
    assert together == pytest.approx(1 / (1 + np.exp(-odds[:, 1])))
    assert calibration.points == operating_points(together, is_medical, parts)


def test_from_where_pictures_are_alike_is_kept_by_a_fit_on_labels_and_with_the_set():
    prior = replace(PRIOR, alike_from=0.6)
    odds = np.array([[2.0, 1.0], [-2.0, -1.0]] * 40)
    fitted = fit_calibration(odds, ["a", "b"], np.array([True, False] * 40), prior)
    assert fitted.alike_from == 0.6
    assert Calibration.of_stored(fitted.stored()).alike_from == 0.6
    assert "alike_from" not in PRIOR.stored()


def test_where_learned_abstains_the_calibration_counts_that_labels_have_not_touched():
    untaught = Calibration({"a": 1.0}, 2.0)
    taught = Calibration({"a": 0.25, "learned": 0.75}, 0.5, untaught=untaught)
    odds, voters = np.array([[3.0, -2.0], [3.0, np.nan]]), ["a", "learned"]
    said = np.log(combine(odds, voters, taught) / (1 - combine(odds, voters, taught)))
    assert said == pytest.approx([0.25 / 0.5 * 3 - 0.75 / 0.5 * 2, 3 / 2])
    assert combine(odds[:, :1], ["a"], taught) == pytest.approx(combine(odds[:, :1], ["a"], untaught))
    assert Calibration.of_stored(taught.stored()) == taught
    assert "untaught" not in untaught.stored()


def test_labels_of_one_class_are_refused():
    with pytest.raises(ValueError, match="both classes"):
        fit_calibration(np.ones((3, 1)), ["a"], np.array([True, True, True]))


def test_votes_that_tell_nothing_apart_leave_every_probability_near_even():
    calibration = fit_calibration(np.ones((4, 1)), ["a"], np.array([True, False, True, False]))
    assert abs(calibration.weights["a"] / calibration.temperature) < 1e-3


def test_where_nobody_voted_there_is_nothing_to_weigh():
    calibration = fit_calibration(np.full((2, 1), np.nan), ["a"], np.array([True, False]))
    assert calibration.weights == {"dicom": 1.0}
    assert calibration.temperature == 1.0


def test_votes_that_are_always_right_leave_a_temperature_above_zero():
    calibration = fit_calibration(np.array([[9.0], [-9.0]]), ["a"], np.array([True, False]))
    assert calibration.temperature > 0


def labelled_votes(count):
    """Votes of which only the second is worth anything."""
    draw = np.random.default_rng(1)
    odds = draw.normal(0, 2, (count, 2))
    return odds, draw.random(count) < 1 / (1 + np.exp(-odds[:, 1]))


def test_few_labels_move_a_prior_little_and_many_leave_nothing_of_it():
    of_few, of_many = (
        effective_weights(fit_calibration(*_with_names(labelled_votes(count)), prior=PRIOR)) for count in (5, 20_000)
    )
    before = effective_weights(PRIOR)
    assert max(abs(of_few[voter] - before[voter]) for voter in "ab") < 0.15
    assert of_many["a"] == pytest.approx(0, abs=0.05)
    assert of_many["b"] == pytest.approx(1, abs=0.05)


def test_a_prior_that_was_sure_and_wrong_gives_way_to_a_voter_that_is_right():
    is_medical = np.arange(60) % 2 == 0
    odds = np.stack([np.full(60, -6.0), np.where(is_medical, 3.0, -3.0)], axis=1)
    calibration = fit_calibration(odds, ["a", "new"], is_medical, prior=Calibration({"a": 1.0}, 1.0))
    assert ((combine(odds, ["a", "new"], calibration) > 0.5) == is_medical).all()


@pytest.mark.parametrize("sureness", [1.0, 3.0, 6.0, 12.0])
def test_few_labels_that_a_prior_had_right_make_it_little_surer(sureness):
    is_medical = np.arange(20) % 2 == 0
    odds = np.where(is_medical, sureness, -sureness)[:, None]
    calibration = fit_calibration(odds, ["a"], is_medical, prior=Calibration({"a": 1.0}, 1.0))
    assert 1 <= effective_weights(calibration)["a"] < 1.5


def test_with_a_prior_a_voter_that_no_label_has_evidence_for_counts_as_before():
    odds, is_medical = labelled_votes(500)
    calibration = fit_calibration(odds, ["a", "b"], is_medical, PRIOR)
    assert effective_weights(calibration)["dicom"] == pytest.approx(1, abs=1e-5)


def test_a_voter_that_the_prior_does_not_know_starts_without_weight():
    odds, is_medical = labelled_votes(8)
    weights = effective_weights(fit_calibration(odds, ["a", "new"], is_medical, PRIOR))
    assert 0 <= weights["new"] < 0.25


def priced_fit(odds, voters, is_medical, parts):
    return priced(fit_calibration(odds, voters, is_medical), odds, voters, is_medical, parts)


def _with_names(votes):
    odds, is_medical = votes
    return odds, ["a", "b"], is_medical


def test_the_threshold_of_a_recall_reaches_it_on_the_pictures_that_were_fitted_on():
    odds, is_medical = labelled_votes(4_000)
    calibration = priced_fit(odds, ["a", "b"], is_medical, np.arange(4_000) % 5)
    assert [point.asked for point in calibration.points] == list(RECALLS)
    probability = combine(odds, ["a", "b"], calibration)
    for point in calibration.points:
        assert point.asked <= (probability >= point.threshold)[is_medical].mean() < point.asked + 1e-3


def test_what_a_recall_costs_is_told_of_each_part_with_the_threshold_of_the_others():
    probability = np.concatenate([np.linspace(0.5, 1, 100), np.linspace(0, 0.5, 100), np.linspace(0, 0.6, 200)])
    is_medical = np.arange(400) < 200
    parts = np.where(is_medical, np.arange(400) >= 100, np.arange(400) % 2)  # 0 has the easy medical ones, 1 the hard
    point = operating_points(probability, is_medical, parts)[0]
    of_easy, of_hard = np.sort(probability[:100])[10], np.sort(probability[100:200])[10]
    is_called = probability >= np.where(parts == 0, of_hard, of_easy)
    assert (point.asked, point.recall) == (0.9, 0.5)  # all of the easy part, none of the hard one
    assert point.precision == pytest.approx(is_medical[is_called].mean(), abs=1e-6)
    assert point.false_alarms == pytest.approx(is_called[~is_medical].mean(), abs=1e-6)


def test_more_recall_is_a_lower_threshold_and_more_false_alarms():
    points = priced_fit(*_with_names(labelled_votes(4_000)), np.arange(4_000) % 5).points
    for less, more in pairwise(points):
        assert less.threshold > more.threshold
        assert less.false_alarms <= more.false_alarms


def test_a_recall_lower_than_that_at_even_odds_has_a_threshold_above_it():
    odds = np.concatenate([np.linspace(1, 5, 50), np.linspace(-5, -1, 50)])[:, None]
    points = priced_fit(odds, ["a"], np.arange(100) < 50, np.arange(100) % 2).points
    assert points[0].threshold > 0.5
    assert points[0].recall == 0.9


@pytest.mark.parametrize(("medical", "told"), [(19, []), (20, [0.9]), (39, [0.9]), (40, [0.9, 0.95])])
def test_too_few_medical_pictures_tell_no_high_recall_from_all(medical, told):
    probability = np.linspace(0.1, 0.9, medical + 30)
    is_medical = np.arange(medical + 30) >= 30
    parts = np.arange(medical + 30) % 2  # half of them are what a threshold is taken from
    assert [point.asked for point in operating_points(probability, is_medical, parts)] == told


def test_a_threshold_reaches_its_recall_where_probabilities_are_tied_or_unrounded():
    probability = np.array([1 / 3] * 10 + [2 / 3] * 10 + [0.1] * 20)
    (point, *_) = operating_points(probability, np.arange(40) < 20, np.arange(40) % 2)
    assert (point.asked, point.recall, point.precision, point.false_alarms) == (0.9, 1.0, 1.0, 0.0)
    assert point.threshold <= 1 / 3


def test_where_no_label_could_be_weighed_the_prior_counts_without_its_points():
    priced = replace(PRIOR, points=(OperatingPoint(0.9, 0.4, 0.9, 0.8, 0.1),))
    calibration = fit_calibration(np.full((2, 1), np.nan), ["new"], np.array([True, False]), priced)
    assert calibration == PRIOR
