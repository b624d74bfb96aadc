"""The default: log-odds of the votes, weighted as they earned it on labelled pictures, over one temperature."""

from collections.abc import Sequence

import numpy as np

from medsift.contracts import Verdict, Vote
from medsift.modelsets import Calibration, ModelSet
from medsift.strategies import Doubles, Flags, Tally, register

UNFITTED = Calibration({}, 1.0)  # nobody has weight: the mean log-odds of those who voted


@register("weighted_log_odds")
def weighted_log_odds(
    sha256s: Sequence[str], votes: Sequence[Vote], model_set: ModelSet | None, review_threshold: float
) -> list[Verdict]:
    """P = sigmoid(sum of weight x log-odds / temperature) over the voters that did not abstain."""
    tally = Tally.of(sha256s, votes)
    calibration = model_set.calibration if model_set else UNFITTED
    log_odds = tally.log_odds()
    probability = combine(log_odds, tally.voters, calibration)
    return tally.verdicts(probability, review_threshold, _heard(log_odds, _weights(tally.voters, calibration)))


def combine(log_odds: Doubles, voters: Sequence[str], calibration: Calibration) -> Doubles:
    """P(medical) of each picture from log-odds (pictures, voters), NaN where all abstained: (pictures,).

    A voter that the calibration does not know has no weight until a model set is fitted with it: counted at a
    guess, it would spoil what a confidence means. Only where nobody else votes, those there are count alike.
    """
    weights = _weights(voters, calibration)
    has_voted = ~np.isnan(log_odds)
    summed = np.where(has_voted, log_odds, 0.0) @ weights / calibration.temperature
    counted = np.maximum(has_voted.sum(axis=1), 1)
    plain = np.where(has_voted.any(axis=1), np.nansum(log_odds, axis=1) / counted, np.nan)
    probability: Doubles = 1 / (1 + np.exp(-np.where(_is_known(log_odds, weights), summed, plain)))
    return probability


def _heard(log_odds: Doubles, weights: Doubles) -> Flags:
    """Whose votes make the probability: those with weight, or all of a picture's where none has any."""
    heard: Flags = ~np.isnan(log_odds) & ((weights > 0) | ~_is_known(log_odds, weights)[:, None])
    return heard


def _is_known(log_odds: Doubles, weights: Doubles) -> Flags:
    known: Flags = np.any(~np.isnan(log_odds) & (weights > 0), axis=1)
    return known


def _weights(voters: Sequence[str], calibration: Calibration) -> Doubles:
    return np.array([calibration.weights.get(voter, 0.0) for voter in voters], dtype=np.float64)
