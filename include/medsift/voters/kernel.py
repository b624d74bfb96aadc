"""Medical or not by likeness to groups of the training pictures, whatever their kinds: a kernel over vectors."""

from typing import ClassVar

import numpy as np

from medsift.contracts import Vote
from medsift.modelsets import ModelSet
from medsift.voters import Evidence, Prompted, register

NONE_FITTED = "no kernel fitted for this encoder"


@register("kernel")
class KernelVoter:
    """P(medical) from a head's kernel; abstains without one for the encoder's vectors. Names no kind."""

    name: ClassVar[str] = "kernel"
    uses_clusters: ClassVar[bool] = False

    def vote(self, evidence: Evidence, prompted: Prompted, model_set: ModelSet | None) -> list[Vote]:
        """P(medical) of every picture."""
        head = model_set.head() if model_set else None
        vectors = evidence.vectors.get(prompted.encoder)
        if head is None or head.kernel is None or vectors is None or head.encoder != prompted.encoder:
            return [Vote(sha256, self.name, None, reason=NONE_FITTED) for sha256 in evidence.sha256s]
        reason = f"by likeness to {len(head.kernel.centres)} groups of training pictures"
        probability = 1 / (1 + np.exp(-head.kernel.log_odds(vectors)))
        return [
            Vote(sha256, self.name, float(p), reason=reason)
            for sha256, p in zip(evidence.sha256s, probability, strict=True)
        ]
