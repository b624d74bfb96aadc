"""The picture's likeness to words decides where voters disagree: in profile clip, CLIP does."""

from collections.abc import Sequence

import numpy as np

from medsift.contracts import Verdict, Vote
from medsift.modelsets import ModelSet
from medsift.strategies import Doubles, Tally, register

DECIDES = "zero_shot"


@register("zero_shot_decides")
def zero_shot_decides(
    sha256s: Sequence[str], votes: Sequence[Vote], _model_set: ModelSet | None, review_threshold: float
) -> list[Verdict]:
    """P = mean of the votes where all are on one side or `zero_shot` abstains, else what `zero_shot` says."""
    tally = Tally.of(sha256s, votes)
    return tally.verdicts(settled(tally.probabilities, tally.voters), review_threshold)


def settled(probabilities: Doubles, voters: Sequence[str]) -> Doubles:
    """P(medical) of each picture from votes (pictures, voters), NaN where all abstained: (pictures,)."""
    has_voted = ~np.isnan(probabilities)
    mean = np.nansum(probabilities, axis=1) / np.maximum(has_voted.sum(axis=1), 1)
    medical, other = (probabilities >= 0.5).any(axis=1), (probabilities < 0.5).any(axis=1)
    decisive = probabilities[:, list(voters).index(DECIDES)] if DECIDES in voters else np.full(len(mean), np.nan)
    result: Doubles = np.where(medical & other & ~np.isnan(decisive), decisive, mean)
    return np.where(has_voted.any(axis=1), result, np.nan)
