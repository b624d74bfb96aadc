"""The default: log-odds of the votes, weighted as they earned it on labelled pictures, over one temperature."""

from collections.abc import Sequence

import numpy as np

from medsift.contracts import Verdict, Vote
from medsift.modelsets import Calibration, ModelSet
from medsift.strategies import Doubles, Tally, register


@register("weighted_log_odds")
def weighted_log_odds(
    sha256s: Sequence[str], votes: Sequence[Vote], model_set: ModelSet | None, review_threshold: float
) -> list[Verdict]:
    """P = sigmoid(sum of weight x log-odds / temperature) over the voters that did not abstain."""
    tally = Tally.of(sha256s, votes)
    calibration = model_set.calibration if model_set else _equal(tally.voters)
    return tally.verdicts(combine(tally.log_odds(), tally.voters, calibration), review_threshold)


def combine(log_odds: Doubles, voters: Sequence[str], calibration: Calibration) -> Doubles:
    """P(medical) of each picture from log-odds (pictures, voters), NaN where all abstained: (pictures,).

    A voter that the calibration does not know has no weight until a model set is fitted with it: counted at a
    guess, it would spoil what a confidence means. Only where nobody else votes, those there are count alike.
    """
    weights = np.array([calibration.weights.get(voter, 0.0) for voter in voters])
    has_voted = ~np.isnan(log_odds)
    summed = np.where(has_voted, log_odds, 0.0) @ weights / calibration.temperature
    known = (has_voted & (weights > 0)).any(axis=1)
    counted = np.maximum(has_voted.sum(axis=1), 1)
    plain = np.where(has_voted.any(axis=1), np.nansum(log_odds, axis=1) / counted, np.nan)
    probability: Doubles = 1 / (1 + np.exp(-np.where(known, summed, plain)))
    return probability


def _equal(voters: Sequence[str]) -> Calibration:
    return Calibration(dict.fromkeys(voters, 1 / max(len(voters), 1)), 1.0)
