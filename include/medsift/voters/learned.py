"""What people's labels of other pictures taught."""

from typing import ClassVar

import numpy as np

from medsift.contracts import Vote
from medsift.modelsets import ModelSet
from medsift.modelsets.learned import LEAST_OF_EACH
from medsift.voters import Evidence, Prompted, abstain, register

NONE_FITTED = (
    f"nothing learnt from labels yet: `medsift modelset refit` needs {LEAST_OF_EACH} medical and {LEAST_OF_EACH} others"
)


@register("learned")
class LearnedVoter:
    """Logistic regression on labelled pictures; abstains until the model set has it for the encoders in use, and of
    pictures unlike those that were labelled."""

    name: ClassVar[str] = "learned"
    uses_clusters: ClassVar[bool] = False

    def vote(self, evidence: Evidence, prompted: Prompted, model_set: ModelSet | None) -> list[Vote]:
        """P(medical) of every picture; it names no kind."""
        learned = model_set.learned() if model_set else None
        if learned is None or not learned.weights.keys() <= evidence.vectors.keys():
            return abstain(self.name, evidence.sha256s, NONE_FITTED)
        odds, is_alike = learned.log_odds(evidence.vectors), learned.is_like_labelled(evidence.vectors)
        return [
            self._vote(sha256, float(own), learned.labels, is_alike=bool(alike))
            for sha256, own, alike in zip(evidence.sha256s, odds, is_alike, strict=True)
        ]

    def _vote(self, sha256: str, odds: float, labels: int, *, is_alike: bool) -> Vote:
        if np.isnan(odds):
            return Vote(sha256, self.name, None, reason="its vector holds no numbers")
        if not is_alike:
            return Vote(sha256, self.name, None, reason=f"unlike all of the {labels} labelled pictures")
        probability = float(1 / (1 + np.exp(-odds)))
        side = "medical" if probability >= 0.5 else "non-medical"
        return Vote(sha256, self.name, probability, reason=f"looks {side} after {labels} labels")
