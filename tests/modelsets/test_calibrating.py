"""Weights and temperature from votes whose labels are known."""

import numpy as np
import pytest

from medsift.modelsets import Calibration
from medsift.modelsets.calibrating import effective_weights, fit_calibration

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


def test_with_a_prior_a_voter_that_no_label_has_evidence_for_counts_as_before():
    odds, is_medical = labelled_votes(500)
    calibration = fit_calibration(odds, ["a", "b"], is_medical, PRIOR)
    assert effective_weights(calibration)["dicom"] == pytest.approx(1, abs=1e-5)


def test_a_voter_that_the_prior_does_not_know_starts_without_weight():
    odds, is_medical = labelled_votes(8)
    weights = effective_weights(fit_calibration(odds, ["a", "new"], is_medical, PRIOR))
    assert 0 <= weights["new"] < 0.25


def _with_names(votes):
    odds, is_medical = votes
    return odds, ["a", "b"], is_medical
