"""The default: log-odds of the votes, weighted as they earned it on labelled pictures, over one temperature."""

from collections.abc import Sequence

import numpy as np

from medsift.contracts import Verdict, Vote
from medsift.modelsets import Calibration, ModelSet
from medsift.modelsets.calibrating import combine, is_heard, weights_of
from medsift.modelsets.operating_points import EVEN
from medsift.strategies import Doubles, Flags, Tally, register

UNFITTED = Calibration({}, 1.0)  # nobody has weight: the mean log-odds of those who voted


@register("weighted_log_odds")
def weighted_log_odds(
    sha256s: Sequence[str], votes: Sequence[Vote], model_set: ModelSet | None, review_threshold: float
) -> list[Verdict]:
    """P = sigmoid(sum of weight x log-odds / temperature) over the voters that did not abstain.

    The only strategy whose P the operating points of a model set are of: medical from the set's threshold on.
    """
    tally = Tally.of(sha256s, votes)
    calibration = model_set.calibration if model_set else UNFITTED
    log_odds = tally.log_odds()
    probability = combine(log_odds, tally.voters, calibration)
    heard = _heard(log_odds, tally.voters, weights_of(log_odds, tally.voters, calibration))
    return tally.verdicts(probability, review_threshold, heard, model_set.threshold if model_set else EVEN)


def _heard(log_odds: Doubles, voters: Sequence[str], weights: Doubles) -> Flags:
    """Whose votes make the probability: those that count, or all of a picture's where none does."""
    heard = is_heard(log_odds, voters, weights)
    result: Flags = heard | (~np.isnan(log_odds) & ~heard.any(axis=1, keepdims=True))
    return result
