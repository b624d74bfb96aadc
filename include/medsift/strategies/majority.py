"""One voter, one vote."""

from collections.abc import Sequence

import numpy as np

from medsift.contracts import Verdict, Vote
from medsift.modelsets import ModelSet
from medsift.strategies import Doubles, Tally, register


@register("majority")
def majority(
    sha256s: Sequence[str], votes: Sequence[Vote], _model_set: ModelSet | None, review_threshold: float
) -> list[Verdict]:
    """P = share of the voters that say medical; a tie is settled by the mean of what they say."""
    tally = Tally.of(sha256s, votes)
    return tally.verdicts(vote_shares(tally.probabilities), review_threshold)


def vote_shares(probabilities: Doubles) -> Doubles:
    """Share of votes for medical, or the mean probability at a tie, NaN where all abstained: (pictures,)."""
    has_voted = ~np.isnan(probabilities)
    counted = np.maximum(has_voted.sum(axis=1), 1)
    share = (probabilities >= 0.5).sum(axis=1) / counted
    mean = np.nansum(probabilities, axis=1) / counted
    result: Doubles = np.where(has_voted.any(axis=1), np.where(share == 0.5, mean, share), np.nan)
    return result
