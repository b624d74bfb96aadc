"""Weights of the voters and one temperature, from votes on pictures that their models never saw."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from medsift.modelsets import Calibration
from medsift.modelsets.operating_points import EVEN, operating_points

Doubles = NDArray[np.float64]
TAKEN_AT_THEIR_WORD = ("dicom",)  # the training pictures are JPEGs: none has a tag
NEIGHBOURS = "neighbours"  # votes after all others, on what they say of a picture and of those like it
LEARNED = "learned"  # knows what people labelled, and speaks of what is like it
NOT_BY_LOOKS = ("caption", "dicom")  # what they know is the picture's own, whatever it looks like
PRIOR_LABELS = 50  # what a prior calibration counts for
LEAST_TEMPERATURE = 1e-6
LEAST_TOTAL = 1e-6  # votes whose weights sum to less say nothing of the labels


def fit_calibration(
    log_odds: Doubles, voters: list[str], is_medical: NDArray[np.bool_], prior: Calibration | None = None
) -> Calibration:
    """Logistic regression without intercept and with no weight below 0; log_odds (n, voters), NaN where abstained.

    The fitted weights sum to 1, the temperature carries the rest. A voter that never voted cannot be fitted: those
    in `TAKEN_AT_THEIR_WORD` count with the log-odds they state, any other has no weight. Where no vote tells the
    labels apart, the temperature is so high that every probability is near 0.5. With a `prior` weights are drawn
    towards it, as if it had been seen on `PRIOR_LABELS` labels more (a Gaussian prior, so few labels move little), and
    a voter that never voted counts as it did there. `NEIGHBOURS` vote on the others' votes and get no weight. Raises
    `ValueError` where the labels are of one class: they say nothing of how far to trust a vote.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    if is_medical.all() or not is_medical.any():
        raise ValueError("weights need labels of both classes")
    has_voted: NDArray[np.bool_] = np.asarray(~np.isnan(log_odds).all(axis=0))
    has_voted &= np.array([voter != NEIGHBOURS for voter in voters], dtype=bool)
    odds = np.nan_to_num(log_odds[:, has_voted], nan=0.0)
    fitted_voters = [voter for voter, voted in zip(voters, has_voted, strict=True) if voted]
    before = effective_weights(prior) if prior else {}
    unfitted = {voter: weight for voter, weight in before.items() if voter not in fitted_voters}
    if not fitted_voters:
        return prior.without_points() if prior else Calibration(taken_at_their_word({}, 1.0), 1.0)
    sign = np.where(is_medical, 1.0, -1.0)
    centre = np.array([before.get(voter, 0.0) for voter in fitted_voters])
    # The curvature of the log loss where the prior stands: who was sure of what turned out wrong holds nothing back.
    said = expit(odds @ centre)
    curvature = ((said * (1 - said))[:, None] * odds**2).mean(axis=0)
    pull = (PRIOR_LABELS if prior else 0.0) / len(odds) * curvature

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        margin, moved = sign * (odds @ weights), weights - centre
        slope = -sign * expit(-margin)
        value = np.logaddexp(0, -margin).mean() + (pull * moved**2).sum() / 2
        return float(value), odds.T @ slope / len(odds) + pull * moved

    first = centre if prior else np.full(len(fitted_voters), 1 / len(fitted_voters))
    fitted = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(fitted_voters)).x
    total = float(fitted.sum())
    if total < LEAST_TOTAL:
        total = LEAST_TOTAL
        fitted = np.full(len(fitted_voters), total / len(fitted_voters))
    weights = {voter: round(float(weight) / total, 6) for voter, weight in zip(fitted_voters, fitted, strict=True)}
    weights |= {voter: round(weight / total, 6) for voter, weight in unfitted.items()}
    temperature = max(round(1 / total, 6), LEAST_TEMPERATURE)
    alike_from = prior.alike_from if prior else None
    return Calibration(taken_at_their_word(weights, temperature), temperature, alike_from=alike_from)


def priced(
    calibration: Calibration,
    log_odds: Doubles,
    voters: Sequence[str],
    is_medical: NDArray[np.bool_],
    parts: NDArray[np.intp],
) -> Calibration:
    """The calibration with what recalls cost, from log-odds (n, voters) and the part (n,) that each picture is held
    back with; `NEIGHBOURS` count as they do in runs."""
    probability = np.nan_to_num(combine(log_odds, voters, calibration), nan=EVEN)
    return replace(calibration, points=operating_points(probability, is_medical, parts))


def combine(log_odds: Doubles, voters: Sequence[str], calibration: Calibration) -> Doubles:
    """P(medical) of each picture from log-odds (pictures, voters), NaN where all abstained: (pictures,).

    A voter that the calibration does not know has no weight until a model set is fitted with it: counted at a
    guess, it would spoil what a confidence means. Only where nobody else votes, those there are count alike.
    What `NEIGHBOURS` say is calibrated already, and stands in the place of what the picture looks like by itself.
    """
    weights = weights_of(log_odds, voters, calibration)
    has_voted = ~np.isnan(log_odds)
    said = np.where(has_voted, log_odds, 0.0) * weights
    if NEIGHBOURS in voters:
        column = list(voters).index(NEIGHBOURS)
        by_looks = np.array([voter not in NOT_BY_LOOKS for voter in voters], dtype=bool)
        said = np.where(has_voted[:, [column]] & by_looks, 0.0, said)
        said[:, column] = np.where(has_voted[:, column], log_odds[:, column], 0.0)
    counted = np.maximum(has_voted.sum(axis=1), 1)
    plain = np.where(has_voted.any(axis=1), np.nansum(log_odds, axis=1) / counted, np.nan)
    is_known = is_heard(log_odds, voters, weights).any(axis=1)
    probability: Doubles = 1 / (1 + np.exp(-np.where(is_known, said.sum(axis=1), plain)))
    return probability


def is_heard(log_odds: Doubles, voters: Sequence[str], weights: Doubles) -> NDArray[np.bool_]:
    """Votes that make the probability of a picture, those with weight and of `NEIGHBOURS`: (pictures, voters)."""
    counts = (weights > 0) | (np.array(voters, dtype=object) == NEIGHBOURS)
    heard: NDArray[np.bool_] = ~np.isnan(log_odds) & counts
    return heard


def weights_of(log_odds: Doubles, voters: Sequence[str], calibration: Calibration) -> Doubles:
    """What the log-odds (pictures, voters) are multiplied by, 0 of voters that the calibration does not know.

    For a picture of which `LEARNED` has nothing to say the calibration counts that labels have not touched.
    """
    names = list(voters)
    own, other = (
        np.array([known.get(voter, 0.0) for voter in names], dtype=np.float64)
        for known in map(effective_weights, (calibration, calibration.untaught or calibration))
    )
    has_learned = (
        ~np.isnan(log_odds[:, [names.index(LEARNED)]]) if LEARNED in names else np.zeros((len(log_odds), 1), bool)
    )
    weights: Doubles = np.where(has_learned, own, other)
    return weights


def effective_weights(calibration: Calibration) -> dict[str, float]:
    """What each voter's log-odds are multiplied by: its weight over the temperature."""
    return {voter: weight / calibration.temperature for voter, weight in calibration.weights.items()}


def taken_at_their_word(weights: Mapping[str, float], temperature: float) -> dict[str, float]:
    """The weights with those of voters whose evidence no training picture carries: a weight equal to the temperature
    leaves their log-odds as they are."""
    return {**weights, **{voter: temperature for voter in TAKEN_AT_THEIR_WORD if voter not in weights}}
