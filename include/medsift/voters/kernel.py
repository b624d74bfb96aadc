"""Medical or not by likeness to groups of the training pictures, whatever their kinds: a kernel over vectors."""

from typing import ClassVar

import numpy as np

from medsift.contracts import Vote
from medsift.modelsets import ModelSet
from medsift.voters import Evidence, Prompted, abstain, head_of, register

NONE_FITTED = "no kernel fitted for this encoder"


@register("kernel")
class KernelVoter:
    """P(medical) from a head's kernel; abstains without one for the encoder's vectors. Names no kind."""

    name: ClassVar[str] = "kernel"
    uses_clusters: ClassVar[bool] = False

    def vote(self, evidence: Evidence, prompted: Prompted, model_set: ModelSet | None) -> list[Vote]:
        """P(medical) of every picture."""
        found = head_of(evidence, prompted, model_set)
        if found is None or (kernel := found[0].kernel) is None:
            return abstain(self.name, evidence.sha256s, NONE_FITTED)
        reason = f"by likeness to {len(kernel.centres)} groups of training pictures"
        probability = 1 / (1 + np.exp(-kernel.log_odds(found[1])))
        return [
            Vote(sha256, self.name, float(p), reason=reason)
            for sha256, p in zip(evidence.sha256s, probability, strict=True)
        ]
